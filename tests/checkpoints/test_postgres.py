"""What PostgreSQL alone can do wrong, and what is said then."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from postgres import PASSWORD, Server, postgres_server

from greenloop.checkpoints.databases.postgres import PostgresDatabase
from greenloop.checkpoints.databases.postgres_address import read_address, without_password
from greenloop.errors import ConfigError, GreenloopError, StorageError, UserError
from greenloop.graph.storage import open_storage

__all__ = ["postgres_server"]


@pytest.fixture
def url(postgres_server: Server) -> str:
    return postgres_server.new_database()


@contextmanager
def opened(url: str) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(url)) as database:
        yield database


def refusal(url: str) -> str:
    """What is said of an address that cannot be opened: one line without the password."""
    with pytest.raises(GreenloopError) as caught, opened(url):
        raise AssertionError("opened")
    message = str(caught.value)
    assert "\n" not in message
    assert "horse" not in message
    return message


def test_no_place_holds_a_password(url: str) -> None:
    with opened(url) as database:
        assert database.place.startswith("postgresql://greenloop@127.0.0.1:")
    assert "horse" not in repr(read_address(url))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:horse@host:1/db", "postgresql://ann@host:1/db"),
        ("postgres://ann:a@horse/b@host/db", "postgres://ann@host/db"),
        ("postgresql://host/db?user=ann&password=horse&x=1",
         "postgresql://host/db?user=ann&password=***&x=1"),
        ("postgresql:///db", "postgresql:///db"),
        ("memory:", "memory:"),
        ("", ""),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert without_password(address) == shown


def test_through_a_socket(postgres_server: Server, url: str) -> None:
    folder = str(postgres_server.folder).replace("/", "%2F")
    name = url.rpartition("/")[2]
    password = PASSWORD.replace(" ", "%20")
    local = f"postgres://greenloop:{password}@{folder}:{postgres_server.port}/{name}"
    with opened(url) as database, opened(local) as other:
        assert database.name == other.name
        with database.hold("t", "busy"):
            assert other.is_held("t")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:correct@horse@host/db",
        "postgresql://ann:correct/horse@host/db",
        "postgresql://ann:correct%zzhorse@host/db",
        "postgresql://host/db?horse",
        "postgresql://host/db?horse=1",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_address(address)
    assert "percent form" in refusal(address)


@pytest.mark.parametrize("address", ["mysql://horse@host/db", "file.db", "sqlite:///x"])
def test_other_kinds_of_address(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="begins with postgresql://") as caught:  # noqa: SIM117
        with open_storage(tmp_path, address):
            raise AssertionError("opened")
    assert "horse" not in str(caught.value)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    message = refusal(f"postgresql://ann:horse@127.0.0.1:{port}/db")
    assert "see to it that the server runs" in message


def test_a_wrong_password(postgres_server: Server) -> None:
    assert "correct the password" in refusal(postgres_server.url("postgres", "a-horse"))


def test_a_database_that_is_not_there(postgres_server: Server) -> None:
    assert "createdb" in refusal(postgres_server.url("nowhere"))


def test_a_database_of_another_program(postgres_server: Server, url: str) -> None:
    postgres_server.run("CREATE TABLE threads (id INTEGER)", url.rpartition("/")[2])
    assert "of another program" in refusal(url)


def test_a_database_of_another_encoding(postgres_server: Server) -> None:
    postgres_server.run("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    assert "ENCODING 'UTF8'" in refusal(postgres_server.url("ascii"))


def test_a_user_without_rights(postgres_server: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    with opened(url):
        pass
    postgres_server.run("CREATE ROLE reader LOGIN PASSWORD 'horse'")
    postgres_server.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", name)
    reader = postgres_server.url(name, "horse").replace("greenloop:", "reader:")
    with opened(reader) as database:
        assert database.execute("SELECT count(*) FROM threads") == [(0,)]
        with pytest.raises(StorageError, match="lacks a right"):
            database.execute("DELETE FROM threads")


def test_without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError, match=r"pip install 'greenloop\[postgres\]'"):
        read_address("postgresql://host/db")


def test_the_client_is_loaded_for_nobody_else() -> None:
    code = "import sys, greenloop.graph.storage; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_server_comes_back(postgres_server: Server, url: str) -> None:
    with opened(url) as database:
        postgres_server.stop()
        try:
            for _ in range(2):
                with pytest.raises(StorageError, match=r"cannot open.*server runs"):
                    database.execute("SELECT 1")
        finally:
            postgres_server.start()
        assert database.execute("SELECT 1") == [(1,)]
        with database.transaction():
            assert database.execute("SELECT 1") == [(1,)]


def test_a_transaction_does_not_go_on_without_its_beginning(
    postgres_server: Server, url: str
) -> None:
    insert = "INSERT INTO journal VALUES ('t', 1, ?, '', '')"
    with opened(url) as database:
        with pytest.raises(StorageError), database.transaction():
            database.execute(insert, (1,))
            postgres_server.stop(signal.SIGQUIT)
            postgres_server.start()
            with pytest.raises(StorageError, match="was lost"):
                database.execute(insert, (2,))
            database.execute(insert, (3,))
        assert database.execute("SELECT count(*) FROM journal") == [(0,)]


def test_who_lost_a_lock_writes_no_more(postgres_server: Server, url: str) -> None:
    with opened(url) as one, opened(url) as other:
        with one.hold("t", "busy"):
            assert one.execute("SELECT 1") == [(1,)]
            postgres_server.run(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
            with other.hold("t", "busy"):
                assert other.is_held("t")
                with pytest.raises(StorageError, match="was lost"):
                    for _ in range(500):  # the server closes the connection a moment later
                        one.execute("SELECT 1")
                        time.sleep(0.01)
                with pytest.raises(StorageError, match="was lost"), one.transaction():
                    raise AssertionError("begun")
        assert not other.is_held("t")
        assert one.execute("SELECT 1") == [(1,)]


def test_what_an_index_lacks_is_found(postgres_server: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    with opened(url) as database:
        postgres_server.run(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'blobs_pkey'::regclass", name
        )
        assert "blobs_pkey is not valid" in database.damage()
        postgres_server.run("DROP TABLE packs", name)
        assert database.damage() == "the table packs is missing"
        with pytest.raises(StorageError, match="restore a backup"):
            database.execute("SELECT * FROM packs")


def test_a_page_that_the_disk_changed_is_found(postgres_server: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    with opened(url) as database:
        for number in range(200):
            database.execute("INSERT INTO journal VALUES ('t', 1, ?, ?, '')", (number, "r" * 100))
        assert database.damage() == ""
    ((path,),) = postgres_server.run("SELECT pg_relation_filepath('journal')", name)
    postgres_server.stop()
    with (postgres_server.folder / "data" / path).open("r+b") as file:
        file.seek(8192 + 4000)
        file.write(b"\xde\xad\xbe\xef" * 8)
    postgres_server.start()
    with opened(url) as database:
        assert "invalid page" in database.damage()


def test_an_index_that_lacks_a_row_is_found_with_amcheck(postgres_server: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    with opened(url) as database:
        postgres_server.run("CREATE EXTENSION amcheck", name)
        database.execute("INSERT INTO journal VALUES ('t', 1, 1, '', '')")
        assert database.damage() == ""
        # The row is written while the index is switched off.
        switch = "UPDATE pg_index SET indisready = {0}, indisvalid = {0} " \
                 "WHERE indexrelid = 'journal_pkey'::regclass"  # fmt: skip
        postgres_server.run(switch.format("false"), name)
        postgres_server.run("INSERT INTO journal VALUES ('t', 1, 2, '', '')", name)
        postgres_server.run(switch.format("true"), name)
        assert "journal" in database.damage()


def test_a_server_that_ends_idle_connections_leaves_ours(postgres_server: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    postgres_server.run(f"ALTER DATABASE {name} SET idle_session_timeout = '1min'")
    postgres_server.run(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    with opened(url) as database, database.saver() as saver:
        for setting, value in (
            ("idle_session_timeout", "0"),
            ("transaction_isolation", "read committed"),
        ):
            assert database.execute(f"SHOW {setting}") == [(value,)]
            (row,) = saver.conn.execute(f"SHOW {setting}").fetchall()  # type: ignore[attr-defined]
            assert list(row.values()) == [value]
