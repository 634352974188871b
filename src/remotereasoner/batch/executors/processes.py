"""The executor that works in processes of this machine, each with a model of its own.

    driver ──pipe──> process 1: unit, next unit
           ──pipe──> process 2: …

A process that dies is replaced; the unit it worked on is lost, the one that waited behind it goes to another. Nothing
heavy is imported here: a new process sets its number of threads before it loads what counts them.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.items import Recipe, Unit
from remotereasoner.errors import EngineError, RemoteReasonerError, UsageError

if TYPE_CHECKING:
    from remotereasoner.batch.worker import WorkerFactory

__all__ = ["ProcessExecutor"]

_DEPTH = 2  # one unit is worked on, one waits, so that a worker never waits for the driver's disk
_MAX_STARTS = 3
_FAREWELL_S = 2.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(eq=False)
class _Slot:
    """One process and what it holds."""

    process: SpawnProcess
    pipe: Connection
    starts: int
    """How often in a row a process of this slot was started that never got ready."""
    is_ready: bool = False
    units: deque[Unit] = field(default_factory=deque)
    """The first is being worked on."""
    began: float = 0.0
    """When the first one was begun, of ``time.monotonic``."""
    verdict: str | None = None
    """Why we ended it ourselves."""


class ProcessExecutor:
    """``workers`` processes. ``unit_timeout_s``: a worker that is longer at one unit is killed, the unit is lost."""

    name = "processes"

    def __init__(
        self, workers: int, *, unit_timeout_s: float | None = None, factory: WorkerFactory | None = None
    ) -> None:
        """``factory`` None: :class:`~remotereasoner.batch.worker.BatchWorker`. Raises ``UsageError``."""
        if workers < 1:
            raise UsageError(f"workers must be 1 or more, got {workers}")
        if unit_timeout_s is not None and not unit_timeout_s > 0:
            raise UsageError(f"unit_timeout_s must be above 0 seconds, got {unit_timeout_s}")
        self._workers = workers
        self._timeout_s = unit_timeout_s
        self._factory = pickle.dumps(factory)
        self._recipe = Recipe()
        self._slots: list[_Slot] = []
        self._waiting: deque[Unit] = deque()
        self._context = multiprocessing.get_context("spawn")

    def start(self, recipe: Recipe) -> str:
        """See :class:`~remotereasoner.batch.executors.base.Executor`. It waits for the first worker only."""
        self._recipe = recipe
        first = self._spawn(starts=1)
        self._slots = [first]
        while True:
            ready = wait([first.pipe, first.process.sentinel])
            found = _receive(first.pipe) if first.pipe in ready or first.pipe.poll() else None
            if isinstance(found, str):
                break
            if isinstance(found, RemoteReasonerError):
                raise found
            raise EngineError(f"a worker ended while it loaded the model ({_how_it_ended(first.process)})")
        first.is_ready, first.starts = True, 0
        self._slots += [self._spawn(starts=1) for _ in range(self._workers - 1)]
        return found

    @property
    def capacity(self) -> int:
        """Two units for each worker that is there."""
        return _DEPTH * len(self._slots)

    def submit(self, unit: Unit) -> None:
        """Hand over a unit."""
        self._waiting.append(unit)
        self._hand_out()

    def collect(self, timeout_s: float) -> list[UnitOutcome | UnitLost]:
        """What has come back; dead workers are replaced here.

        Raises :class:`~remotereasoner.errors.RemoteReasonerError` when no worker is left that can load the model.
        """
        back: list[UnitOutcome | UnitLost] = []
        self._end_overdue()
        watched = {slot.pipe: slot for slot in self._slots} | {slot.process.sentinel: slot for slot in self._slots}
        ready = wait(list(watched), timeout=max(0.0, min(timeout_s, self._until_overdue_s())))
        # A result and the end of its worker may be there at once: the pipe is emptied first.
        for slot in dict.fromkeys(watched[one] for one in ready):  # type: ignore[index]
            back += self._attend(slot)
        self._hand_out()
        return back

    def close(self) -> None:
        """End all workers: those that wait by themselves, the others by force."""
        for slot in self._slots:
            slot.pipe.close()
        for end in (None, "terminate", "kill"):
            deadline = time.monotonic() + (0.2 if end is None and self._is_busy() else _FAREWELL_S)
            for slot in self._slots:
                if end is not None and slot.process.is_alive():
                    getattr(slot.process, end)()
                slot.process.join(max(0.0, deadline - time.monotonic()))
        for slot in self._slots:
            slot.process.close()
        self._slots = []
        self._waiting.clear()

    def _is_busy(self) -> bool:
        return any(slot.units or not slot.is_ready for slot in self._slots)

    def _spawn(self, *, starts: int) -> _Slot:
        ours, theirs = self._context.Pipe()
        threads = max(1, len(os.sched_getaffinity(0)) // self._workers)
        process = self._context.Process(
            target=_serve, args=(theirs, self._factory, self._recipe, threads), name="batch-worker", daemon=True
        )
        process.start()
        theirs.close()
        return _Slot(process, ours, starts)

    def _hand_out(self) -> None:
        for depth in range(_DEPTH):
            for slot in self._slots:
                if self._waiting and slot.is_ready and len(slot.units) == depth and slot.verdict is None:
                    unit = self._waiting.popleft()
                    try:
                        slot.pipe.send(unit)
                    except OSError:  # it is dead, and collect() will see it
                        self._waiting.appendleft(unit)
                        continue
                    if not slot.units:
                        slot.began = time.monotonic()
                    slot.units.append(unit)

    def _attend(self, slot: _Slot) -> list[UnitOutcome | UnitLost]:
        back: list[UnitOutcome | UnitLost] = []
        while slot.pipe.poll():
            found = _receive(slot.pipe)
            if found is None:
                break
            if isinstance(found, RemoteReasonerError):
                self._drop(slot, found)
                return back
            if isinstance(found, str):
                slot.is_ready, slot.starts = True, 0
                continue
            back.append(found)
            slot.units.popleft()
            slot.began = time.monotonic()
        else:
            if slot.process.is_alive():
                return back
        return back + self._bury(slot)

    def _bury(self, slot: _Slot) -> list[UnitOutcome | UnitLost]:
        """The process is gone: its first unit is lost, the others wait again, and another process takes its place."""
        slot.process.join()
        how = slot.verdict or _how_it_ended(slot.process)
        lost: list[UnitOutcome | UnitLost] = []
        if slot.units:
            lost.append(UnitLost(slot.units.popleft().number, f"the worker ended: {how}"))
            self._waiting.extendleft(reversed(slot.units))
        if slot.starts >= _MAX_STARTS:
            self._drop(
                slot, EngineError(f"workers end while they load the model ({how}), {_MAX_STARTS} times in a row")
            )
            return lost
        slot.pipe.close()
        slot.process.close()
        self._slots[self._slots.index(slot)] = self._spawn(starts=slot.starts + 1)
        return lost

    def _drop(self, slot: _Slot, error: RemoteReasonerError) -> None:
        """A worker that cannot load the model, for want of memory perhaps: the others go on without it."""
        if len(self._slots) == 1:
            raise error
        self._slots.remove(slot)
        slot.pipe.close()
        slot.process.join()
        slot.process.close()

    def _end_overdue(self) -> None:
        for slot in self._slots:
            if self._timeout_s is not None and slot.units and time.monotonic() - slot.began > self._timeout_s:
                slot.verdict = f"it took longer than {self._timeout_s:g} s"
                slot.process.kill()

    def _until_overdue_s(self) -> float:
        if self._timeout_s is None:
            return float("inf")
        began = [slot.began for slot in self._slots if slot.units]
        return self._timeout_s - (time.monotonic() - min(began)) + 0.01 if began else float("inf")


def _receive(pipe: Connection) -> UnitOutcome | RemoteReasonerError | str | None:
    """What a worker sent; None where it was cut off by its end."""
    try:
        found: UnitOutcome | RemoteReasonerError | str = pipe.recv()
    except (EOFError, OSError):
        return None
    return found


def _how_it_ended(process: SpawnProcess) -> str:
    process.join()
    code = process.exitcode or 0
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _serve(pipe: Connection, factory: bytes, recipe: Recipe, threads: int) -> None:
    """A worker's life. It ends when the driver does: then the pipe is at its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    make = pickle.loads(factory)  # noqa: S301  from our own driver, through our own pipe
    if make is None:
        from remotereasoner.batch.worker import BatchWorker as make  # noqa: N813
    try:
        worker = make(recipe)
        pipe.send(worker.identity)
        while True:
            unit = pipe.recv()
            pipe.send(UnitOutcome(unit.number, worker.work(unit)))
    except RemoteReasonerError as error:
        pipe.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
