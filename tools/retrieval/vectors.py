"""Vectors on disk: a Chroma collection that is only ever given vectors made by us."""

import contextlib
import gc
import hashlib
import importlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from greenloop.errors import ConfigError, StorageError
from greenloop.tools.retrieval.embedder import MISSING

__all__ = ["DamagedVectors", "VectorStore"]

_PREFIX = "vectors-"
_MACHINE_FAULTS = ("locked", "disk is full", "readonly", "read-only", "permission", "no space")
"""Words in Chroma's errors that say something of the machine, not of the files' content."""


class DamagedVectors(StorageError):
    """The stored vectors cannot be read: make them anew."""


class VectorStore:
    """Vectors by id in cosine space. Opens at first use, also again after `close`.

    Args:
        folder: holds one numbered sub-folder; a rebuild makes the next, because Chroma keeps a
            broken database's path in memory for the rest of the process.
        model: the vectors of different models are kept apart.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._folder = folder
        self._name = "chunks-" + hashlib.sha256(model.encode()).hexdigest()[:16]
        self._client: Any = None
        self._collection: Any = None

    @property
    def exists(self) -> bool:
        """Whether something was ever stored; opens nothing."""
        return bool(self._generations())

    def ids(self) -> set[str]:
        """Every id stored.

        Raises:
            ConfigError: Chroma is missing or cannot start.
            StorageError: the files cannot be read; DamagedVectors if a rebuild would help.
        """
        with self._guard():
            return set(self._opened().get(include=[])["ids"])

    def add(self, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Store vectors, replacing those with the same id; raises as `ids` does."""
        with self._guard():
            self._opened().upsert(ids=list(ids), embeddings=[list(v) for v in vectors])

    def remove(self, ids: Sequence[str]) -> None:
        """Delete vectors; raises as `ids` does."""
        with self._guard():
            self._opened().delete(ids=list(ids))

    def nearest(self, vector: Sequence[float], n: int) -> list[tuple[str, float]]:
        """Ids and cosine similarities of the n nearest, nearest first; raises as `ids` does."""
        with self._guard():
            collection = self._opened()
            n = min(n, collection.count())
            if n <= 0:
                return []
            found = collection.query(
                query_embeddings=[list(vector)], n_results=n, include=["distances"]
            )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        # Chroma's cosine distance is one minus the similarity.
        return [(key, 1.0 - float(distance)) for key, distance in pairs]

    def rebuild(self) -> None:
        """Forget everything and start in a new sub-folder.

        Raises:
            StorageError: the old files cannot be deleted.
        """
        self.close()
        old = self._generations()
        number = old[-1] + 1 if old else 0
        try:
            (self._folder / f"{_PREFIX}{number}").mkdir(mode=0o700, parents=True)
            for generation in old:
                shutil.rmtree(self._folder / f"{_PREFIX}{generation}")
        except OSError as error:
            raise StorageError(self._message(error)) from error

    def close(self) -> None:
        """Release the database; may be called twice."""
        if self._client is None:
            return
        self._client.close()
        self._client = self._collection = None
        # A stopped Chroma is a ring of references that holds its database open until collected.
        gc.collect()

    def _opened(self) -> Any:
        if self._collection is None:
            chromadb = _chroma()
            generations = self._generations() or [0]
            folder = self._folder / f"{_PREFIX}{generations[-1]}"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The .env file of the folder we happen to stand in is not for us.
            settings = chromadb.config.Settings(_env_file=None, anonymized_telemetry=False)
            try:
                self._client = chromadb.PersistentClient(path=str(folder), settings=settings)
            except (ValueError, AttributeError) as error:
                # Beside its own errors it lets these two out over a database it cannot read.
                raise DamagedVectors(self._message(error)) from error
            self._collection = self._client.get_or_create_collection(
                self._name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        return self._collection

    def _generations(self) -> list[int]:
        names = (p.name.removeprefix(_PREFIX) for p in self._folder.glob(f"{_PREFIX}*"))
        return sorted(int(name) for name in names if name.isdecimal())

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        chroma_error = _chroma().errors.ChromaError
        try:
            yield
        except chroma_error as error:
            fault = str(error).lower()
            if any(word in fault for word in _MACHINE_FAULTS):
                raise StorageError(self._message(error)) from error
            raise DamagedVectors(self._message(error)) from error
        except OSError as error:
            raise StorageError(self._message(error)) from error

    def _message(self, error: Exception) -> str:
        return (
            f"the search index {self._folder} cannot be used ({_line(error)}): free"
            " space, correct its permissions or delete it"
        )


def _chroma() -> Any:
    try:
        chromadb = importlib.import_module("chromadb")
        importlib.import_module("chromadb.errors")
    except ImportError as error:
        raise ConfigError(MISSING) from error
    except (OSError, ValueError) as error:
        # Chroma reads settings, and a .env file in the current folder, while it is imported.
        raise ConfigError(
            f"Chroma cannot start, correct its settings in the environment or in .env here:"
            f" {_line(error)}"
        ) from error
    return chromadb


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
