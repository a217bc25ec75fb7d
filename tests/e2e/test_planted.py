"""A checkpoint that names a function to call is refused in one line, and nothing is called."""

from pathlib import Path

import pytest
from graph_bench.bench import CHECK, FILES, Bench, say
from planted import plant_in, planted

from greenloop.checkpoints.cipher import PLAIN
from greenloop.checkpoints.databases.saver import serde
from greenloop.cli import main
from greenloop.errors import StorageError
from greenloop.graph.storage import open_stores
from greenloop.tools.model.scripted import ScriptedModel

KINDS = (0, 1, 2, 4, 5)
"""Of LangGraph's extensions of msgpack, those that name what is called."""


@pytest.fixture
def thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A thread that can be resumed, of the command line's data folder; we are in its own."""
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GREENLOOP_RETRIEVAL", "none")
    monkeypatch.setenv("GREENLOOP_TEST_CMD", CHECK)
    bench = Bench(folder, None, ScriptedModel(()))  # type: ignore[arg-type]  # opened below
    with open_stores(bench.settings({})) as storage:
        bench.storage = storage
        bench.start("colours", say("wrong"), budget_calls=1)
        return storage.threads.all()[0].thread


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_way_it_is_named_it_is_not_called(kind: int, tmp_path: Path) -> None:
    made = tmp_path / "made"
    with pytest.raises(StorageError, match=r"names the class os\.mkdir"):
        serde(PLAIN).loads_typed(planted("os", "mkdir", str(made), kind))
    assert not made.exists()


@pytest.mark.parametrize("record", [
    ("json", b'{"lc": 2, "type": "constructor", "id": ["os", "mkdir"], "args": ["made"]}'),
    ("json", b'{"lc": 1, "type": "constructor", "id": ["os", "mkdir"], "kwargs": {}}'),
    ("pickle", b"cos\nmkdir\n(Vmade\ntR."),
])  # fmt: skip
def test_other_encodings_are_not_even_read(
    record: tuple[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="greenloop never writes that"):
        serde(PLAIN).loads_typed(record)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [
    ("resume", "THREAD", "--model", "scripted:none"),
    ("history", "THREAD"),
    ("rewind", "THREAD", "--to", "2"),
    ("diff", "THREAD", "1", "2"),
    ("prune",),
    ("threads", "--sizes"),
])  # fmt: skip
def test_no_command_brings_it_to_life(
    command: tuple[str, ...],
    thread: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made, script = tmp_path / "made", tmp_path / "script"
    script.write_text("=== coder\nnothing\n")
    bench = Bench(tmp_path / "repo", None, ScriptedModel(()))  # type: ignore[arg-type]
    with open_stores(bench.settings({})) as storage:
        rows = storage.database.execute("SELECT checkpoint_id, checkpoint FROM checkpoints")
        for name, data in rows:
            storage.database.execute(
                "UPDATE checkpoints SET checkpoint = ? WHERE checkpoint_id = ?",
                (plant_in(data, "os", "mkdir", str(made)), name),
            )
    words = [{"THREAD": thread, "scripted:none": f"scripted:{script}"}.get(w, w) for w in command]
    code = main(words)
    said = capsys.readouterr().err
    assert not made.exists()
    if command[0] not in ("history", "diff"):  # which do without the states
        assert code == 3
        assert "names the class os.mkdir" in said
        assert len([line for line in said.splitlines() if line.startswith("greenloop:")]) == 1
