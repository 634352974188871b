"""The ledger: what there is to do, who is doing it, what came of it. It alone is the truth of a batch.

    plan()      entries and their items come in, in the source's order
    claim()     open items go out as units, under this driver's lease
    conclude()  outcomes come in: done, failed, to be tried again, quarantined
    release()   what was claimed and not worked on is open again

Each is one transaction on the disk (WAL, ``synchronous=FULL``). Only drivers write; several may, at the same time.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from remotereasoner.batch import failpoints
from remotereasoner.batch.items import Ask, ImageRef
from remotereasoner.batch.ledger_planning import Adoption, Planned, adopt
from remotereasoner.batch.ledger_schema import LEDGER_NAME, State, connect, guarded, transaction
from remotereasoner.batch.owner import LEASE_S, Owner

__all__ = ["Concluded", "Ledger", "PlanKey", "RunKey"]

MAX_ASKS = 32
"""Questions of one unit at most."""


@dataclass(frozen=True)
class PlanKey:
    """What a run is asked for. Runs of equal plans go on with each other's work."""

    source: str
    questions: tuple[str, ...]
    recipe: dict[str, Any]
    identity: str
    code_version: str
    digest: str


@dataclass(frozen=True)
class RunKey:
    """Numbers of this driver in the ledger."""

    plan: int
    owner: int
    run: int


@dataclass(frozen=True)
class Concluded:
    """What became of a claimed item. ``state`` OPEN: it is tried again, not before ``not_before``."""

    key: str
    state: State
    status: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    """File name to (sha256, size)."""
    seconds: dict[str, float] = field(default_factory=dict)
    code: str | None = None
    message: str | None = None
    is_transient: bool = False
    not_before: float = 0.0
    deaths: int = 0
    """Worker deaths to add."""
    attempts: int = 1
    """Attempts to add: none where the item had no part in it."""


class Ledger:
    """A driver's hold on the ledger below ``out``. Use it in one thread.

    Every method raises :class:`~remotereasoner.errors.ExportError` where the disk refuses; what was committed stays.
    """

    def __init__(self, out: Path) -> None:
        """Opened, and made where it is not there. Raises ``ResultFormatError`` for a file that is no ledger of ours."""
        self.path = out / LEDGER_NAME
        self._connection = connect(self.path, create=True)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with guarded(self.path), transaction(self._connection) as connection:
            yield connection

    # Runs ------------------------------------------------------------------------------------------------------------

    def begin(self, plan: PlanKey, executor: str, owner: Owner, *, lease_s: float = LEASE_S) -> RunKey:
        """Write down that ``owner`` begins to work on ``plan``."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO plans (digest, source, questions, recipe, identity, code_version) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
                (plan.digest, plan.source, _json(plan.questions), _json(plan.recipe), plan.identity, plan.code_version),
            )
            (plan_id,) = db.execute("SELECT id FROM plans WHERE digest = ?", (plan.digest,)).fetchone()
            now = time.time()
            owner_id = db.execute(
                "INSERT INTO owners (host, pid, born, lease_until) VALUES (?, ?, ?, ?)",
                (owner.host, owner.pid, owner.born, now + lease_s),
            ).lastrowid
            run_id = db.execute(
                "INSERT INTO runs (plan, owner, executor, started) VALUES (?, ?, ?, ?)",
                (plan_id, owner_id, executor, now),
            ).lastrowid
            if owner_id is None or run_id is None:
                raise AssertionError("SQLite gave no row number")
        return RunKey(int(plan_id), owner_id, run_id)

    def end(self, run: RunKey, how: str) -> None:
        """The run is over; its lease ends, and what it held is open."""
        with self._writing() as db:
            _reopen(db, run.owner)
            db.execute("UPDATE owners SET lease_until = 0 WHERE id = ?", (run.owner,))
            db.execute("UPDATE runs SET ended = ?, how = ? WHERE id = ?", (time.time(), how, run.run))

    def take_over(self, run: RunKey) -> list[str]:
        """Open what dead drivers hold; returns the keys, whose folders may have temporary files of theirs.

        A driver of this machine is dead as soon as its process is gone, and alive as long as it is not; one of another
        machine when its lease has run out.
        """
        now = time.time()
        with guarded(self.path):
            holders = self._connection.execute(
                "SELECT id, host, pid, born, lease_until FROM owners "
                "WHERE id IN (SELECT DISTINCT owner FROM items WHERE state = 1 AND owner <> ?)",
                (run.owner,),
            ).fetchall()
        dead = [number for number, *who, lease in holders if _is_dead(Owner(*who), lease, now)]
        if not dead:
            return []
        keys: list[str] = []
        with self._writing() as db:
            for number in dead:
                keys += [key for (key,) in db.execute("SELECT key FROM items WHERE state = 1 AND owner = ?", (number,))]
                _reopen(db, number)
        return keys

    def others_at_work(self, run: RunKey) -> bool:
        """Whether another driver has begun and may still be there."""
        with guarded(self.path):
            found = self._connection.execute(
                "SELECT host, pid, born, lease_until FROM owners WHERE id <> ? AND lease_until > 0", (run.owner,)
            ).fetchall()
        return any(not _is_dead(Owner(*who), lease, time.time()) for *who, lease in found)

    # Planning --------------------------------------------------------------------------------------------------------

    def plan(self, run: RunKey, planned: Sequence[Planned], *, retry_failed: bool = False) -> Counter[State]:
        """Take entries in that the source has; those that are known are recognised. Returns their items' states.

        An item that failed in an earlier run for a passing reason is open again, with ``retry_failed`` any.
        """
        with self._writing() as db:
            states = adopt(db, Adoption(run.plan, run.run, retry_failed), planned)
        failpoints.hit("plan.inserted")
        return states

    def set_complete(self, run: RunKey) -> None:
        """The source was read to its end."""
        with self._writing() as db:
            db.execute("UPDATE plans SET is_complete = 1 WHERE id = ?", (run.plan,))

    # Work ------------------------------------------------------------------------------------------------------------

    def claim(self, run: RunKey, units: int) -> list[tuple[ImageRef, tuple[Ask, ...]]]:
        """Claim the open items of up to ``units`` images, the earliest first, in one transaction.

        An item during which a worker died comes alone, so that only the guilty one is quarantined.
        """
        failpoints.hit("claim.before")
        claimed: list[tuple[ImageRef, tuple[Ask, ...]]] = []
        now = time.time()
        with self._writing() as db:
            images = _open_images(db, run.plan, now, units)
            for image in images:
                asks = db.execute(
                    "SELECT id, key, question, task, deaths FROM items "
                    "WHERE state = 0 AND image = ? AND plan = ? AND not_before <= ? ORDER BY id LIMIT ?",
                    (image, run.plan, now, MAX_ASKS),
                ).fetchall()
                db.executemany(
                    "UPDATE items SET state = 1, owner = ? WHERE id = ?", [(run.owner, number) for number, *_ in asks]
                )
                content, paths, name = db.execute(
                    "SELECT content, paths, name FROM images WHERE id = ?", (image,)
                ).fetchone()
                reference = ImageRef(tuple(json.loads(paths)), content, name)
                together = tuple(Ask(*ask) for _, *ask, deaths in asks if not deaths)
                alone = [(Ask(*ask),) for _, *ask, deaths in asks if deaths]
                claimed += [(reference, part) for part in ([together] if together else []) + alone]
        failpoints.hit("claim.committed")
        return claimed

    def attempts(self, key: str) -> tuple[int, int]:
        """(attempts that came to an end, worker deaths) of an item."""
        with guarded(self.path):
            found = self._connection.execute("SELECT attempts, deaths FROM items WHERE key = ?", (key,)).fetchone()
        return int(found[0]), int(found[1])

    def conclude(self, run: RunKey, outcomes: Sequence[Concluded]) -> int:
        """Write down what became of claimed items; returns how many were this driver's to conclude.

        An item that was taken over meanwhile is left to who has it.
        """
        rows = [
            (
                int(one.state), one.status, _json(one.summary), _json(one.files), _json(one.seconds), one.code,
                one.message, one.is_transient, one.not_before, one.deaths, one.attempts, run.run, one.key, run.owner,
            )
            for one in outcomes
        ]  # fmt: skip
        failpoints.hit("mark.before")
        with self._writing() as db:
            changed = db.executemany(
                "UPDATE items SET state = ?, status = ?, summary = ?, files = ?, seconds = ?, code = ?, message = ?, "
                "is_transient = ?, not_before = ?, deaths = deaths + ?, attempts = attempts + ?, run = ?, owner = NULL "
                "WHERE key = ? AND state = 1 AND owner = ?",
                rows,
            ).rowcount
        failpoints.hit("mark.committed")
        return changed

    def next_open_s(self, run: RunKey) -> float | None:
        """Seconds until an item may be claimed, 0 where one is waiting; None where none is open."""
        with guarded(self.path):
            (earliest,) = self._connection.execute(
                "SELECT min(not_before) FROM items WHERE state = 0 AND plan = ?", (run.plan,)
            ).fetchone()
        return None if earliest is None else max(0.0, float(earliest) - time.time())

    def held_by_others(self, run: RunKey) -> bool:
        """Whether other drivers work on items of this plan."""
        with guarded(self.path):
            found = self._connection.execute(
                "SELECT 1 FROM items WHERE state = 1 AND owner <> ? AND plan = ? LIMIT 1", (run.owner, run.plan)
            ).fetchone()
        return found is not None


def _open_images(db: sqlite3.Connection, plan: int, now: float, units: int) -> list[int]:
    """The images of the earliest open items, ``units`` at most."""
    images: dict[int, None] = {}
    found = db.execute(
        "SELECT image FROM items WHERE state = 0 AND plan = ? AND not_before <= ? ORDER BY id", (plan, now)
    )
    for (image,) in found:
        images[image] = None
        if len(images) == units:
            break
    found.close()
    return list(images)


def _reopen(db: sqlite3.Connection, owner: int) -> None:
    db.execute("UPDATE items SET state = 0, owner = NULL WHERE state = 1 AND owner = ?", (owner,))


def _is_dead(owner: Owner, lease_until: float, now: float) -> bool:
    return owner.is_known_dead() or (lease_until < now and not owner.is_known_alive())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
