"""What small models really wrote, from a shared collection that is not part of the project."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenloop.errors import EditError
from greenloop.tools.edit_apply import apply_edits
from greenloop.tools.edit_parse import parse_edits
from greenloop.tools.files import Workspace

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "model_outputs.jsonl"
FLOOR = 1.0
"""Share of the replies in our formats that must be handled as expected."""
DIFF_STARTS = ("--- ", "```diff", "*** Begin Patch")

pytestmark = pytest.mark.skipif(
    not CORPUS.is_file(), reason="the shared corpus of model replies is not beside the checkout"
)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    reply: str
    before: dict[str, str]
    after: dict[str, str]


def rows() -> list[Row]:
    found = []
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] != "edit" or row["raw"].startswith("{"):  # tool calls: another parser
            continue
        expected = row["expected"]
        new = {expected["path"]: expected["file_after"]} if expected["kind"] == "edit" else {}
        before = row["file_before"]
        found.append(Row(row["id"], row["raw"], before, {**before, **new}))
    return found


def handled(row: Row, root: Path) -> dict[str, str]:
    for path, text in row.before.items():
        (root / path).write_bytes(text.encode())
    workspace = Workspace(root)
    with suppress(EditError):
        apply_edits(workspace, parse_edits(row.reply), lambda path: False)
    return {path: (root / path).read_bytes().decode() for path in workspace.walk()}


def test_share_of_replies_handled_as_expected(tmp_path: Path) -> None:
    ours = [row for row in rows() if not row.reply.startswith(DIFF_STARTS)]
    wrong = []
    for row in ours:
        (tmp_path / row.name).mkdir()
        if handled(row, tmp_path / row.name) != row.after:
            wrong.append(row.name)
    assert len(ours) >= 20
    assert 1 - len(wrong) / len(ours) >= FLOOR, wrong


def test_diffs_are_refused_with_the_recipe() -> None:
    diffs = [row for row in rows() if row.reply.startswith(DIFF_STARTS)]
    assert diffs
    for row in diffs:
        with pytest.raises(EditError, match="unified diffs are not understood"):
            parse_edits(row.reply)
