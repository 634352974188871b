"""How far two outlines lie apart: boundary F-score, mean and Hausdorff distance.

An outline is the centres of the mask's pixels that have a 4-neighbour outside the mask (the frame's edge is outside).
Distances are Euclidean, from each point of one outline to the nearest of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np
from scipy.spatial import cKDTree

from remotereasoner.scores.runs import IntArray, Runs
from remotereasoner.types import FloatArray, SizeHw

__all__ = ["Apart", "apart", "boundary_points", "boundary_tolerance_px"]

_TOLERANCE = 0.008  # of the diagonal, as in the DAVIS benchmark (Perazzi et al. 2016)


@dataclass(frozen=True, slots=True)
class Apart:
    """Two outlines compared. Distances are None where one of the masks is empty."""

    boundary_f: float
    """2PR/(P+R) of the outlines' points within the tolerance; 1 for two empty masks, 0 where only one is."""
    mean_px: float | None = None
    """Mean of both directions' mean distances."""
    hausdorff_px: float | None = None
    """The largest distance."""


def boundary_tolerance_px(size_hw: SizeHw) -> float:
    """0.8 % of the frame's diagonal, one pixel at least."""
    return max(1.0, _TOLERANCE * hypot(*size_hw))


def boundary_points(mask: Runs) -> FloatArray:
    """(P, 2) x, y of the outline in pixels of the frame, without unfolding the mask."""
    height = mask.size_hw[0]
    columns = _by_column(mask.edges, height)
    # Inside is what also is in the mask when it is moved by one pixel to any side.
    inner = columns + np.array([1, -1])
    inner = inner[inner[:, 0] < inner[:, 1]]
    moved = mask.edges.reshape(-1, 2)
    inside = _spans([(inner, 1), (moved + height, 1), (moved - height, 1)], 3)
    outline = _spans([(columns, 1), (inside, -1)], 1)
    lengths = outline[:, 1] - outline[:, 0]
    before = np.cumsum(lengths) - lengths
    at = np.repeat(outline[:, 0] - before, lengths) + np.arange(lengths.sum())
    x, y = np.divmod(at, height)
    return np.column_stack((x + 0.5, y + 0.5))


def _by_column(edges: IntArray, height: int) -> IntArray:
    """(K, 2) runs, those that go on in the next column cut at its top."""
    runs = edges.reshape(-1, 2)
    first, last = runs[:, 0] // height, (runs[:, 1] - 1) // height
    n = last - first + 1
    if not len(runs) or n.max() == 1:
        return runs
    owner = np.repeat(np.arange(len(runs)), n)
    column = first[owner] + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    low = np.maximum(runs[owner, 0], column * height)
    return np.column_stack((low, np.minimum(runs[owner, 1], (column + 1) * height)))


def _spans(sets: list[tuple[IntArray, int]], wanted: int) -> IntArray:
    """(K, 2) where the weights of the ``sets`` of runs that hold a position sum up to ``wanted``."""
    places = np.concatenate([runs.ravel() for runs, _ in sets])
    steps = np.concatenate([np.tile([weight, -weight], len(runs)) for runs, weight in sets])
    order = np.argsort(places, kind="stable")
    places, sums = places[order], np.cumsum(steps[order])
    kept = (sums[:-1] == wanted) & (places[1:] > places[:-1])
    spans: IntArray = np.column_stack((places[:-1][kept], places[1:][kept]))
    return spans


def apart(predicted: Runs, truth: Runs, *, tolerance_px: float) -> Apart:
    """The outlines of two masks of one frame."""
    found, wanted = boundary_points(predicted), boundary_points(truth)
    if len(found) == 0 or len(wanted) == 0:
        return Apart(1.0 if len(found) == len(wanted) else 0.0)
    to_truth = np.asarray(_tree(wanted).query(found)[0], dtype=np.float64)
    to_found = np.asarray(_tree(found).query(wanted)[0], dtype=np.float64)
    precision, recall = float((to_truth <= tolerance_px).mean()), float((to_found <= tolerance_px).mean())
    return Apart(
        boundary_f=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        mean_px=float(to_truth.mean() + to_found.mean()) / 2,
        hausdorff_px=float(max(to_truth.max(), to_found.max())),
    )


def _tree(points: FloatArray) -> cKDTree:
    # Built faster so, and as fast to ask: an outline is spread evenly.
    return cKDTree(points, balanced_tree=False)
