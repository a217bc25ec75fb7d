"""What a model of the stand-in is: size, shape, abilities, and how its server reads its replies.

The figures of known models are those of the Ollama library; a name that is not known is taken
for a model of the size and shape of qwen2.5-coder:7b.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

TEMPLATES = ("qwen", "llama", "mistral", "jinja", "xml", "none")
PARSERS = ("", "qwen3-coder", "qwen3", "harmony")
_BYTES_PER_VALUE = 2
"""Of the KV cache in f16, the default."""


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model of the stand-in; the fields are described in `script.py`."""

    name: str
    context_length: int = 32768
    capabilities: Sequence[str] = ("completion", "tools", "insert")
    family: str = "qwen2"
    parameter_size: str = "7.6B"
    quantization: str = "Q4_K_M"
    digest: str = ""
    size: int = 4_683_087_332
    layers: int = 28
    kv_heads: int = 4
    head_size: int = 128
    embedding_length: int = 3584
    kv_bytes: int | None = None
    num_ctx: int = 0
    template: str = "qwen"
    parser: str = ""
    system: str = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    shift: bool = True
    think_always: bool = False
    think_in_content: bool = False
    ignores_format: bool = False

    @classmethod
    def parse(cls, data: "str | Mapping[str, Any]") -> "OfferedModel":
        """Read an entry of `models`: what it does not say comes from what is known of the name.

        Raises:
            ValueError: a key that means nothing, or no name.
        """
        given = {"name": data} if isinstance(data, str) else dict(data)
        unknown = sorted(given.keys() - {f.name for f in fields(cls)})
        if unknown or not given.get("name"):
            raise ValueError(f"model: unknown keys {unknown}" if unknown else "model: no name")
        model = replace(_known(given["name"]), **given)
        if model.template not in TEMPLATES or model.parser not in PARSERS:
            raise ValueError(f"model: template is one of {TEMPLATES}, parser of {PARSERS}")
        return model

    @property
    def reads_calls_as(self) -> str:
        """How the server looks for tool calls in a reply: a parser comes before the template."""
        return {"": self.template, "qwen3-coder": "xml"}.get(self.parser, self.parser)

    @property
    def kv_per_token(self) -> int:
        """Bytes of the KV cache for each token of the window: keys and values of every layer."""
        if self.kv_bytes is not None:
            return self.kv_bytes
        return 2 * self.layers * self.kv_heads * self.head_size * _BYTES_PER_VALUE


_QWEN25 = OfferedModel("qwen2.5-coder:7b")
_QWEN3 = OfferedModel(
    "qwen3:8b",
    context_length=40960,
    capabilities=("completion", "tools", "thinking"),
    family="qwen3",
    parameter_size="8.2B",
    size=5_225_388_164,
    layers=36,
    kv_heads=8,
    embedding_length=4096,
    system="",
)
_LLAMA = OfferedModel(
    "llama3.1:8b",
    context_length=131_072,
    capabilities=("completion", "tools"),
    family="llama",
    parameter_size="8.0B",
    size=4_920_753_328,
    layers=32,
    kv_heads=8,
    embedding_length=4096,
    template="llama",
    system="",
)
_KNOWN = {
    model.name: model
    for model in (
        _QWEN25,
        _QWEN3,
        _LLAMA,
        replace(_QWEN25, name="qwen2.5-coder:1.5b", parameter_size="1.5B", size=986_062_089,
                kv_heads=2, embedding_length=1536),
        replace(_QWEN25, name="qwen2.5-coder:3b", parameter_size="3.1B", size=1_929_912_626,
                layers=36, kv_heads=2, embedding_length=2048),
        replace(_QWEN25, name="qwen2.5-coder:14b", parameter_size="14.8B", size=8_988_124_298,
                layers=48, kv_heads=8, embedding_length=5120),
        replace(_QWEN3, name="qwen3:4b", parameter_size="4.0B", size=2_620_788_260,
                embedding_length=2560),
        replace(_QWEN3, name="qwen3-coder:30b", context_length=262_144, family="qwen3moe",
                capabilities=("completion", "tools"), parameter_size="30.5B", size=18_556_701_140,
                layers=48, kv_heads=4, embedding_length=2048, parser="qwen3-coder"),
        replace(_LLAMA, name="llama3.2:3b", parameter_size="3.2B", size=2_019_393_189,
                layers=28, embedding_length=3072),
        replace(_LLAMA, name="mistral:7b", context_length=32768, parameter_size="7.2B",
                size=4_372_824_384, template="mistral"),
        replace(_LLAMA, name="gemma3:4b", capabilities=("completion", "vision"), family="gemma3",
                parameter_size="4.3B", size=3_338_801_804, layers=34, kv_heads=4, head_size=256,
                embedding_length=2560, template="none"),
        replace(_LLAMA, name="deepseek-coder-v2:16b", context_length=163_840, family="deepseek2",
                capabilities=("completion", "insert"), parameter_size="15.7B",
                quantization="Q4_0", size=8_905_126_121, layers=27, kv_heads=16,
                embedding_length=2048, template="none", shift=False),
        OfferedModel("gpt-oss:20b", context_length=131_072, family="gptoss",
                     capabilities=("completion", "tools", "thinking"), parameter_size="20.9B",
                     quantization="MXFP4", size=13_793_441_244, layers=24, kv_heads=8,
                     head_size=64, embedding_length=2880, template="none", parser="harmony",
                     system="", think_always=True),
        OfferedModel("nomic-embed-text", context_length=2048, capabilities=("embedding",),
                     family="nomic-bert", parameter_size="137M", quantization="F16",
                     size=274_302_450, layers=12, embedding_length=768, kv_bytes=0,
                     template="none", system=""),
    )
}  # fmt: skip


def _known(name: str) -> OfferedModel:
    """The model of that name, or else of the same name before the tag."""
    if name in _KNOWN:
        return _KNOWN[name]
    base = name.partition(":")[0]
    relatives = (model for known, model in _KNOWN.items() if known.partition(":")[0] == base)
    return next(relatives, _QWEN25)
