"""Search by meaning: chunks as vectors of an embedding model, nearest first."""

import contextlib
import fcntl
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

from greenloop.errors import ConfigError, StorageError
from greenloop.tools.retrieval.base import Hit
from greenloop.tools.retrieval.chunks import document
from greenloop.tools.retrieval.embedder import (
    DEFAULT_MODEL,
    MISSING,
    load_embedder,
    semantic_available,
)
from greenloop.tools.retrieval.store import ChunkStore
from greenloop.tools.retrieval.vectors import DamagedVectors, VectorStore

__all__ = ["SemanticRetriever"]

_BATCH = 128
"""Chunks embedded between two writes: what a kill can cost, some seconds of work."""
_SPARE = 20
"""Asked for beyond k, as another process may have deleted chunks since."""


class SemanticRetriever:
    """Finds chunks whose meaning is close to the question, also where no word is shared.

    A chunk's vector is stored under a hash of its document, so a chunk that only moved is not
    embedded again, and what a killed refresh left undone is just what the next one finds missing.

    Args:
        workspace: the folder to search.
        index: a folder for the index, outside of the workspace. It is a cache.
        model: `DEFAULT_MODEL`, or any name or folder that sentence-transformers knows.
        device: for torch, for example `cpu`, `cuda`, `mps`.

    Raises:
        ConfigError: the extra `semantic` is not installed.
    """

    name = "semantic"

    def __init__(
        self, workspace: Path, index: Path, model: str = DEFAULT_MODEL, device: str = "cpu"
    ) -> None:
        if not semantic_available(model):
            raise ConfigError(MISSING)
        self.embedded = 0
        """Chunks embedded by this object so far."""
        self._index = index
        self._model = model
        self._device = device
        self._store = ChunkStore(workspace, index / "chunks.sqlite3")
        self._vectors = VectorStore(index, model)
        self._lock = threading.RLock()

    def refresh(self) -> int:
        """Bring the index up to date; returns how many files were new or changed.

        The first refresh of a large repository embeds some thirty chunks a second on a CPU. While
        another process writes the same index this one leaves the vectors to it.

        Raises:
            ConfigError: the model cannot be loaded.
            InfrastructureError: the index cannot be written, or embedding failed.
            WorkspaceError: the workspace is not a folder.
        """
        with self._lock:
            changed = self._store.refresh()
            self._complete()
            return changed

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The k best chunks by cosine similarity, best first.

        Raises:
            ConfigError: the model cannot be loaded.
            InfrastructureError: the index cannot be read, or embedding failed.
        """
        if not query.strip() or k <= 0 or not self._vectors.exists:
            return []
        with self._lock:
            vector = load_embedder(self._model, self._device).query(query)
            scores = dict(self._nearest(vector, k + _SPARE))
            stored = self._store.by_digest(scores)
        hits = [Hit(chunk, scores[key]) for key, chunks in stored.items() for chunk in chunks]
        return sorted(hits, key=lambda h: (-h.score, h.chunk.path, h.chunk.start))[:k]

    def close(self) -> None:
        """Release files; may be called twice. The model stays loaded for this process."""
        with self._lock:
            self._store.close()
            self._vectors.close()

    def _nearest(self, vector: list[float], n: int) -> list[tuple[str, float]]:
        try:
            return self._vectors.nearest(vector, n)
        except DamagedVectors:
            self._complete(rebuild=True)
            return self._vectors.nearest(vector, n)

    def _complete(self, rebuild: bool = False) -> None:
        with _sole_writer(self._index) as ours:
            if not ours:
                return
            try:
                if rebuild:
                    self._vectors.rebuild()
                self._fill()
            except DamagedVectors:
                self._vectors.rebuild()
                self._fill()

    def _fill(self) -> None:
        """Make the stored vectors those of the stored chunks, whatever was there before."""
        wanted = self._store.digests()
        if not wanted and not self._vectors.exists:
            return
        present = self._vectors.ids()
        gone = iter(sorted(present - wanted))
        while batch := list(itertools.islice(gone, _BATCH)):
            self._vectors.remove(batch)
        missing = iter(sorted(wanted - present))
        while batch := list(itertools.islice(missing, _BATCH)):
            self._embed(batch)

    def _embed(self, digests: list[str]) -> None:
        stored = self._store.by_digest(digests)
        if not stored:
            return
        texts = [document(chunks[0]) for chunks in stored.values()]
        self._vectors.add(list(stored), load_embedder(self._model, self._device).documents(texts))
        self.embedded += len(texts)


@contextlib.contextmanager
def _sole_writer(folder: Path) -> Iterator[bool]:
    """Whether no other process writes here; Chroma's files bear only one writer."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stream = (folder / "writer.lock").open("w")
    except OSError as error:
        raise StorageError(
            f"the search index {folder} cannot be written ({error}): correct its permissions or"
            " name another cache folder"
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
