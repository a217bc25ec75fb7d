"""`greenloop prune` and `greenloop threads --sizes`, as a user types them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from graph_bench.bench import CHECK, FILES, Bench, say

from greenloop.cli import main
from greenloop.cli.prune import parse_age
from greenloop.cli.sizes import in_bytes
from greenloop.errors import UserError
from greenloop.graph.storage import open_stores
from greenloop.tools.model.scripted import ScriptedModel

KEEP = "VERDICT: keep"


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[list[str]]:
    """Two threads in the data folder of the command line, the newer one first: green, unsolved."""
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    bench = Bench(folder, None, ScriptedModel(()))  # type: ignore[arg-type]  # opened below
    with open_stores(bench.settings({"test_cmd": CHECK})) as storage:
        bench.storage = storage
        bench.start("unsolved", say("wrong"), budget_calls=1)
        bench.start("green", say("red", "blue"), KEEP)
        names = [thread.thread for thread in storage.threads.all()]
    yield names


def test_nothing_goes_by_default_of_a_few(
    threads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prune"]) == 0
    said = capsys.readouterr().out
    assert "no thread was removed" in said
    assert "freed" in said


def test_what_goes_is_named_and_measured(
    threads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    green, unsolved = threads
    assert main(["prune", "--keep", "0", "--dry-run", "--json"]) == 0
    wish = json.loads(capsys.readouterr().out)
    assert (wish["status"], wish["threads"], wish["dry_run"]) == ("would prune", [green], True)
    assert main(["prune", "--keep", "0", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["status"], done["threads"], done["skipped"]) == ("pruned", [green], [])
    assert done["bytes_freed"] == done["bytes_before"] - done["bytes_after"] > 0
    assert main(["threads", "--json"]) == 0
    assert [each["thread"] for each in json.loads(capsys.readouterr().out)] == [unsolved]
    assert main(["prune", unsolved]) == 0
    assert f"removed {unsolved}" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "says"), [
    (["nobody"], "there is no thread"),
    (["x", "--keep", "3"], "either names of threads"),
    (["--older-than", "soon"], "write 30d"),
])  # fmt: skip
def test_mistakes(
    words: list[str], says: str, threads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prune", *words]) == 2
    assert says in capsys.readouterr().err


def test_sizes(threads: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["threads", "--sizes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == threads
    assert lines[-1].startswith("`greenloop prune` would free about")
    assert main(["threads", "--sizes", "--json"]) == 0
    sizes = json.loads(capsys.readouterr().out)
    assert [each["thread"] for each in sizes["threads"]] == threads
    assert sizes["total"] > sum(each["snapshots"] for each in sizes["stores"]) > 0


def test_a_store_is_repaired(threads: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    data = Bench(Path(), None, ScriptedModel(())).settings({}).data  # type: ignore[arg-type]
    assert main(["doctor", "--repair-store"]) == 0
    assert "sound" in capsys.readouterr().out
    with (data / "greenloop.db").open("r+b") as file:
        file.write(bytes(100))
    assert main(["threads"]) == 3
    assert "--repair-store" in capsys.readouterr().err
    assert main(["doctor", "--repair-store", "--json"]) == 0
    saved = json.loads(capsys.readouterr().out)
    assert (saved["status"], sorted(saved["whole"])) == ("repaired", sorted(threads))
    assert Path(saved["aside"]).exists()
    assert main(["threads"]) == 0
    assert main(["doctor", "--repair-store"]) == 0


def test_ages_and_sizes_in_words() -> None:
    assert [parse_age(text) for text in ("", "12h", "30d", "2w")] == [0, 43200, 2592000, 1209600]
    with pytest.raises(UserError, match="write 30d"):
        parse_age("30")
    assert [in_bytes(count) for count in (0, 1023, 1024, 5 * 1024**2, 3 * 1024**5)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "5.0 MiB",
        "3072.0 TiB",
    ]
