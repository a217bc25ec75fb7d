"""What Ollama tells of its models: the answers of /api/tags, /api/ps, /api/show and /v1/models."""

import hashlib
from typing import Any

from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.shelf import Loaded, Shelf
from greenloop.tools.standin.wire import timestamp

_MODIFIED = "2026-01-05T10:00:00.123456789Z"
_MODIFIED_S = 1_767_607_200
_CALLS = {
    "qwen": "{{ if .ToolCalls }}{{ range .ToolCalls }}<tool_call>\n"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n</tool_call>'
    "{{ end }}{{ end }}",
    "llama": '{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", '
    '"parameters": {{ .Function.Arguments }}}{{ end }}',
    "mistral": '{{ if .ToolCalls }}[TOOL_CALLS] [{{ range .ToolCalls }}{"name": '
    '"{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}]{{ end }}',
}


def tags(shelf: Shelf) -> dict[str, Any]:
    """Answer of /api/tags."""
    return {"models": [_offered(name, model) for name, model in shelf.offered()]}


def running(shelf: Shelf) -> dict[str, Any]:
    """Answer of /api/ps."""
    return {"models": [_loaded(name, entry) for name, entry in shelf.running()]}


def openai_models(shelf: Shelf) -> dict[str, Any]:
    """Answer of /v1/models."""
    data = [
        {"id": name, "object": "model", "created": _MODIFIED_S, "owned_by": "library"}
        for name, _ in shelf.offered()
    ]
    return {"object": "list", "data": data}


def show(model: OfferedModel) -> dict[str, Any]:
    """Answer of /api/show."""
    parameters = [("stop", '"<|im_end|>"')]
    if model.num_ctx:
        parameters.append(("num_ctx", str(model.num_ctx)))
    return {
        "modelfile": f"FROM {model.name}\n",
        "parameters": "\n".join(f"{key:<30} {value}" for key, value in parameters),
        "template": "{{ .Prompt }}" + _CALLS.get(model.template, ""),
        "system": model.system,
        "details": _details(model),
        "model_info": _info(model),
        "capabilities": list(model.capabilities),
        "modified_at": _MODIFIED,
    }


def digest(model: OfferedModel) -> str:
    """Of the manifest, as hexadecimal digits."""
    return model.digest or hashlib.sha256(model.name.encode()).hexdigest()


def _info(model: OfferedModel) -> dict[str, Any]:
    family = model.family
    return {
        "general.architecture": family,
        "general.parameter_count": _parameters(model.parameter_size),
        f"{family}.block_count": model.layers,
        f"{family}.context_length": model.context_length,
        f"{family}.embedding_length": model.embedding_length,
        f"{family}.attention.head_count": max(1, model.embedding_length // model.head_size),
        f"{family}.attention.head_count_kv": model.kv_heads,
        f"{family}.attention.key_length": model.head_size,
        f"{family}.attention.value_length": model.head_size,
        "tokenizer.ggml.tokens": None,
    }


def _parameters(size: str) -> int:
    units = {"B": 1e9, "M": 1e6}
    return round(float(size[:-1]) * units[size[-1]]) if size[-1:] in units else 0


def _details(model: OfferedModel) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


def _base(name: str, model: OfferedModel, size: int) -> dict[str, Any]:
    shown = {"name": name, "model": name, "size": size, "digest": digest(model)}
    return shown | {"details": _details(model)}


def _offered(name: str, model: OfferedModel) -> dict[str, Any]:
    lengths = {"context_length": model.context_length, "embedding_length": model.embedding_length}
    return _base(name, model, model.size) | {
        "modified_at": _MODIFIED,
        "details": _details(model) | lengths,
        "capabilities": list(model.capabilities),
    }


def _loaded(name: str, entry: Loaded) -> dict[str, Any]:
    return _base(name, entry.model, entry.size) | {
        "expires_at": timestamp(entry.expires),
        "size_vram": entry.size_vram,
        "context_length": entry.num_ctx,
    }
