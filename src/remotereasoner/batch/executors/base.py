"""What a batch's driver asks of whatever runs its units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from remotereasoner.batch.items import ItemDone, ItemFailed, Recipe, Unit

__all__ = ["Executor", "UnitLost", "UnitOutcome"]


@dataclass(frozen=True)
class UnitOutcome:
    """A unit that came back: one outcome for each of its asks, in their order."""

    number: int
    items: tuple[ItemDone | ItemFailed, ...]


@dataclass(frozen=True)
class UnitLost:
    """A unit whose worker died, or whose machine went away. ``blames_item``: the process itself died while it worked
    on the unit (a crash, the out-of-memory killer), which counts towards quarantine; False: the node was lost or taken
    back.
    """

    number: int
    reason: str
    blames_item: bool = True


class Executor(Protocol):
    """Runs units; knows neither ledger nor outputs. Used by one thread, in the order start, (submit | collect)*, close.

    A worker keeps the model loaded. Which worker takes a unit, and when, has no effect on what it gives.
    """

    name: str
    """``inline``, ``processes`` or ``ray``."""

    def start(self, recipe: Recipe) -> str:
        """Bring the workers up and return the identity of the model and segmenter with their revisions, one line.

        Raises :class:`~remotereasoner.errors.RemoteReasonerError` where no worker can load the model.
        """
        ...

    @property
    def capacity(self) -> int:
        """How many units it wants to hold at once, working and waiting. It may grow and shrink while it runs."""
        ...

    def submit(self, unit: Unit) -> None:
        """Hand over a unit; returns at once, but for executors that work in this thread."""
        ...

    def collect(self, timeout_s: float) -> list[UnitOutcome | UnitLost]:
        """What has come back since; waits up to ``timeout_s`` for the first."""
        ...

    def close(self) -> None:
        """End all workers, also after an exception; units still out are forgotten."""
        ...
