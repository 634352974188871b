"""Scenes that are hard to take apart and put together: every kind of object that a seam can cut."""

from __future__ import annotations

import numpy as np
from exact_policy import Ids

SIDE = 128


def puzzle(seed: int) -> Ids:
    """(128, 128) numbers of objects, 0 ground. Which kinds of objects there are turns with ``seed``."""
    rng = np.random.default_rng(seed)
    ids = np.zeros((SIDE, SIDE), dtype=np.int64)
    kinds = (_mosaic, _touching_rows, _lines, _specks, _rings, _combs, _on_corners, _giants, _discs, _stairs)
    chosen = {seed % len(kinds), *rng.integers(0, len(kinds), 3).tolist()}
    for kind in sorted(chosen):
        kinds[kind](ids, rng)
    return ids


def _next(ids: Ids) -> int:
    return int(ids.max()) + 1


def _mosaic(ids: Ids, rng: np.random.Generator) -> None:
    """Cells that fill a part of the scene without a gap."""
    x0, y0 = rng.integers(0, 28, 2)
    seeds = rng.integers(0, 100, (12, 2))
    y, x = np.mgrid[:100, :100]
    nearest = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in seeds], axis=0)
    ids[y0 : y0 + 100, x0 : x0 + 100] = _next(ids) + nearest


def _touching_rows(ids: Ids, rng: np.random.Generator) -> None:
    """Cars side by side: borders shared along their whole length, at every offset to the windows."""
    y, height, width = int(rng.integers(0, 110)), int(rng.integers(1, 12)), int(rng.integers(1, 9))
    for x in range(int(rng.integers(0, 20)), SIDE, width):
        ids[y : y + height, x : x + width] = _next(ids)


def _lines(ids: Ids, rng: np.random.Generator) -> None:
    """Thin, long, straight; two of them next to each other."""
    for _ in range(3):
        at, thick = int(rng.integers(0, SIDE - 4)), int(rng.integers(1, 3))
        first, second = _next(ids), _next(ids) + 1
        if rng.random() < 0.5:
            ids[at : at + thick], ids[at + thick : at + 2 * thick] = first, second
        else:
            ids[:, at : at + thick], ids[:, at + thick : at + 2 * thick] = first, second


def _specks(ids: Ids, rng: np.random.Generator) -> None:
    """Single pixels and slivers of one pixel's breadth."""
    for x, y in rng.integers(0, SIDE, (25, 2)):
        length = int(rng.integers(1, 5))
        if rng.random() < 0.5:
            ids[y, x : x + length] = _next(ids)
        else:
            ids[y : y + length, x] = _next(ids)


def _rings(ids: Ids, rng: np.random.Generator) -> None:
    """A ring, and an island of another kind that fills it."""
    y, x = np.mgrid[:SIDE, :SIDE]
    for a, b in rng.integers(30, SIDE - 30, (2, 2)):
        distance = np.hypot(x - a, y - b)
        outer, inner = rng.uniform(15, 45), rng.uniform(3, 12)
        ring, island = _next(ids), _next(ids) + 1
        ids[distance < outer] = ring
        ids[distance < inner] = island


def _combs(ids: Ids, rng: np.random.Generator) -> None:
    """Teeth that are one object only by their back, and another comb between them."""
    x0, y0, length = int(rng.integers(0, 40)), int(rng.integers(0, 60)), int(rng.integers(40, 110))
    first, second = _next(ids), _next(ids) + 1
    for tooth in range(8):
        y = y0 + 4 * tooth
        ids[y : y + 2, x0 : x0 + length] = first
        ids[y + 2 : y + 4, x0 + 4 : x0 + length + 4] = second
    ids[y0 : y0 + 30, x0 : x0 + 3] = first
    ids[y0 + 2 : y0 + 32, x0 + length + 1 : x0 + length + 4] = second


def _on_corners(ids: Ids, rng: np.random.Generator) -> None:
    """Squares around, and beside, the corners of windows of 48 and 64 px."""
    for corner in (47, 48, 63, 64):
        reach = int(rng.integers(1, 7))
        ids[corner - reach : corner + reach, corner - reach : corner + reach] = _next(ids)
        ids[corner : corner + reach, 32 : 32 + reach] = _next(ids)


def _giants(ids: Ids, rng: np.random.Generator) -> None:
    """Larger than any window, with holes that hold other things."""
    giant = _next(ids)
    x, y = (int(v) for v in rng.integers(0, 12, 2))
    ids[y : y + 115, x : x + 115] = giant
    for a, b in rng.integers(5, 110, (12, 2)):
        ids[b : b + int(rng.integers(1, 14)), a : a + int(rng.integers(1, 14))] = rng.choice([0, _next(ids)])


def _discs(ids: Ids, rng: np.random.Generator) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    for a, b in rng.integers(0, SIDE, (10, 2)):
        ids[np.hypot(x - a, y - b) < rng.uniform(2, 14)] = _next(ids)


def _stairs(ids: Ids, rng: np.random.Generator) -> None:
    """Diagonals of one pixel's breadth that hold together by edges, and a second below the first."""
    first, second = _next(ids), _next(ids) + 1
    start = int(rng.integers(-60, 60))
    for x in range(SIDE):
        for y, number in ((x + start, first), (x + start + 1, first), (x + start + 2, second), (x + start + 3, second)):
            if 0 <= y < SIDE:
                ids[y, x] = number
