"""Two runs on the same samples: how the scores differ, and which answers flipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from remotereasoner.errors import ResultFormatError, UsageError
from remotereasoner.evaluation.bootstrap import DEFAULT_RESAMPLES, Estimate, paired_differences
from remotereasoner.evaluation.summary import derived_scores
from remotereasoner.evaluation.table import Table

__all__ = ["ROWS_NAME", "Comparison", "Flip", "compare_runs"]

ROWS_NAME = "per_sample.jsonl"
_FIELDS = ("id", "image", "score", "correct", "parts")


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample that one run got right and the other did not."""

    id: str
    image: str
    first: float
    second: float
    gained: bool
    """The second run is the one that got it right."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """``second`` against ``first``."""

    n: int
    """Samples in both."""
    only_first: int
    only_second: int
    differences: dict[str, tuple[Estimate, float]]
    """Per score second − first, and the share of resamples in which it is above 0."""
    gained: int
    lost: int
    flips: tuple[Flip, ...]
    """The largest changes first, as many as were asked for."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "format": "remotereasoner-comparison",
            "n": self.n,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "differences": {
                name: {**gap.to_dict(), "share_above_0": better} for name, (gap, better) in self.differences.items()
            },
            "gained": self.gained,
            "lost": self.lost,
            "flips": [asdict(flip) for flip in self.flips],
        }


def _rows_path(place: Path) -> Path:
    return place / ROWS_NAME if place.is_dir() else place


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(offset, row). Raises :class:`~remotereasoner.errors.ResultFormatError`."""
    try:
        with path.open("rb") as file:
            offset = 0
            for number, raw in enumerate(file, start=1):
                try:
                    row = json.loads(raw)
                    if not isinstance(row, dict) or not all(name in row for name in _FIELDS):
                        raise ValueError("a row of scores has id, image, score, correct and parts")
                except (ValueError, RecursionError) as error:
                    raise ResultFormatError(f"{path}, line {number}: {error}") from None
                yield offset, row
                offset += len(raw)
    except OSError as error:
        raise ResultFormatError(
            f"no scores at {path}: {error.strerror or error}; `remotereasoner score` makes them"
        ) from error


def compare_runs(
    first: Path, second: Path, *, resamples: int = DEFAULT_RESAMPLES, seed: int = 0, most_flips: int = 1_000
) -> Comparison:
    """``first`` and ``second``: output folders of ``evaluate`` or ``score``, or their ``per_sample.jsonl``.

    Raises :class:`~remotereasoner.errors.UsageError` where the runs share no sample.
    """
    paths = _rows_path(first), _rows_path(second)
    places = {row["id"]: offset for offset, row in _rows(paths[1])}
    tables = Table(), Table()
    flips: list[Flip] = []
    only_first = 0
    with paths[1].open("rb") as file:
        for _, row in _rows(paths[0]):
            offset = places.get(row["id"])
            if offset is None:
                only_first += 1
                continue
            file.seek(offset)
            pair = row, json.loads(file.readline())
            for table, one in zip(tables, pair, strict=True):
                table.add(row["image"], {name: (part[0], part[1]) for name, part in one["parts"].items()}, {})
            right = [bool(one["correct"]) for one in pair]
            if right[0] != right[1]:
                scores = [float(one["score"]) for one in pair]
                flips.append(Flip(str(row["id"]), str(row["image"]), scores[0], scores[1], gained=right[1]))
    n = len(tables[0])
    if not n:
        raise UsageError(f"{first} and {second} have no sample in common: only runs on the same samples compare")
    flips.sort(key=lambda flip: (-abs(flip.second - flip.first), flip.id))
    found = paired_differences(
        tables[0].sums(), tables[1].sums(), derived_scores(tables[0]), resamples=resamples, seed=seed
    )
    return Comparison(
        n=n,
        only_first=only_first,
        only_second=len(places) - n,
        differences={name: gap for name, gap in found.items() if not name.startswith("_")},
        gained=sum(flip.gained for flip in flips),
        lost=sum(not flip.gained for flip in flips),
        flips=tuple(flips[:most_flips]),
    )
