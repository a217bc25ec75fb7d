"""Fusion: scores of two lists made comparable, on lists written by hand."""

import pytest

from greenloop.tools.retrieval.base import Chunk, Hit
from greenloop.tools.retrieval.hybrid import CANDIDATES, HybridRetriever


class Fixed:
    """Answers every question with the same list."""

    def __init__(self, scores: dict[str, float], changed: int = 0) -> None:
        self.name = "fixed"
        self.closed = False
        self.asked: list[int] = []
        self._changed = changed
        self._hits = [Hit(Chunk(f"{n}.py", 1, 1, n, n), s) for n, s in scores.items()]

    def refresh(self) -> int:
        return self._changed

    def search(self, query: str, k: int = 10) -> list[Hit]:
        self.asked.append(k)
        return self._hits[:k]

    def close(self) -> None:
        self.closed = True


class Unclosable(Fixed):
    def close(self) -> None:
        raise OSError("disk")


def fused(keyword: dict[str, float], semantic: dict[str, float], k: int = 10) -> list[Hit]:
    return HybridRetriever(Fixed(keyword), Fixed(semantic)).search("question", k)


def order(hits: list[Hit]) -> list[str]:
    return [hit.chunk.name for hit in hits]


def test_scores_are_the_weighted_sum_of_z_scores() -> None:
    hits = fused({"a": 3.0, "b": 1.0}, {"b": 0.9, "a": 0.1})
    assert [(h.chunk.name, h.score) for h in hits] == [("a", 0.5), ("b", -0.5)]


def test_scale_and_offset_of_a_list_do_not_matter() -> None:
    near = fused({"a": 3.0, "b": 1.0, "c": 2.0}, {"b": 0.9, "a": 0.1, "c": 0.3})
    far = fused({"a": 30.0, "b": 10.0, "c": 20.0}, {"b": 9.9, "a": 9.1, "c": 9.3})
    assert order(near) == order(far)
    assert [h.score for h in near] == pytest.approx([h.score for h in far])


def test_a_single_match_by_word_counts() -> None:
    semantic = {"a": 0.5, "b": 0.45, "c": 0.4, "exact": 0.1}
    assert order(fused({"exact": 2.0}, semantic))[0] == "exact"


def test_missing_from_a_full_list_counts_as_its_lowest_score() -> None:
    keyword = {f"n{i:02}": 100.0 - i for i in range(CANDIDATES)}
    hits = fused(keyword, {"n49": 0.5, "only": 0.5}, CANDIDATES)
    scores = {hit.chunk.name: hit.score for hit in hits}
    assert scores["only"] == scores["n49"]


def test_an_empty_list_leaves_the_other_one_in_charge() -> None:
    assert order(fused({}, {"a": 0.9, "b": 0.8})) == ["a", "b"]
    assert order(fused({"a": 9.0, "b": 8.0}, {})) == ["a", "b"]
    assert fused({}, {}) == []


def test_equal_scores_are_ordered_by_place() -> None:
    assert order(fused({"b": 1.0, "a": 1.0}, {})) == ["a", "b"]


def test_candidates_are_asked_for_whatever_k_is() -> None:
    keyword, semantic = Fixed({"a": 2.0, "b": 1.0}), Fixed({"a": 0.2})
    hybrid = HybridRetriever(keyword, semantic)
    assert order(hybrid.search("q", 1)) == ["a"]
    hybrid.search("q", 80)
    assert hybrid.search("q", 0) == []
    assert keyword.asked == semantic.asked == [CANDIDATES, 80]


def test_refresh_counts_files_once() -> None:
    assert HybridRetriever(Fixed({}, changed=3), Fixed({}, changed=2)).refresh() == 3


def test_both_are_closed_even_when_the_first_fails() -> None:
    semantic = Fixed({})
    with pytest.raises(OSError, match="disk"):
        HybridRetriever(Unclosable({}), semantic).close()
    assert semantic.closed
