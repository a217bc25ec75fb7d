"""The faulty line must be among the most suspicious ones."""

from typing import Any

from greenloop.tools.repair.localize import suspicions
from greenloop.tools.repair.observe import FailedTest, Observation, read_observation
from greenloop.tools.repair.source import SourceFile

TEXT = """\
LIMIT = 10
OTHER = 3


def f(n):
    if n > LIMIT:
        return n - 1
    return n


def g(n):
    return n + 1
"""
FILES = {"m.py": SourceFile("m.py", TEXT.encode())}


def lines(*numbers: int) -> frozenset[tuple[str, int]]:
    return frozenset(("m.py", number) for number in numbers)


def test_lines_of_failing_tests_only_come_first() -> None:
    seen = Observation(
        failing=(FailedTest("t::bad"),),
        failing_lines={"t::bad": lines(6, 7)},
        passing_lines={"t::good": lines(6, 8), "t::g": lines(12)},
    )
    scores = suspicions(seen, FILES)
    assert max(scores, key=lambda line: scores[line]) == ("m.py", 7)
    assert ("m.py", 12) not in scores
    assert scores["m.py", 6] > scores.get(("m.py", 8), 0.0)


def test_a_constant_is_suspected_through_the_code_that_names_it() -> None:
    seen = Observation(failing=(FailedTest("t::bad"),), failing_lines={"t::bad": lines(6, 7)})
    scores = suspicions(seen, FILES)
    assert scores["m.py", 1] > 2 * scores["m.py", 2]


def test_the_innermost_frame_of_a_traceback_stands_out() -> None:
    seen = Observation(
        failing=(FailedTest("t::bad", frames=(("m.py", 6), ("m.py", 8))),),
        failing_lines={"t::bad": lines(6, 8, 12)},
    )
    scores = suspicions(seen, FILES)
    assert scores["m.py", 8] > scores["m.py", 6] > scores["m.py", 12]


def test_events_become_an_observation() -> None:
    events: list[dict[str, Any]] = [
        {"event": "test", "id": "a", "outcome": "passed", "seconds": 0.5},
        {"event": "test", "id": "b", "outcome": "failed", "seconds": 0.1, "error": "KeyError"},
        {"event": "test", "id": "c", "outcome": "slow", "seconds": 9.0},
        {"event": "test", "id": "d", "outcome": "failed", "seconds": 0.1},
        {"event": "test", "id": "e", "outcome": "failed", "seconds": 0.1},
        {"event": "setup", "root": "/r", "options": ["-k", "x"], "finished": True, "seconds": 2},
        {"event": "imported", "lines": {"m.py": [1]}},
        {"event": "lines", "id": "b", "outcome": "failed", "lines": {"m.py": [6]}},
        {"event": "lines", "id": "a", "outcome": "passed", "lines": {"m.py": [8]}},
        {"event": "lines", "id": "d", "outcome": "passed", "lines": {"m.py": [8]}},
        {"event": "lines", "id": "e", "outcome": "failed", "lines": {}},
    ]
    seen = read_observation(events, frozenset({"b"}))
    assert [test.test_id for test in seen.failing] == ["b", "d", "e"]
    # d passes when run with a few others, e runs nothing of the project: neither can judge.
    assert [test.test_id for test in seen.targets] == ["b"]
    assert seen.alone == {"d"}
    assert seen.failing_lines["b"] == lines(6)
    assert seen.slowest_s == 0.5
    assert [t.test_id for t in read_observation(events, frozenset({"c"})).failing][1] == "c"
