"""The ledger's tables, and how a connection to them is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from remotereasoner.errors import ExportError, ResultFormatError

__all__ = ["LEDGER_NAME", "SCHEMA_VERSION", "State", "connect", "guarded", "transaction"]

LEDGER_NAME = "ledger.sqlite"
SCHEMA_VERSION = 1
_APPLICATION_ID = 0x52524C47  # "RRLG"
_BUSY_S = 60.0
_CACHE_KIB = 32 << 10


class State(IntEnum):
    """Where an item is. The numbers are stored."""

    OPEN = 0
    CLAIMED = 1
    DONE = 2
    FAILED = 3
    QUARANTINED = 4


# A plan is what a run was asked for; its entries are the lines of its source times its questions. Items know nothing of
# sources: entries of equal content and question, of one plan or of several, point to the same item.
_TABLES = """
CREATE TABLE plans (
  id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, source TEXT NOT NULL, questions TEXT NOT NULL,
  recipe TEXT NOT NULL, identity TEXT NOT NULL, code_version TEXT NOT NULL, is_complete INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE owners (
  id INTEGER PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, born TEXT NOT NULL, lease_until REAL NOT NULL
);
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, plan INTEGER NOT NULL, owner INTEGER NOT NULL, executor TEXT NOT NULL, started REAL NOT NULL,
  ended REAL, how TEXT
);
CREATE TABLE files (
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE images (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE, paths TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE items (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, image INTEGER, question TEXT NOT NULL, task TEXT NOT NULL,
  plan INTEGER NOT NULL, state INTEGER NOT NULL, owner INTEGER, not_before REAL NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0, run INTEGER,
  status TEXT, summary TEXT, files TEXT, seconds TEXT, code TEXT, message TEXT, is_transient INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX items_open ON items (plan, id) WHERE state = 0;
CREATE INDEX items_open_of_image ON items (image, id) WHERE state = 0;
CREATE INDEX items_claimed ON items (owner) WHERE state = 1;
CREATE TABLE entries (
  plan INTEGER NOT NULL, seq INTEGER NOT NULL, ident BLOB NOT NULL, item INTEGER NOT NULL,
  name TEXT NOT NULL, paths TEXT NOT NULL, extra TEXT NOT NULL, PRIMARY KEY (plan, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entries_ident ON entries (plan, ident);
"""


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """SQLite's errors as :class:`~remotereasoner.errors.ExportError`; ``ResultFormatError`` for what is no database."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ExportError(
            f"the ledger {path} cannot be used ({error}): make room or give permission there, and run the same command "
            "again; nothing that is finished is lost"
        ) from error
    except sqlite3.DatabaseError as error:
        raise ResultFormatError(f"{path} is not a ledger that can be read ({error}): choose another folder") from error


def connect(path: Path, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, its schema checked; one thread's, but for closing.

    Raises :class:`~remotereasoner.errors.ExportError` where it cannot be opened and
    :class:`~remotereasoner.errors.ResultFormatError` where there is none, or one of another version.
    """
    if not create and not path.is_file():
        raise ResultFormatError(f"there is no batch in {path.parent}: it has no {path.name}")
    with guarded(path):
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            if create:
                _create(connection)
            if read_only:
                connection.execute("PRAGMA query_only = 1")
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _create(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION_ID:
        raise ResultFormatError(f"{path} is a database, but no ledger of ours: choose another folder")
    if version != SCHEMA_VERSION:
        raise ResultFormatError(
            f"{path} is a ledger of version {version}, this is for version {SCHEMA_VERSION}: finish it with "
            "the release of remotereasoner that began it, or choose another folder"
        )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction that holds the right to write from its first statement on; on an error nothing of it stays."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back by itself where the disk is full
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
