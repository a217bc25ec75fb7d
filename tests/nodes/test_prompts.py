"""Our own words: few, and the same to the byte from call to call."""

from collections.abc import Mapping

import pytest

from greenloop.nodes.fitting import Part
from greenloop.nodes.prompting import compose, render

TOKENS = 1500
CHARS_PER_TOKEN = 3

SYSTEMS: Mapping[str, Mapping[str, object]] = {
    "coder": {},
    "planner": {"json": True, "most": 20},
    "reviewer": {"json": True},
}
FRAMES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "coder": (
        "coder",
        {
            "task": "", "step": ".", "steps": ".", "files": ".", "feedback": ".",
            "number": 10, "total": 10, "whole": "src/a.py, src/b.py, src/c.py",
        },
    ),
    "planner": ("planner", {"task": "", "report": ""}),
    "replanner": ("planner", {"task": "", "done": ".", "open": ".", "feedback": ""}),
    "reviewer": ("reviewer", {"task": "", "diff": "", "report": ""}),
}  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES)
def test_our_own_words_are_few_in_every_call(frame: str) -> None:
    role, values = FRAMES[frame]
    system = render(f"{role}_system", **SYSTEMS[role])
    own = len(system) + len(render(frame, **values))
    assert own / CHARS_PER_TOKEN <= TOKENS / 2, "half of what is allowed is plenty"


@pytest.mark.parametrize("role", ["planner", "reviewer"])
def test_json_is_asked_for_only_where_it_is_kept(role: str) -> None:
    values = {**SYSTEMS[role], "json": False}
    assert "JSON" in render(f"{role}_system", **SYSTEMS[role])
    assert "JSON" not in render(f"{role}_system", **values)


def test_no_marker_of_a_servers_own_is_used() -> None:
    shown = [render(f"{role}_system", **values) for role, values in SYSTEMS.items()]
    shown += [render(frame, **values) for frame, (_, values) in FRAMES.items()]
    assert not any(mark in text for text in shown for mark in ("<tool", "</", "[TOOL", "<|"))


def test_a_long_task_is_fitted_with_a_mark() -> None:
    def count(text: str) -> int:
        return -(-len(text) // 3)

    task = "please\n" * 150_000
    prompt = compose("planner", [Part("task", task, least=1)], 500, count, report="red")
    assert count(prompt) <= 500
    assert "lines left out" in prompt
    assert prompt.endswith("Tests now: red\n")
