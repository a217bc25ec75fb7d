"""Profiles on the disk: kept by digest, never trusted, never in the way."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from greenloop.errors import ModelNotFoundError, StorageError
from greenloop.tools.model.profile import DEFAULT, Profile
from greenloop.tools.model.profiles import ProfileStore, as_json, profile_for, profile_from
from greenloop.tools.model.server import Server
from greenloop.tools.standin.start import start_standin

DIGEST = "ab" * 32
FOUND = Profile("probe", 200, True, False, 3.4, 16384, 900.5, 41.0, True)


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "data" / "profiles")


def test_there_and_back(store: ProfileStore) -> None:
    assert store.load(DIGEST) is None
    store.save(DIGEST, "a:7b", FOUND)
    assert store.load(DIGEST) == FOUND
    store.save(DIGEST, "a:7b", replace(FOUND, num_ctx=0))
    assert store.load(DIGEST) == replace(FOUND, num_ctx=0)
    assert [path.name for path in store.folder.iterdir()] == [f"{DIGEST}.json"]
    assert store.load("cd" * 32) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"format": 99, "profile": {}}',
        b'{"format": 1}',
        b'{"format": 1, "profile": {"num_ctx": "many"}}',
        b'{"format": 1, "profile": {"num_ctx": -1}}',
        b'{"format": 1, "profile": {"num_ctx": true}}',
        b'{"format": 1, "profile": {"native_tools": 1}}',
        b'{"format": 1, "profile": {"chars_per_token": 0}}',
        b'{"format": 1, "profile": {"chars_per_token": NaN}}',
        b'{"format": 1, "profile": {"source": "rumour"}}',
        b"[" * 50_000,
    ],
    ids=lambda data: str(data[:40]),
)
def test_a_broken_file_is_as_none_and_is_replaced(store: ProfileStore, data: bytes) -> None:
    store.folder.mkdir(parents=True)
    (store.folder / f"{DIGEST}.json").write_bytes(data)
    assert store.load(DIGEST) is None
    store.save(DIGEST, "a:7b", FOUND)
    assert store.load(DIGEST) == FOUND


def test_fields_of_another_version() -> None:
    data: dict[str, Any] = as_json(FOUND)
    del data["thinks"]
    assert profile_from(data | {"new": 1}) == replace(FOUND, thinks=False)


def test_a_profile_survives_json() -> None:
    assert profile_from(json.loads(json.dumps(as_json(FOUND)))) == FOUND


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "AB" * 32, "short"])
def test_what_is_no_digest_names_no_file(store: ProfileStore, digest: str) -> None:
    assert store.load(digest) is None
    with pytest.raises(StorageError, match="update Ollama"):
        store.save(digest, "a:7b", FOUND)
    assert not store.folder.exists()


def test_a_folder_that_cannot_be_written(store: ProfileStore, no_override: None) -> None:
    store.folder.mkdir(parents=True)
    store.folder.chmod(0o500)
    with pytest.raises(StorageError):
        store.save(DIGEST, "a:7b", FOUND)
    store.folder.chmod(0o700)


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("")
    store = ProfileStore(tmp_path / "profiles")
    assert store.load(DIGEST) is None
    with pytest.raises(StorageError, match="another data_dir"):
        store.save(DIGEST, "a:7b", FOUND)


def test_others_cannot_look_into_the_folder(store: ProfileStore) -> None:
    store.save(DIGEST, "a:7b", FOUND)
    assert store.folder.stat().st_mode & 0o077 == 0


def test_a_measured_profile_wins_over_the_family(tmp_path: Path, store: ProfileStore) -> None:
    with start_standin({"models": ["qwen2.5-coder:7b", "qwen2.5-coder:14b"]}, tmp_path) as standin:
        server = Server(standin.url)
        assert profile_for(server, "qwen2.5-coder:7b", store).source == "family"
        offered = server.find("qwen2.5-coder:7b")
        assert offered is not None
        store.save(offered.digest, offered.name, FOUND)
        assert profile_for(server, "qwen2.5-coder:7b", store) == FOUND
        assert profile_for(server, "qwen2.5-coder:14b", store).source == "family"


def test_what_the_server_lists_is_certain(tmp_path: Path, store: ProfileStore) -> None:
    models = [
        {"name": "qwen3:8b", "capabilities": ["completion"]},
        {"name": "gpt-oss:20b", "capabilities": ["completion", "thinking", "tools"]},
        {"name": "me/new", "capabilities": ["completion", "thinking", "tools"]},
    ]
    with start_standin({"models": models}, tmp_path) as standin:
        server = Server(standin.url)
        assert not profile_for(server, "qwen3:8b", store).thinks
        assert not profile_for(server, "gpt-oss:20b", store).native_tools
        new = profile_for(server, "me/new", store)
        assert new.thinks
        assert not new.native_tools
        with pytest.raises(ModelNotFoundError, match="`ollama pull nothing`"):
            profile_for(server, "nothing", store)


def test_the_default_is_a_profile_like_any_other() -> None:
    assert profile_from({}) == DEFAULT
