"""How far two outlines lie apart: boundary F-score, mean and Hausdorff distance.

An outline is the centres of the mask's pixels that have a 4-neighbour outside the mask (the frame's edge is outside).
Distances are Euclidean, from each point of one outline to the nearest of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np
from scipy.spatial import cKDTree

from remotereasoner.transform.base import InstanceMask
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


def boundary_points(mask: InstanceMask) -> FloatArray:
    """(P, 2) x, y of the outline in pixels of the frame."""
    pixels = mask.mask
    if not pixels.size:
        return np.empty((0, 2))
    padded = np.pad(pixels, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    rows, columns = np.nonzero(pixels & ~inner)
    x, y = mask.offset_xy
    return np.column_stack((columns + x + 0.5, rows + y + 0.5))


def apart(predicted: InstanceMask, truth: InstanceMask, *, tolerance_px: float) -> Apart:
    """The outlines of two masks of one frame."""
    found, wanted = boundary_points(predicted), boundary_points(truth)
    if len(found) == 0 or len(wanted) == 0:
        return Apart(1.0 if len(found) == len(wanted) else 0.0)
    to_truth = np.asarray(cKDTree(wanted).query(found)[0], dtype=np.float64)
    to_found = np.asarray(cKDTree(found).query(wanted)[0], dtype=np.float64)
    precision, recall = float((to_truth <= tolerance_px).mean()), float((to_found <= tolerance_px).mean())
    return Apart(
        boundary_f=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        mean_px=float(to_truth.mean() + to_found.mean()) / 2,
        hausdorff_px=float(max(to_truth.max(), to_found.max())),
    )
