"""What an Ollama server says of itself, as records; read leniently, since versions differ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PARAMETER = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmbt])", re.IGNORECASE)
_UNITS = {"k": 1e-6, "m": 1e-3, "b": 1.0, "t": 1e3}
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """An entry of /api/tags: a model on the server's disk."""

    name: str
    digest: str = ""
    """Of the manifest, in hexadecimal; changes with every pull that brings something new."""
    size: int = 0
    """On the disk, in bytes."""
    family: str = ""
    parameter_size: str = ""
    """As the server writes it, such as `7.6B`."""
    quantization: str = ""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """An entry of /api/ps: a model in memory."""

    name: str
    digest: str = ""
    size: int = 0
    """Of weights, context and buffers, in bytes."""
    size_vram: int = 0
    """The part of it that lies on the GPU, in bytes."""
    context_length: int = 0
    """The window that it was really loaded with, in tokens; 0 from servers before 0.10."""

    @property
    def gpu_share(self) -> float:
        """From 0.0, all on the CPU, to 1.0, all on the GPU."""
        return min(1.0, self.size_vram / self.size) if self.size else 0.0

    @property
    def fully_on_gpu(self) -> bool:
        """Whether nothing of it is computed on the CPU."""
        return 0 < self.size <= self.size_vram


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What /api/show knows of a model."""

    family: str = ""
    parameter_size: str = ""
    quantization: str = ""
    trained_context: int = 0
    """Longest context that the model was trained for, in tokens; 0 when unknown."""
    default_num_ctx: int = 0
    """Window that the model's file sets, in tokens; 0 when it sets none."""
    capabilities: tuple[str, ...] | None = None
    """Such as `completion`, `tools`, `thinking`; None from servers before 0.6.4."""

    def can(self, capability: str) -> bool:
        """Whether the server lists that capability."""
        return capability in (self.capabilities or ())


def offered_from(entry: Mapping[str, Any]) -> OfferedModel:
    """Read an entry of /api/tags.

    Raises:
        KeyError: it has no name.
        TypeError: it is no object.
    """
    details = _object(entry, "details")
    return OfferedModel(
        name=str(entry["name"]),
        digest=_digest(entry),
        size=_count(entry, "size"),
        family=_words(details, "family"),
        parameter_size=_words(details, "parameter_size"),
        quantization=_words(details, "quantization_level"),
    )


def loaded_from(entry: Mapping[str, Any]) -> LoadedModel:
    """Read an entry of /api/ps; raises as `offered_from`."""
    return LoadedModel(
        name=str(entry["name"]),
        digest=_digest(entry),
        size=_count(entry, "size"),
        size_vram=_count(entry, "size_vram"),
        context_length=_count(entry, "context_length"),
    )


def facts_from(answer: Mapping[str, Any]) -> ModelFacts:
    """Read the answer of /api/show."""
    details, info = _object(answer, "details"), _object(answer, "model_info")
    architecture = _words(info, "general.architecture")
    parameter = _PARAMETER.search(_words(answer, "parameters"))
    capabilities = answer.get("capabilities")
    return ModelFacts(
        family=_words(details, "family") or architecture,
        parameter_size=_words(details, "parameter_size"),
        quantization=_words(details, "quantization_level"),
        trained_context=_count(info, f"{architecture}.context_length"),
        default_num_ctx=int(parameter[1]) if parameter else 0,
        capabilities=tuple(map(str, capabilities)) if isinstance(capabilities, list) else None,
    )


def tagged(name: str) -> str:
    """A model's full name in lower case: without a tag `:latest` is meant.

    Names are compared without regard to case, as model.Name.EqualFold of Ollama does.
    """
    # A colon before the last slash belongs to a registry's port.
    full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return full.lower()


def billions(parameter_size: str) -> float:
    """Parameters in billions, from `7.6B`, `494.03M` or a tag such as `7b-instruct`; 0: unknown."""
    found = _SIZE.search(parameter_size)
    return float(found[1]) * _UNITS[found[2].lower()] if found else 0.0


def version_number(text: str) -> tuple[int, int, int]:
    """A version as numbers that compare, release candidates as their release; zeros if none."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


def _digest(entry: Mapping[str, Any]) -> str:
    return _words(entry, "digest").removeprefix("sha256:")


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _words(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _count(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
