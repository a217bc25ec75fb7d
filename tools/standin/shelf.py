"""The models of the stand-in: what is offered, what is loaded, and with which window."""

import hashlib
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from greenloop.tools.standin.script import OfferedModel
from greenloop.tools.standin.wire import timestamp

_SIZE = 4_683_087_332
_FOREVER = 100 * 365 * 86400.0
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(slots=True)
class _Loaded:
    num_ctx: int
    expires: float


class Shelf:
    """Which model is where."""

    def __init__(self, models: Sequence[OfferedModel]) -> None:
        self._models = {_tagged(model.name): model for model in models}
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> OfferedModel | None:
        """The offered model of that name; a name without a tag means `latest`."""
        return self._models.get(_tagged(name))

    def load(self, name: str, num_ctx: int, keep_s: float) -> bool:
        """Have a model in memory with that window; True when it had to be loaded for it."""
        with self._lock:
            self._forget_expired()
            before = self._loaded.get(_tagged(name))
            self._loaded[_tagged(name)] = _Loaded(num_ctx, time.time() + keep_s)
            return before is None or before.num_ctx != num_ctx

    def unload(self, name: str) -> None:
        """Drop a model from memory."""
        with self._lock:
            self._loaded.pop(_tagged(name), None)

    def tags(self) -> dict[str, Any]:
        """Answer of /api/tags."""
        return {"models": [_entry(name, model) for name, model in self._models.items()]}

    def running(self) -> dict[str, Any]:
        """Answer of /api/ps."""
        with self._lock:
            self._forget_expired()
            return {
                "models": [
                    _base(name)
                    | {"expires_at": timestamp(loaded.expires), "size_vram": _SIZE}
                    | {"context_length": loaded.num_ctx}
                    for name, loaded in self._loaded.items()
                ]
            }

    def _forget_expired(self) -> None:
        now = time.time()
        self._loaded = {k: v for k, v in self._loaded.items() if v.expires > now}


def show(model: OfferedModel) -> dict[str, Any]:
    """Answer of /api/show."""
    return {
        "modelfile": f"FROM {model.name}\n",
        "parameters": 'stop                           "<|im_end|>"',
        "template": "{{ .Prompt }}",
        "system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        "details": _DETAILS,
        "model_info": {
            "general.architecture": "qwen2",
            "qwen2.context_length": model.context_length,
            "tokenizer.ggml.tokens": None,
        },
        "capabilities": list(model.capabilities),
        "modified_at": _MODIFIED,
    }


def keep_seconds(value: object) -> float:
    """Meaning of keep_alive: seconds as a number, or a duration as Go writes it.

    Raises:
        ValueError: neither; with Go's words.
    """
    if value is None:
        return 300.0
    seconds = float(value) if isinstance(value, int | float) else _duration(str(value))
    return _FOREVER if seconds < 0 else seconds


def _duration(text: str) -> float:
    if re.fullmatch(r"[-+]?0", text):
        return 0.0
    sign = -1.0 if text.startswith("-") else 1.0
    body = text.lstrip("+-")
    parts = re.findall(r"(\d+\.?\d*|\.\d+)([^\d.]*)", body)
    if not parts or "".join(a + b for a, b in parts) != body:
        raise ValueError(f'time: invalid duration "{text}"')
    for _, unit in parts:
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


_MODIFIED = "2026-01-05T10:00:00.123456789Z"
_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "qwen2",
    "families": ["qwen2"],
    "parameter_size": "7.6B",
    "quantization_level": "Q4_K_M",
}


def _base(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {"name": name, "model": name, "size": _SIZE, "digest": digest, "details": _DETAILS}


def _entry(name: str, model: OfferedModel) -> dict[str, Any]:
    details = _DETAILS | {"context_length": model.context_length}
    return _base(name) | {
        "modified_at": _MODIFIED,
        "details": details,
        "capabilities": list(model.capabilities),
    }
