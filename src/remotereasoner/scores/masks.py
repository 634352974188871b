"""Scores of masks against masks: IoU of pairs and what is made of it.

gIoU, mIoU and P@K are means over samples, cIoU (also oIoU) is Σ intersection / Σ union; definitions as in LISA and the
literature of referring segmentation. What an empty union is worth and which samples count is the protocol's business
(:mod:`remotereasoner.evaluation.protocols`), not decided here in secret: it is a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from remotereasoner.scores.runs import Runs, intersections
from remotereasoner.types import BoolArray, FloatArray, SizeHw

__all__ = ["PRECISION_AT", "Overlap", "ciou", "mean_iou", "overlap", "overlaps", "precision_at", "resized", "squashed"]

PRECISION_AT = (0.5, 0.6, 0.7, 0.8, 0.9)


class Overlap(NamedTuple):
    """Pixels of each pair: (N,) int64 both."""

    intersection: npt.NDArray[np.int64]
    union: npt.NDArray[np.int64]

    def iou(self, *, empty: float = 1.0) -> FloatArray:
        """(N,) intersection / union; ``empty`` where neither mask has a pixel."""
        result = np.full(len(self.union), empty, dtype=np.float64)
        np.divide(self.intersection, self.union, out=result, where=self.union > 0)
        return result


def overlaps(predicted: Sequence[Runs], truth: Sequence[Runs]) -> Overlap:
    """Of ``predicted[k]`` with ``truth[k]``; raises UsageError where the two have different sizes."""
    shared = intersections(predicted, truth)
    areas = [one.area_px + other.area_px for one, other in zip(predicted, truth, strict=True)]
    return Overlap(shared, np.array(areas, dtype=np.int64) - shared)


def overlap(predicted: Runs, truth: Runs) -> tuple[int, int]:
    """(intersection, union) of one pair, in pixels."""
    pair = overlaps([predicted], [truth])
    return int(pair.intersection[0]), int(pair.union[0])


def mean_iou(pairs: Overlap, *, empty: float = 1.0) -> float | None:
    """gIoU: the mean of each pair's IoU; None for no pairs."""
    return float(pairs.iou(empty=empty).mean()) if len(pairs.union) else None


def ciou(pairs: Overlap) -> float | None:
    """Σ intersection / Σ union; None where nothing has a pixel."""
    total = int(pairs.union.sum())
    return float(pairs.intersection.sum()) / total if total else None


def precision_at(pairs: Overlap, threshold: float, *, empty: float = 1.0, strict: bool = False) -> float | None:
    """Share of pairs with IoU ≥ ``threshold`` (> where ``strict``); None for no pairs."""
    if not len(pairs.union):
        return None
    values = pairs.iou(empty=empty)
    return float(np.mean(values > threshold if strict else values >= threshold))


def squashed(mask: Runs, size_hw: SizeHw) -> Runs:
    """The nearest-neighbour copy of ``size_hw``, whatever that does to the aspect."""
    return mask if mask.size_hw == size_hw else Runs.of_mask(resized(mask.to_mask(), size_hw))


def resized(mask: BoolArray, size_hw: SizeHw) -> BoolArray:
    """(H, W) to ``size_hw``: each new pixel takes the old one in which its centre lies."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for new, old in zip(size_hw, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]
