"""Reaching a PostgreSQL server: its address without secrets, connections, and errors that help."""

import json
import logging
import os
import platform
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from greenloop.errors import ConfigError, StorageError, UserError

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")
_CONNECT_S = 10
"""How long to wait for the server when a connection is made."""
_FORM = "postgresql://USER@HOST:PORT/NAME"
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Seconds, seconds, and a number: a server that is gone without a word is noticed in a minute."""
_SESSION = {
    "idle_session_timeout": "0",  # a model may think for long; since PostgreSQL 14
    "default_transaction_isolation": "read committed",  # what our statements are made for
    **{f"tcp_{name}": str(value) for name, value in _KEEPALIVES.items()},  # the other direction
}
"""Settings of each connection, whatever the server's defaults are."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is."""

    place: str
    """For people: without the password."""
    conninfo: str = field(repr=False)
    """For libpq."""
    password: str = field(repr=False, default="")


def read_address(url: str) -> Address:
    """Take an address apart.

    The form is libpq's (PostgreSQL manual, "Connection URIs"); what is left out comes from
    libpq's own variables and the password file.

    Raises:
        UserError: the PostgreSQL client is not installed.
        ConfigError: the address cannot be read; the message does not repeat it, as it may hold a
            password.
    """
    client = require_psycopg()
    try:
        parts = {k: str(v) for k, v in client.conninfo.conninfo_to_dict(url).items()}
    except client.Error as error:
        raise ConfigError(_unreadable()) from error
    host, port, name = (parts.get(key, "") for key in ("host", "port", "dbname"))
    # Where a password with a raw @ or / ends up when the address is cut at the wrong place.
    if re.search(r"[^0-9,]", port) or "@" in host or re.search("[@/]", name):
        raise ConfigError(_unreadable())
    user = f"{quote(parts['user'], safe='')}@" if "user" in parts else ""
    at = f":{port}" if port else ""
    place = f"postgresql://{user}{quote(host, safe=',.:-')}{at}/{name}"
    return Address(place, url, parts.get("password", ""))


def without_password(url: str) -> str:
    """An address as it may be shown, also one that cannot be read; others than ours as they are."""
    if not url.startswith(SCHEMES):
        return url
    scheme, _, rest = url.partition("://")
    who, at, where = rest.rpartition("@")
    user = who.partition(":")[0]
    return re.sub(r"(password=)[^&]*", r"\1***", f"{scheme}://{user}{at}{where}")


def _unreadable() -> str:
    return (
        f"store: the address of the database cannot be read: write it as {_FORM}, special "
        "characters of a password in percent form (@ as %40), or keep that in ~/.pgpass"
    )


def require_psycopg() -> Any:
    """The PostgreSQL client.

    Raises:
        UserError: it is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415
        import psycopg.conninfo  # noqa: PLC0415
    except ImportError as error:
        raise UserError(
            "threads are kept in PostgreSQL, but its client is not installed: "
            "pip install 'greenloop[postgres]'"
        ) from error
    return psycopg


def connect(address: Address, **settings: Any) -> "psycopg.Connection[Any]":
    """A connection on which every statement is a transaction of its own.

    Raises:
        StorageError: the server does not answer or refuses; no message holds the password.
        UserError: the database keeps texts in another encoding than UTF-8.
    """
    client = require_psycopg()
    # What it has to say of a lost connection is in our error; Python would print it besides.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        connection: psycopg.Connection[Any] = client.connect(
            address.conninfo,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            client_encoding="UTF8",
            application_name=f"greenloop process {os.getpid()} on {platform.node()}"[:63],
            **_KEEPALIVES,
            **settings,
        )
        connection.execute(
            "SELECT set_config(name, value, false) FROM pg_settings "
            "JOIN json_each_text(%s::json) AS wanted(name, value) USING (name)",
            (json.dumps(_SESSION),),
        )
    except client.Error as error:
        raise _unreachable(error, address) from error
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise UserError(
            f"the database {address.place} keeps texts as {encoding}: create one with "
            "ENCODING 'UTF8'"
        )
    return connection


def _unreachable(error: Exception, address: Address) -> StorageError:
    text = _line(error, address)
    cure = "see to it that the server runs and the address is right"
    cures = {
        "password": "correct the password in the address, or in ~/.pgpass",
        "does not exist": "create it (createdb), or correct the name in the address",
        "too many": "close other clients, or raise max_connections",
        "pg_hba.conf": "the server's pg_hba.conf must let this user in",
    }
    cure = next((c for sign, c in cures.items() if sign in text), cure)
    return StorageError(f"cannot open the database {address.place}: {text}; {cure}")


_CURES = {
    "25006": "it can only be read: give the address of the primary server",
    "42501": "its user lacks a right there: grant it",
    "42P01": "a table is gone: restore a backup, or start a new database",
    "53100": "the server's disk is full: free some space there",
    "55P03": "others are at work in it: try again later",
    "XX001": "it is damaged: restore a backup",
    "XX002": "an index is damaged: REINDEX DATABASE mends it",
}
"""By SQLSTATE (PostgreSQL manual, "PostgreSQL Error Codes")."""
_GONE = ("57P01", "57P02", "57P03", "08000", "08003", "08006")
"""The server shut the connection: it was stopped, crashed or is starting."""


def storage_error(error: "psycopg.Error", address: Address, *, lost: bool) -> StorageError:
    """Our error for one of the server's, with the cure.

    Args:
        error: what was raised.
        address: of the database.
        lost: whether the connection is broken.
    """
    text = _line(error, address)
    if lost or error.sqlstate in _GONE:
        return StorageError(
            f"the connection to the database {address.place} was lost ({text}): once the server "
            "is there again, `greenloop resume` goes on from the last checkpoint"
        )
    cure = _CURES.get(error.sqlstate or "", "see the server's log")
    return StorageError(f"the database {address.place} failed: {text}; {cure}")


def _line(error: Exception, address: Address) -> str:
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = dict.fromkeys(" ".join(line.split()) for line in str(primary or error).splitlines())
    text = " ".join(lines)[-300:]
    return text.replace(address.password, "***") if address.password else text
