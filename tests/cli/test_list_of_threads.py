"""`greenloop threads` in a terminal: a thread to a line, however long its task is."""

import sys
from pathlib import Path

import pytest
from graph_bench.bench import CHECK, FILES, Bench
from terminal import terminal

from greenloop.graph.storage import open_stores
from greenloop.tools.model.scripted import ScriptedModel


@pytest.mark.parametrize(("columns", "shows"), [(100, "change all of the"), (40, "unsolved")])
def test_a_thread_to_a_line(columns: int, shows: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, None, ScriptedModel(()))  # type: ignore[arg-type]  # opened below
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    with open_stores(bench.settings({"test_cmd": CHECK})) as bench.storage:
        bench.start("change all of the " + "words " * 30, budget_calls=1)
    words = (sys.executable, "-m", "greenloop", "threads")
    with terminal(words, tmp_path, {"COLUMNS": str(columns), "LINES": "24"}) as screen:
        assert screen.wait() == 0
    (line,) = screen.said.splitlines()
    assert shows in line
    assert line.startswith("change-all-of-the")
    assert len(line) <= columns or columns == 40, "the name and how it stands are never cut"
