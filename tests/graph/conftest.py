"""A folder with a quick check, ready for runs of the graph."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graph_bench.bench import FILES, Bench

from greenloop.graph.storage import open_storage
from greenloop.tools.model.scripted import ScriptedModel


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    with open_storage(tmp_path / "data") as storage:
        yield Bench(folder, storage, ScriptedModel(()))
