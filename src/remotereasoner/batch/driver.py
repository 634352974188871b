"""The loop that keeps an executor busy and the ledger true.

    planner ──> ledger ──claim──> executor ──> outcomes ──> files on the disk ──> ledger: done
                  ^                   │
                  └── again, later ───┴──> lost, failed for a passing reason

What has come back is written and marked together, at most :data:`_GATHER_S` after it came: a disk flushes many files
in hardly more time than one.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from remotereasoner.batch import failpoints
from remotereasoner.batch.durable import ItemWriter, sweep
from remotereasoner.batch.executors.base import Executor, UnitLost, UnitOutcome
from remotereasoner.batch.items import ItemDone, ItemFailed, Unit
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger import Concluded, Ledger, RunKey
from remotereasoner.batch.ledger_schema import State
from remotereasoner.batch.planner import Planner

__all__ = ["MAX_ATTEMPTS", "MAX_DEATHS", "Driver", "Progress", "RetryPolicy"]

_LOG = logging.getLogger(__name__)
MAX_ATTEMPTS = 3
MAX_DEATHS = 2
_GATHER_S = 0.1
_CLAIM_S = 0.5
_CLAIM_UNITS = 128
_GATHER_ITEMS = 256
_GATHER_BYTES = 64 << 20
_AHEAD = 256  # open items that are planned ahead of the claims, at least
_WAIT_S = 0.25
_HUNGRY_S = 0.02
_TAKE_OVER_EVERY_S = 15.0


@dataclass(frozen=True)
class RetryPolicy:
    """Of faults that may pass. ``first_pause_s`` doubles with each attempt."""

    attempts: int = MAX_ATTEMPTS
    first_pause_s: float = 1.0

    def pause_s(self, attempts: int) -> float:
        """How long an item rests that has failed ``attempts`` times."""
        return float(self.first_pause_s * 2.0 ** (attempts - 1))


@dataclass
class Progress:
    """Where a run is: items that this driver concluded, and entries of the source that were finished before."""

    known: int = 0
    """Entries read from the source so far."""
    is_complete: bool = False
    """``known`` is all there are."""
    before: int = 0
    """Entries that were finished when they were read."""
    done: int = 0
    failed: int = 0
    quarantined: int = 0

    @property
    def concluded(self) -> int:
        """Items that this driver finished, one way or the other."""
        return self.done + self.failed + self.quarantined


@dataclass
class _Gathered:
    """What has come back and is not yet on the disk."""

    done: list[ItemDone] = field(default_factory=list)
    other: list[Concluded] = field(default_factory=list)
    since: float = 0.0
    size: int = 0

    def __len__(self) -> int:
        return len(self.done) + len(self.other)


class _Pace:
    """How quickly units come back, of the last second or two."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._number = 0
        self._per_s = 0.0

    def count(self) -> None:
        self._number += 1
        passed = time.monotonic() - self._since
        if passed >= 1.0:
            self._per_s, self._number, self._since = self._number / passed, 0, time.monotonic()

    def units_in(self, seconds: float) -> int:
        return min(_CLAIM_UNITS, int(self._per_s * seconds))


class Driver:
    """Works through a planner's entries. The executor was started, and is closed by the caller.

    ``tell`` is called after each round with the progress; ``wants_end`` is asked between two steps: True ends the run
    cleanly, what was finished is written down and the rest is open.
    """

    def __init__(
        self,
        ledger: Ledger,
        run: RunKey,
        planner: Planner,
        executor: Executor,
        writer: ItemWriter,
        *,
        retry: RetryPolicy,
        retry_failed: bool = False,
        tell: Callable[[Progress], None],
        wants_end: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._run = run
        self._planner = planner
        self._executor = executor
        self._writer = writer
        self._retry = retry
        self._retry_failed = retry_failed
        self._tell = tell
        self._wants_end = wants_end
        self._stock: deque[Unit] = deque()  # claimed, not handed over
        self._out: dict[int, Unit] = {}
        self._numbers = 0
        self._pace = _Pace()
        self._open_ahead = 0
        self._gathered = _Gathered()
        self._looked_around = time.monotonic()
        self.progress = Progress()

    def work(self) -> bool:
        """Until everything is finished (True), or an end is wanted (False).

        Raises :class:`~remotereasoner.errors.ExportError` where the disk refuses, what the source raises, and what the
        executor raises when it can go on with nothing; the ledger is true whenever this ends.
        """
        self._take_over()
        while not self._wants_end():
            self._plan()
            self._submit()
            self._collect()
            self._flush(at_once=False)
            self._tell(self.progress)
            if self._is_over():
                self._flush(at_once=True)
                if self._is_over():
                    return True
        self._receive(0.0)
        self._flush(at_once=True)
        self._tell(self.progress)
        return False

    # Planning --------------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Take chunks from the planner while few open items are known; those that are finished pass quickly."""
        while not self._planner.is_exhausted and self._open_ahead < max(_AHEAD, 2 * self._executor.capacity):
            is_idle = not (self._out or self._stock or self._open_ahead or len(self._gathered))
            chunk = self._planner.take(_WAIT_S if is_idle else 0.0)
            if not chunk:
                break
            states = self._ledger.plan(self._run, chunk, retry_failed=self._retry_failed)
            self._count(states)
            if self._wants_end():
                return
        if self._planner.is_exhausted and not self.progress.is_complete:
            self._ledger.set_complete(self._run)
            self.progress.is_complete = True

    def _count(self, states: Counter[State]) -> None:
        self.progress.known += states.total()
        self._open_ahead += states[State.OPEN]
        self.progress.before += states[State.DONE] + states[State.FAILED] + states[State.QUARANTINED]

    def _take_over(self) -> None:
        """Open what dead drivers hold, and clear away what they left half-written."""
        keys = self._ledger.take_over(self._run)
        if keys:
            self._open_ahead += len(keys)
            swept = sweep(item_folder(self._ledger.path.parent, key) for key in keys)
            _LOG.info("%d items of a run that was killed are open again, %d temporary files removed", len(keys), swept)

    # Work ------------------------------------------------------------------------------------------------------------

    def _submit(self) -> None:
        room = self._executor.capacity - len(self._out)
        while room > 0:
            if not self._stock and not self._claim(room):
                return
            unit = self._stock.popleft()
            self._out[unit.number] = unit
            self._executor.submit(unit)
            room -= 1

    def _claim(self, room: int) -> bool:
        """Claim more than there is room for where units are quick: a claim costs a flush of the disk."""
        waiting_s = self._ledger.next_open_s(self._run)
        if waiting_s is None or waiting_s > 0:
            self._open_ahead = 0 if waiting_s is None else self._open_ahead
            return False
        for image, asks in self._ledger.claim(self._run, max(room + 1, self._pace.units_in(_CLAIM_S))):
            self._numbers += 1
            self._stock.append(Unit(self._numbers, image, asks))
            self._open_ahead = max(0, self._open_ahead - len(asks))
        return bool(self._stock)

    def _collect(self) -> None:
        """Wait for outcomes no longer than what was gathered may wait for the disk."""
        capacity = self._executor.capacity
        if self._out or capacity < 1:  # without workers, an executor looks for new ones here
            is_hungry = len(self._out) < capacity and not self._planner.is_exhausted
            self._receive(_HUNGRY_S if is_hungry else _GATHER_S if len(self._gathered) else _WAIT_S)
        elif not (len(self._gathered) or self._stock):
            self._rest()

    def _rest(self) -> None:
        """Nothing is out: an item waits for its next attempt, or another driver has the last ones."""
        waiting_s = self._ledger.next_open_s(self._run)
        if waiting_s == 0:
            return
        if waiting_s is not None:
            time.sleep(min(waiting_s, _WAIT_S))
        elif self._planner.is_exhausted and self._ledger.held_by_others(self._run):
            time.sleep(_WAIT_S)
            if time.monotonic() - self._looked_around > _TAKE_OVER_EVERY_S:
                self._looked_around = time.monotonic()
                self._take_over()

    def _is_over(self) -> bool:
        return (
            self.progress.is_complete
            and not (self._out or self._stock)
            and self._ledger.next_open_s(self._run) is None
            and not (self._ledger.held_by_others(self._run))
        )

    def _receive(self, timeout_s: float) -> None:
        for back in self._executor.collect(timeout_s):
            unit = self._out.pop(back.number, None)
            if unit is None:
                continue  # an executor may lose a unit and find it again: the first word counts
            if not len(self._gathered):
                self._gathered.since = time.monotonic()
            self._pace.count()
            if isinstance(back, UnitOutcome):
                failpoints.hit("result.received")
                self._take(back)
            else:
                self._gathered.other += [self._lost(ask.key, len(unit.asks), back) for ask in unit.asks]

    def _take(self, outcome: UnitOutcome) -> None:
        for item in outcome.items:
            if isinstance(item, ItemDone):
                self._gathered.done.append(item)
                self._gathered.size += sum(map(len, item.files.values()))
            else:
                self._gathered.other.append(self._failed(item))

    def _failed(self, item: ItemFailed) -> Concluded:
        attempts = self._ledger.attempts(item.key)[0] + 1 if item.transient else 1
        if item.transient and attempts < self._retry.attempts:
            rests_until = time.time() + self._retry.pause_s(attempts)
            return Concluded(
                item.key, State.OPEN, code=item.code, message=item.message, is_transient=True, not_before=rests_until
            )
        return Concluded(item.key, State.FAILED, code=item.code, message=item.message, is_transient=item.transient)

    def _lost(self, key: str, asks: int, lost: UnitLost) -> Concluded:
        """A death counts against every item of the unit; after it they go out one by one."""
        if not lost.blames_item:
            return Concluded(key, State.OPEN, code="worker_lost", message=lost.reason, attempts=0)
        deaths = self._ledger.attempts(key)[1] + 1
        is_poison = asks == 1 and deaths >= MAX_DEATHS
        return Concluded(
            key, State.QUARANTINED if is_poison else State.OPEN, code="worker_died", message=lost.reason, deaths=1
        )

    # The disk --------------------------------------------------------------------------------------------------------

    def _flush(self, *, at_once: bool) -> None:
        """Write files, then mark, then look after open items that came back."""
        gathered = self._gathered
        if not len(gathered):
            return
        is_due = time.monotonic() - gathered.since >= _GATHER_S or not (self._out or self._stock)
        is_full = len(gathered) >= _GATHER_ITEMS or gathered.size >= _GATHER_BYTES
        if not (at_once or is_due or is_full):
            return
        self._gathered = _Gathered()
        files = self._writer.write(gathered.done)
        done = [
            Concluded(
                item.key, State.DONE, status=item.status, summary=item.summary, files=written, seconds=item.seconds
            )
            for item, written in zip(gathered.done, files, strict=True)
        ]
        concluded = done + gathered.other
        self._ledger.conclude(self._run, concluded)
        states = Counter(one.state for one in concluded)
        self.progress.done += states[State.DONE]
        self.progress.failed += states[State.FAILED]
        self.progress.quarantined += states[State.QUARANTINED]
        self._open_ahead += states[State.OPEN]
