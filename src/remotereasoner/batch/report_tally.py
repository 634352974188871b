"""What a report says of the items, counted in one pass over the ledger; its size does not grow with the batch's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from remotereasoner.batch.ledger_view import FinishedRow
from remotereasoner.export.folder import FILE_NAMES
from remotereasoner.types import BoundsXyxy

__all__ = ["MAX_FAILURES", "Footprint", "Noted", "Tally", "Thinned"]

MAX_FAILURES = 200
"""Failures that stand in the report itself; ``failures.csv`` has all."""
_MAX_FOOTPRINTS = 2_000
_MAX_PICTURES = 12
_MAX_KINDS = 100
_MAX_NAMES = 10
_OTHER = "others"

T = TypeVar("T")


class Thinned(Generic[T]):
    """Of a sequence of unknown length every n-th, ``limit`` at most; always the same ones."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.kept: list[T] = []
        self.seen = 0
        self._step = 1

    def add(self, one: T) -> None:
        if self.seen % self._step == 0:
            self.kept.append(one)
            if len(self.kept) > self.limit:
                self.kept = self.kept[::2]
                self._step *= 2
        self.seen += 1


class Footprint(NamedTuple):
    """Where one image lies."""

    bounds: BoundsXyxy
    """West, south, east, north in degrees; west > east across the antimeridian."""
    name: str
    status: str
    found: int


@dataclass
class Noted:
    """Something that holds for many items: how many, and the first names."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < _MAX_NAMES and name not in self.names:
            self.names.append(name)


@dataclass
class Tally:
    """Feed it every finished row of the plan with :meth:`add`."""

    states: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    codes: dict[str, Noted] = field(default_factory=dict)
    crss: dict[str, Noted] = field(default_factory=dict)
    """By the CRS's name; "" for scenes without one."""
    notes: dict[str, Noted] = field(default_factory=dict)
    """What about scenes is not as their files say it."""
    failures: list[dict[str, Any]] = field(default_factory=list)
    footprints: Thinned[Footprint] = field(default_factory=lambda: Thinned(_MAX_FOOTPRINTS))
    pictures: Thinned[FinishedRow] = field(default_factory=lambda: Thinned(_MAX_PICTURES))
    """Items with findings and an overlay."""
    findings: int = 0
    area_m2: float | None = None
    """Of the findings whose area is known; None where no scene has a CRS to know it by."""
    seconds: float = 0.0
    """Of workers, on items that are done."""
    tried_again: int = 0

    def add(self, row: FinishedRow) -> None:
        self.states[row.state] += 1
        self.tried_again += row.attempts > 1
        if row.state != "done":
            self._failed(row)
            return
        summary = row.summary
        count = summary.get("count") or 0
        self.statuses[row.status or ""] += 1
        self.findings += count
        if (area_m2 := summary.get("area_m2")) is not None:
            self.area_m2 = (self.area_m2 or 0.0) + area_m2
        self.seconds += row.seconds.get("item", row.seconds.get("total", 0.0))
        _noted(self.crss, summary.get("crs") or "").add(row.name)
        for note in summary.get("notes") or ():
            _noted(self.notes, note).add(row.name)
        if (bounds := summary.get("bbox_lonlat")) is not None:
            west, south, east, north = bounds
            self.footprints.add(Footprint((west, south, east, north), row.name, row.status or "", count))
        if count and FILE_NAMES["overlay"] in row.files:
            self.pictures.add(row)

    def _failed(self, row: FinishedRow) -> None:
        _noted(self.codes, row.code or "").add(row.name)
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(
                {
                    "name": row.name,
                    "question": row.question,
                    "state": row.state,
                    "code": row.code,
                    "message": row.message,
                    "attempts": row.attempts,
                }
            )


def _noted(kinds: dict[str, Noted], name: str) -> Noted:
    """Under ``name``; under :data:`_OTHER` where there are too many: notes are made of files' texts."""
    if name not in kinds and len(kinds) >= _MAX_KINDS:
        name = _OTHER
    return kinds.setdefault(name, Noted())
