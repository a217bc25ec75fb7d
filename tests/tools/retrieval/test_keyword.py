"""The keyword index as a file: damage, other formats, other processes, long questions."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from greenloop.errors import StorageError
from greenloop.tools.retrieval.keyword import KeywordRetriever

Write = Callable[[Path, dict[str, str]], None]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "keyword.sqlite3"


def found(retriever: KeywordRetriever, query: str, k: int = 10) -> list[str]:
    return [hit.chunk.name for hit in retriever.search(query, k)]


def indexed(shop: Path, index: Path) -> None:
    with closing(KeywordRetriever(shop, index)) as retriever:
        assert retriever.refresh() == 8


def test_a_name_weighs_more_than_a_mention(shop: Path, index: Path, write: Write) -> None:
    write(shop, {"a.py": "def other():\n    persist()\n    persist()\n    persist()\n"})
    with closing(KeywordRetriever(shop, index)) as retriever:
        retriever.refresh()
        assert found(retriever, "persist") == ["OrderArchive.persist", "other"]


def test_a_long_question_keeps_its_rare_words(shop: Path, index: Path) -> None:
    with closing(KeywordRetriever(shop, index)) as retriever:
        retriever.refresh()
        noise = " ".join(f"zq{one}{two}q" for one in "bcdfghjkl" for two in "bcdfghjkl")
        assert found(retriever, f"{noise} warehouse", 1) == ["count_available"]
        assert found(retriever, noise) == []


def test_function_words_alone_are_still_searched(shop: Path, index: Path) -> None:
    with closing(KeywordRetriever(shop, index)) as retriever:
        retriever.refresh()
        assert found(retriever, "what a")


@pytest.mark.parametrize("damage", ["header", "middle", "empty", "foreign"])
def test_a_damaged_index_is_made_anew(shop: Path, index: Path, damage: str) -> None:
    indexed(shop, index)
    data = index.read_bytes()
    if damage == "header":
        index.write_bytes(b"no database" * 1000)
    elif damage == "middle":
        index.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    elif damage == "empty":
        index.write_bytes(b"")
    else:
        index.unlink()
        with closing(sqlite3.connect(index)) as db:
            db.execute("CREATE TABLE chunks (other TEXT)")
    with closing(KeywordRetriever(shop, index)) as retriever:
        retriever.refresh()
        assert found(retriever, "drop entry", 1) == ["drop_entry"]


def test_damage_found_by_a_search_is_repaired_by_it(shop: Path, index: Path) -> None:
    indexed(shop, index)
    index.write_bytes(b"no database" * 1000)
    with closing(KeywordRetriever(shop, index)) as retriever:
        assert found(retriever, "drop entry", 1) == ["drop_entry"]


def test_an_index_of_another_version_is_made_anew(shop: Path, index: Path) -> None:
    indexed(shop, index)
    with closing(sqlite3.connect(index)) as db:
        db.execute("PRAGMA user_version = 9999")
    with closing(KeywordRetriever(shop, index)) as retriever:
        assert retriever.refresh() == 8


def test_a_place_that_cannot_be_written_is_an_error(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    retriever = KeywordRetriever(shop, tmp_path / "file" / "keyword.sqlite3")
    with pytest.raises(StorageError, match="cannot be used"):
        retriever.refresh()


def test_two_retrievers_share_one_index(shop: Path, index: Path, write: Write) -> None:
    with (
        closing(KeywordRetriever(shop, index)) as one,
        closing(KeywordRetriever(shop, index)) as other,
    ):
        one.refresh()
        assert found(other, "drop entry", 1) == ["drop_entry"]
        write(shop, {"new.py": "def brand_new():\n    pass\n"})
        assert other.refresh() == 1
        assert one.refresh() == 0
        assert found(one, "brand new", 1) == ["brand_new"]


def test_an_interrupted_refresh_is_completed_by_the_next(shop: Path, index: Path) -> None:
    indexed(shop, index)
    with closing(sqlite3.connect(index)) as db, db:
        db.execute("DELETE FROM files WHERE path LIKE 'shop/%'")
    with closing(KeywordRetriever(shop, index)) as retriever:
        assert retriever.refresh() == 6
        assert found(retriever, "drop_entry").count("drop_entry") == 1


def test_the_index_is_for_its_owner_only(shop: Path, index: Path) -> None:
    indexed(shop, index)
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
