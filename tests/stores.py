"""The three kinds of database, each fresh for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import postgres_server

from greenloop.graph.storage import Storage, open_storage

__all__ = ["address", "lasting", "postgres_server", "storage"]


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def address(request: pytest.FixtureRequest) -> str:
    """As the setting `store`."""
    return _address(request)


@pytest.fixture(params=["sqlite", "postgres"])
def lasting(request: pytest.FixtureRequest) -> str:
    """The address of one that several processes can open."""
    return _address(request)


def _address(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_server").new_database()
        return url
    return "memory:" if request.param == "memory" else ""


@pytest.fixture
def storage(address: str, tmp_path: Path) -> Iterator[Storage]:
    with open_storage(tmp_path / "data", address) as opened:
        yield opened
