"""What a node that waited repeats when it runs again is shown once."""

from greenloop.cli.once import Once
from greenloop.state import Event


def event(kind: str, text: str = "", step: int = 2, node: str = "code") -> Event:
    return Event(thread="t", step=step, seq=0, node=node, kind=kind, text=text)


def shown(*events: Event) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    once = Once(lambda each: seen.append((each.kind, each.text)))
    for each in events:
        once(each)
    return seen


_FIRST = (event("started"), event("prompt"), event("text", "so"), event("reply", "so"))
_ASKED = event("asked", "edits", step=1, node="")


def test_a_node_that_runs_again_is_shown_once() -> None:
    again = (event("started"), event("prompt"), event("note", "not asked again"))
    new = (event("reply", "so"), event("refused", "no"), event("note", "mine"), event("diff"))
    assert shown(*_FIRST, _ASKED, *again, *new) == [
        ("started", ""), ("prompt", ""), ("text", "so"), ("reply", "so"), ("asked", "edits"),
        ("refused", "no"), ("note", "mine"), ("diff", ""),
    ]  # fmt: skip


def test_what_differs_the_second_time_is_shown_from_there_on() -> None:
    again = (event("started"), event("theirs", "a.py"), event("prompt"))
    assert shown(*_FIRST, *again)[4:] == [("theirs", "a.py"), ("prompt", "")]


def test_a_third_time_repeats_both() -> None:
    second = (*_FIRST, event("refused", "no"))
    assert shown(*_FIRST, *second, *second)[4:] == [
        ("text", "so"),
        ("refused", "no"),
        ("text", "so"),
    ]


def test_the_same_node_later_in_the_run_is_another_one() -> None:
    later = tuple(event(each.kind, each.text, step=4) for each in _FIRST)
    assert len(shown(*_FIRST, *later)) == 2 * len(_FIRST)
