"""What every retriever promises, whatever it searches by."""

from collections.abc import Callable
from pathlib import Path

import pytest

from greenloop.tools.retrieval.base import Hit, Retriever
from greenloop.tools.retrieval.open import RetrieverKind

Write = Callable[[Path, dict[str, str]], None]
Open = Callable[[RetrieverKind, Path, Path], Retriever]
Indexed = Callable[[RetrieverKind], Retriever]

ALL: list[RetrieverKind] = ["keyword", "semantic", "hybrid", "none"]
FINDING: list[RetrieverKind] = ["keyword", "semantic", "hybrid"]
all_kinds = pytest.mark.parametrize("kind", ALL)
finding = pytest.mark.parametrize("kind", FINDING)

WEIRD = [
    '"',
    '"unbalanced AND (',
    "NEAR(a b, 3) OR * NOT ^cart",
    "name: {path} : cart*",
    "größe 日本語 🛒 \ud800",
    "'; DROP TABLE chunks; --",
    "nul \0 byte",
    "cart " * 2000,
    " ".join(f"word{n}" for n in range(2500)),
]


def paths(hits: list[Hit]) -> list[str]:
    return [hit.chunk.path for hit in hits]


def names(hits: list[Hit]) -> list[str]:
    return [hit.chunk.name for hit in hits]


@all_kinds
def test_empty_workspace_is_searched_without_a_result(
    kind: RetrieverKind, tmp_path: Path, open_kind: Open
) -> None:
    (tmp_path / "empty").mkdir()
    retriever = open_kind(kind, tmp_path / "empty", tmp_path / "cache")
    assert retriever.refresh() == 0
    assert retriever.search("anything") == []


@all_kinds
def test_search_before_the_first_refresh_is_empty(
    kind: RetrieverKind, shop: Path, tmp_path: Path, open_kind: Open
) -> None:
    assert open_kind(kind, shop, tmp_path / "cache").search("cart") == []


@all_kinds
@pytest.mark.parametrize("query", ["", " \n\t "])
def test_empty_query_has_no_answer(kind: RetrieverKind, query: str, shop_index: Indexed) -> None:
    assert shop_index(kind).search(query) == []


@finding
@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("drop entry from cart", "shop/cart.py"),
        ("format_price", "shop/money.py"),
        ("verify the user's password", "shop/login.py"),
        ("parse http header", "shop/storage.py"),
        ("deployment of the container image", "README.md"),
    ],
)
def test_finds_the_obvious_file_first(
    kind: RetrieverKind, query: str, path: str, shop_index: Indexed
) -> None:
    assert paths(shop_index(kind).search(query))[0] == path


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("remove an item from the basket", "drop_entry"),
        ("send an e-mail to the buyer", "notify_customer"),
        ("check the credentials when somebody signs in", "verify_password"),
        ("how many pieces are left in the depot", "count_available"),
    ],
)
def test_meaning_finds_what_shares_no_word(query: str, name: str, shop_index: Indexed) -> None:
    assert names(shop_index("semantic").search(query))[0] == name
    assert name in names(shop_index("hybrid").search(query, 3))


@finding
@pytest.mark.parametrize("k", [0, 1, 3, 100])
def test_answers_are_bounded_sorted_and_distinct(
    kind: RetrieverKind, k: int, shop_index: Indexed
) -> None:
    hits = shop_index(kind).search("cart order price server", k)
    assert len(hits) <= k
    assert bool(hits) == (k > 0)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert len({h.chunk.key for h in hits}) == len(hits)


@finding
def test_chunks_are_the_files_exact_lines(
    kind: RetrieverKind, shop: Path, shop_index: Indexed
) -> None:
    hits = shop_index(kind).search("cart order price server header", 100)
    assert hits
    for chunk in (hit.chunk for hit in hits):
        lines = (shop / chunk.path).read_text(encoding="utf-8").split("\n")
        assert chunk.text == "\n".join(lines[chunk.start - 1 : chunk.end])


@all_kinds
@pytest.mark.parametrize("query", WEIRD, ids=range(len(WEIRD)))
def test_any_text_is_a_valid_query(kind: RetrieverKind, query: str, shop_index: Indexed) -> None:
    assert len(shop_index(kind).search(query, 5)) <= 5


@finding
def test_refresh_follows_edits_deletions_and_renames(
    kind: RetrieverKind, tmp_path: Path, write: Write, open_kind: Open
) -> None:
    root = tmp_path / "project"
    write(root, {"a.py": "def alpha():\n    pass\n", "b.py": "def beta():\n    pass\n"})
    write(root, {"c.py": "def gamma():\n    pass\n"})
    retriever = open_kind(kind, root, tmp_path / "cache")
    assert retriever.refresh() == 3
    assert retriever.refresh() == 0

    write(root, {"a.py": "# moved down\n\n\ndef omega():\n    pass\n"})
    (root / "b.py").unlink()
    (root / "c.py").rename(root / "d.py")
    assert retriever.refresh() == 2

    found = {hit.chunk.key: hit.chunk.name for hit in retriever.search("alpha beta gamma omega")}
    assert found.get("a.py:4-5") == "omega"
    assert found.get("d.py:1-2") == "gamma"
    assert not {"alpha", "beta"} & set(found.values())
    assert not any(key.startswith(("b.py", "c.py")) for key in found)


@finding
def test_an_edit_of_equal_size_right_after_a_refresh_is_seen(
    kind: RetrieverKind, tmp_path: Path, write: Write, open_kind: Open
) -> None:
    root = tmp_path / "project"
    write(root, {"a.py": "def alpha():\n    pass\n"})
    retriever = open_kind(kind, root, tmp_path / "cache")
    retriever.refresh()
    write(root, {"a.py": "def omega():\n    pass\n"})
    assert retriever.refresh() == 1
    assert names(retriever.search("omega")) == ["omega"]


@finding
def test_survives_close_and_reopen(
    kind: RetrieverKind, tmp_path: Path, write: Write, open_kind: Open
) -> None:
    root = tmp_path / "project"
    write(root, {"a.py": "def alpha():\n    pass\n"})
    first = open_kind(kind, root, tmp_path / "cache")
    first.refresh()
    first.close()
    first.close()
    second = open_kind(kind, root, tmp_path / "cache")
    assert names(second.search("alpha")) == ["alpha"]
    assert second.refresh() == 0
    assert names(first.search("alpha")) == ["alpha"]


@finding
def test_unicode_and_broken_files_are_found(
    kind: RetrieverKind, tmp_path: Path, write: Write, open_kind: Open
) -> None:
    root = tmp_path / "project"
    write(
        root,
        {
            "größe.py": 'def größe_messen():\n    return "Länge"\n',
            "broken.py": "def unfinished(:\n    frobnicate(\n",
        },
    )
    (root / "latin.py").write_bytes("def pay():\n    return 'caf\u00e9'\n".encode("latin-1"))
    retriever = open_kind(kind, root, tmp_path / "cache")
    assert retriever.refresh() == 3
    assert paths(retriever.search("größe messen"))[0] == "größe.py"
    assert paths(retriever.search("unfinished frobnicate"))[0] == "broken.py"
    (latin,) = [h.chunk for h in retriever.search("pay") if h.chunk.path == "latin.py"]
    assert latin.text == "def pay():\n    return 'caf\ufffd'"
