"""How entries of a source enter the ledger."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remotereasoner.batch.ledger_schema import State
from remotereasoner.types import Task

__all__ = ["Adoption", "Planned", "SeenFile", "adopt"]


@dataclass(frozen=True)
class SeenFile:
    """A file that was hashed: as long as size and time of change stay, it is not hashed again."""

    path: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Planned:
    """An entry of the source with one question, its content hashed."""

    ident: bytes
    """Digest of name, paths, question and task: by it the entry is recognised."""
    name: str
    paths: tuple[str, ...]
    question: str
    task: Task
    key: str
    content: str | None
    """Hash of the files' content; None with a fault."""
    fault: tuple[str, str] | None = None
    """(code, message): it cannot be worked on."""
    extra: dict[str, Any] = field(default_factory=dict)
    hashed: tuple[SeenFile, ...] = ()
    """Files that were hashed for it."""


@dataclass(frozen=True)
class Adoption:
    """For whom entries are taken in."""

    plan: int
    run: int
    retry_failed: bool


def adopt(db: sqlite3.Connection, into: Adoption, planned: Sequence[Planned]) -> Counter[State]:
    """Inside a transaction: see :meth:`remotereasoner.batch.ledger.Ledger.plan`."""
    states: Counter[State] = Counter()
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM entries WHERE plan = ?", (into.plan,)).fetchone()
    for one in planned:
        for file in one.hashed:
            db.execute(
                "INSERT OR REPLACE INTO files (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)",
                (file.path, file.size, file.mtime_ns, file.sha256),
            )
        item, state = _item(db, into, one)
        known = db.execute(
            "SELECT seq, item FROM entries WHERE plan = ? AND ident = ?", (into.plan, one.ident)
        ).fetchone()
        if known is None:
            last += 1
            db.execute(
                "INSERT INTO entries (plan, seq, ident, item, name, paths, extra) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (into.plan, last, one.ident, item, one.name, _json(one.paths), _json(one.extra)),
            )
        elif known[1] != item:  # its content has changed
            db.execute("UPDATE entries SET item = ? WHERE plan = ? AND seq = ?", (item, into.plan, known[0]))
        states[state] += 1
    return states


def _item(db: sqlite3.Connection, into: Adoption, one: Planned) -> tuple[int, State]:
    """Number and state of the item, which is made where there is none."""
    found = db.execute(
        "SELECT id, image, state, plan, run, is_transient FROM items WHERE key = ?", (one.key,)
    ).fetchone()
    if found is None:
        return _new_item(db, into, one)
    number, image, stored, plan, run, is_transient = found
    state = State(stored)
    failed_before = state in (State.FAILED, State.QUARANTINED) and run != into.run and one.fault is None
    if failed_before and (is_transient or into.retry_failed):
        db.execute(
            "UPDATE items SET state = 0, attempts = 0, deaths = 0, not_before = 0, plan = ? WHERE id = ?",
            (into.plan, number),
        )
        state = State.OPEN
    elif state in (State.OPEN, State.CLAIMED) and plan != into.plan:
        db.execute("UPDATE items SET plan = ? WHERE id = ?", (into.plan, number))
    if state is State.OPEN:
        _follow(db, image, one)
    return number, state


def _new_item(db: sqlite3.Connection, into: Adoption, one: Planned) -> tuple[int, State]:
    image: int | None = None
    state, code, message = State.OPEN, None, None
    if one.fault is not None:
        state, (code, message) = State.FAILED, one.fault
    else:
        db.execute(
            "INSERT INTO images (content, paths, name) VALUES (?, ?, ?) ON CONFLICT (content) DO NOTHING",
            (one.content, _json(one.paths), one.name),
        )
        (image,) = db.execute("SELECT id FROM images WHERE content = ?", (one.content,)).fetchone()
        _follow(db, image, one)
    number = db.execute(
        "INSERT INTO items (key, image, question, task, plan, state, code, message, run) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (one.key, image, one.question, one.task, into.plan, int(state), code, message, into.run),
    ).lastrowid
    if number is None:
        raise AssertionError("SQLite gave no row number")
    return number, state


def _follow(db: sqlite3.Connection, image: int | None, one: Planned) -> None:
    """The image's files have another path now. Of copies that are all there the first stays, so that a result names
    the same one however often the run was interrupted.
    """
    (stored,) = db.execute("SELECT paths FROM images WHERE id = ?", (image,)).fetchone()
    paths = json.loads(stored)
    if paths != list(one.paths) and not all(Path(path).exists() for path in paths):
        db.execute("UPDATE images SET paths = ?, name = ? WHERE id = ?", (_json(one.paths), one.name, image))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
