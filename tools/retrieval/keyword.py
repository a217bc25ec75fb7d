"""Search by words: SQLite FTS5 over tokens made by our own tokenizer, ranked by BM25."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from greenloop.tools.retrieval.base import Chunk, Hit
from greenloop.tools.retrieval.chunks import document
from greenloop.tools.retrieval.store import ChunkStore
from greenloop.tools.retrieval.tokens import STOP_WORDS, tokens

__all__ = ["KeywordRetriever"]

_MAX_TERMS = 60
_MAX_WEIGHED = 2000
"""Distinct tokens of a question that are looked up in the vocabulary to find the rarest."""

_SEARCH = """
    SELECT c.path, c.first, c.last, c.name, c.text, -bm25(words, 2.0, 8.0, 1.0) AS score
    FROM words JOIN chunks AS c ON c.id = words.rowid
    WHERE words MATCH ? ORDER BY score DESC, c.path, c.first LIMIT ?
"""
"""Weights of path, name and body, measured on bug-fix commits of public projects. FTS5's bm25 is
negative and better when smaller (sqlite.org/fts5.html#the_bm25_function)."""


class _Words:
    """The full-text table: one row of tokens for each chunk."""

    # Our tokens are words already, so FTS5's own tokenizer has only spaces to find.
    schema: Sequence[str] = (
        "CREATE VIRTUAL TABLE words USING"
        " fts5(path, name, body, tokenize = 'unicode61 remove_diacritics 0')",
        "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row)",
    )

    def add(self, db: sqlite3.Connection, row: int, chunk: Chunk) -> None:
        texts = (chunk.path, chunk.name, document(chunk))
        db.execute(
            "INSERT INTO words (rowid, path, name, body) VALUES (?, ?, ?, ?)",
            (row, *(" ".join(tokens(text)) for text in texts)),
        )

    def remove(self, db: sqlite3.Connection, path: str) -> None:
        db.execute(
            "DELETE FROM words WHERE rowid IN (SELECT id FROM chunks WHERE path = ?)", (path,)
        )


class KeywordRetriever:
    """Finds chunks that share words with the question; the parts of identifiers are words.

    Args:
        workspace: the folder to search.
        index: the database file, outside of the workspace. It is a cache: made when missing,
            made anew when damaged.
    """

    name = "keyword"

    def __init__(self, workspace: Path, index: Path) -> None:
        self._store = ChunkStore(workspace, index, _Words())

    def refresh(self) -> int:
        """Bring the index up to date; returns how many files were new or changed.

        Raises:
            StorageError: the index cannot be written.
            WorkspaceError: the workspace is not a folder.
        """
        return self._store.refresh()

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The k best chunks by BM25, best first; any text is a valid query.

        Raises:
            StorageError: the index cannot be read.
        """
        words = _terms(query)
        if not words or k <= 0:
            return []

        def read(db: sqlite3.Connection) -> list[Hit]:
            match = " OR ".join(f'"{word}"' for word in _rarest(db, words))
            rows = db.execute(_SEARCH, (match, k)) if match else ()
            return [Hit(Chunk(*row[:5]), row[5]) for row in rows]

        return self._store.run(read)

    def close(self) -> None:
        """Release the database; may be called twice."""
        self._store.close()


def _terms(query: str) -> list[str]:
    distinct = list(dict.fromkeys(tokens(query)))
    return [word for word in distinct if word not in STOP_WORDS] or distinct


def _rarest(db: sqlite3.Connection, words: list[str]) -> list[str]:
    """At most sixty words: of a longer question those that are in the fewest chunks."""
    if len(words) <= _MAX_TERMS:
        return words
    counts: dict[str, int] = {}
    for word in words[:_MAX_WEIGHED]:
        row = db.execute("SELECT doc FROM vocabulary WHERE term = ?", (word,)).fetchone()
        if row is not None:
            counts[word] = row[0]
    return sorted(counts, key=lambda word: counts[word])[:_MAX_TERMS]
