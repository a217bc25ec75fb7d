"""A PostgreSQL server of the tests' own: on a free port, in a temporary folder, gone afterwards."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

USER = "greenloop"
PASSWORD = "correct horse"
_STARTS_S = 60.0
_SETTINGS = (
    "fsync=off",  # the machine does not crash, only the server does
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=60",
    "log_statement=none",
    "listen_addresses=127.0.0.1",
)


@dataclass
class Server:
    """A running server, which a test may stop and start again."""

    folder: Path
    programs: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None
    names: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        """Start it on its folder, and wait until it answers."""
        sockets = f"unix_socket_directories={self.folder}"
        options = [word for setting in (*_SETTINGS, sockets) for word in ("-c", setting)]
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port),
                 *options],
                stdout=log, stderr=log, **_unprivileged(),
            )  # fmt: skip
        end = time.monotonic() + _STARTS_S
        while True:
            try:
                self.run("SELECT 1")
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, "the server does not come up"
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends connections at once in good order, SIGQUIT is a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run a statement as the superuser.

        Raises:
            OSError: the server does not answer.
        """
        import psycopg

        try:
            with psycopg.connect(self.url(database), autocommit=True) as connection:
                cursor = connection.execute(statement.encode())
                return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError as error:
            raise OSError(str(error)) from error

    def url(self, database: str, password: str = PASSWORD.replace(" ", "%20")) -> str:
        """The address of a database."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a fresh database."""
        name = f"test{next(self.names)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)


@contextmanager
def started() -> Iterator[Server]:
    """A server for the length of the block; the test is skipped where PostgreSQL is missing."""
    programs = _programs()
    if programs is None:
        words = "PostgreSQL is not installed (apt install postgresql)"
        # A check that was left out must not pass for one that was made.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(words)
    # Below the temporary folder itself: pytest's are closed to the unprivileged user.
    folder = Path(tempfile.mkdtemp(prefix="greenloop-postgres-"))
    server = Server(folder, programs, _free_port())
    try:
        _make_cluster(server)
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of initdb: on the path, or where Debian puts each version's."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    return places[-1].parent if places else None


def _unprivileged() -> dict[str, Any]:
    """Whom to run as: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _make_cluster(server: Server) -> None:
    unprivileged = _unprivileged()
    secret = server.folder / "password"
    secret.write_text(PASSWORD)
    if unprivileged:
        for path in (server.folder, secret):
            os.chown(path, unprivileged["user"], unprivileged["group"])
    subprocess.run(
        [server.programs / "initdb", "-D", server.folder / "data", "-U", USER, "-E", "UTF8",
         "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync",
         "--data-checksums"],
        check=True, capture_output=True, cwd=server.folder, timeout=120, **unprivileged,
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with started() as server:
        yield server
