"""A short torture: nothing is lost or doubled, and what counts can be told from what does not."""

import json
import sys
from pathlib import Path

from benchmarks.crash import figures, measure, table
from benchmarks.crash_books import Questions
from benchmarks.crash_cases import cases
from greenloop.tools.standin.start import Standin

KILLS = 4


def test_killed_runs_lose_and_double_nothing() -> None:
    told: list[str] = []
    counts = measure(KILLS, seed=7, tell=told.append)
    found = figures(counts)
    assert counts.troubles == [], told
    assert counts.kills >= KILLS
    assert counts.integrity_ok
    zero = ("lost_edits", "doubled_edits", "nodes_rerun", "replies_asked_twice", "trees_unequal",
            "not_resumed")  # fmt: skip
    assert {name: found[name] for name in zero} == dict.fromkeys(zero, 0)
    assert [line.split()[0] for line in table(counts).splitlines()] == list(found)


def test_a_question_whose_reply_was_on_record_is_told_from_one_whose_reply_was_lost(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    log.touch()
    questions = Questions(Standin("http://127.0.0.1:1", None, log))  # type: ignore[arg-type]

    def asked(*words: str, outcome: str = "completed") -> None:
        with log.open("a", encoding="utf-8") as file:
            for word in words:
                body = {"messages": [word]}
                line = {"path": "/api/chat", "body": body, "outcome": outcome}
                file.write(json.dumps(line) + "\n")

    asked("first", "second")
    assert questions.look(0) == (0, 0)
    asked("second")  # the first is on record
    assert questions.look(1) == (0, 1)
    asked("third", outcome="disconnected")
    assert questions.look(2) == (0, 0)
    asked("third", "first")
    assert questions.look(2) == (1, 0)
    questions.new_task()
    asked("first")
    assert questions.look(0) == (0, 0)


def test_every_edit_of_a_case_shows_when_it_is_lost_or_doubled(tmp_path: Path) -> None:
    for case in cases(sys.executable):
        folder = tmp_path / case.name
        folder.mkdir()
        case.write(folder)
        files = [p for p in folder.rglob("*") if p.is_file() and ".git" not in p.parts]
        before = "".join(path.read_text(encoding="utf-8") for path in files)
        said = "".join(str(reply["text"]) for reply in case.replies)
        assert not any(line in before for line in case.lines)
        assert all(line in said for line in case.lines)
