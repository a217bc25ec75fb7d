"""Choosing a retriever by its name in the settings."""

import hashlib
from pathlib import Path
from typing import Literal

from greenloop.errors import ConfigError
from greenloop.tools.retrieval.base import Hit, Retriever
from greenloop.tools.retrieval.embedder import DEFAULT_MODEL, semantic_available
from greenloop.tools.retrieval.hybrid import HybridRetriever
from greenloop.tools.retrieval.keyword import KeywordRetriever
from greenloop.tools.retrieval.semantic import SemanticRetriever

__all__ = ["DEFAULT_MODEL", "NoRetriever", "RetrieverKind", "open_retriever", "semantic_available"]

RetrieverKind = Literal["hybrid", "keyword", "semantic", "none"]


class NoRetriever:
    """Finds nothing: for those who want the model to see only what it asks for."""

    name = "none"

    def refresh(self) -> int:
        """Nothing to do."""
        return 0

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """Always empty."""
        return []

    def close(self) -> None:
        """Nothing to release."""


def open_retriever(
    kind: RetrieverKind, workspace: Path, cache: Path, model: str = DEFAULT_MODEL
) -> Retriever:
    """A retriever over the workspace; nothing heavy is loaded before its first use.

    `hybrid` without the packages for search by meaning is `keyword`: its `name` tells.

    Args:
        kind: which one.
        workspace: the folder to search.
        cache: holds the indexes of all workspaces, each in a folder of its own.
        model: the embedding model, for `hybrid` and `semantic`.

    Raises:
        ConfigError: an unknown kind, or `semantic` without its packages.
    """
    folder = cache / hashlib.sha256(str(workspace.resolve()).encode()).hexdigest()[:16]
    if kind == "none":
        return NoRetriever()
    if kind == "semantic":
        return SemanticRetriever(workspace, folder / "semantic", model)
    if kind not in ("hybrid", "keyword"):
        raise ConfigError(f"unknown retriever {kind!r}: choose hybrid, keyword, semantic or none")
    keyword = KeywordRetriever(workspace, folder / "keyword.sqlite3")
    if kind == "keyword" or not semantic_available(model):
        return keyword
    return HybridRetriever(keyword, SemanticRetriever(workspace, folder / "semantic", model))
