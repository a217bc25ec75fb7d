import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.outputs import measure, table
from greenloop.errors import UserError


def row(name: str, raw: str, expected: Mapping[str, object], **more: object) -> str:
    return json.dumps({"id": name, "category": "c", "raw": raw, "expected": expected, **more})


CALL = '{"name": "run_command", "arguments": {"command": "ls"}}'
RUNS = {"kind": "tool_calls", "calls": [{"name": "run_command", "arguments": {"command": "ls"}}]}
BLOCK = "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE"
EDITED = {"kind": "edit", "path": "a.py", "file_after": "x = 2\n"}


@pytest.mark.parametrize(
    ("line", "right", "wrong_mutations"),
    [
        (row("a", CALL, RUNS), 1, 0),
        (row("a", CALL, {"kind": "final_text"}), 0, 1),
        (row("a", CALL, {**RUNS, "kind": "tool_calls_or_reject"}), 1, 0),
        (row("a", CALL, RUNS, done_reason="length"), 0, 0),
        (row("a", CALL, {"kind": "reject", "reason": "truncated"}, done=False), 1, 0),
        (row("a", CALL, {"kind": "reject", "reason": "unfit"}, done=False), 0, 0),
        (row("a", "Hello.", {"kind": "final_text", "text": "Hello."}), 1, 0),
        (row("a", "Hello.", {"kind": "nudge"}), 1, 0),
        (row("a", "Hello.", RUNS), 0, 0),
        (row("a", BLOCK, EDITED, file_before={"a.py": "x = 1\n"}), 1, 0),
        (row("a", BLOCK, {**EDITED, "file_after": "y"}, file_before={"a.py": "x = 1\n"}), 0, 1),
        (row("a", BLOCK, EDITED, file_before={"b.py": "x = 1\n"}), 0, 0),
        (row("a", BLOCK, {"kind": "reject"}, file_before={"a.py": "x = 3\n"}), 1, 0),
    ],
)
def test_what_counts_as_right(tmp_path: Path, line: str, right: int, wrong_mutations: int) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(f"{line}\n\n{row('b', 'Hi.', {'kind': 'nudge'})}\n")
    measured = measure(corpus)
    assert (measured.rows, measured.right - 1) == (2, right)
    assert measured.wrong_mutations == wrong_mutations
    assert measured.wrong_ids == (() if right else ("a",))
    assert ("not right: a" in table(measured)) is not bool(right)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json\n",
        "[]\n",
        "{}\n",
        '{"id": "a", "category": "c", "raw": 1, "expected": {}}\n',
        row("a", "x", {}),
        row("a", "x", {"kind": "edit"}),
    ],
)
def test_what_is_no_corpus(tmp_path: Path, text: str) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(text)
    with pytest.raises(UserError) as caught:
        measure(corpus)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_corpus_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        measure(tmp_path / "absent.jsonl")
