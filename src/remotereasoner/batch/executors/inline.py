"""The executor that works in the driver's own process: one unit at a time."""

from __future__ import annotations

from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.items import Recipe, Unit
from remotereasoner.batch.worker import BatchWorker, Worker, WorkerFactory
from remotereasoner.errors import UsageError

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Loses no units, but a unit that ends the process ends the run."""

    name = "inline"

    def __init__(self, factory: WorkerFactory = BatchWorker) -> None:
        self._factory = factory
        self._worker: Worker | None = None
        self._finished: list[UnitOutcome | UnitLost] = []

    def start(self, recipe: Recipe) -> str:
        """See :class:`~remotereasoner.batch.executors.base.Executor`."""
        self._worker = self._factory(recipe)
        return self._worker.identity

    @property
    def capacity(self) -> int:
        """One: the driver looks after results and interrupts between two units."""
        return 1

    def submit(self, unit: Unit) -> None:
        """Works on it at once."""
        if self._worker is None:
            raise UsageError("start the executor before units are handed to it")
        self._finished.append(UnitOutcome(unit.number, self._worker.work(unit)))

    def collect(self, timeout_s: float) -> list[UnitOutcome | UnitLost]:
        """Never waits."""
        del timeout_s
        finished, self._finished = self._finished, []
        return finished

    def close(self) -> None:
        """Forget the model."""
        self._worker = None
