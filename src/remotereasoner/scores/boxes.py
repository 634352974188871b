"""Scores of boxes against boxes. Every set is (M, 4) or (N, 4) float64 [x1, y1, x2, y2], half-open, in one frame.

IoU is continuous (width is x2 − x1), pairs are matched by the Hungarian method (Kuhn 1955), and an empty prediction of
an empty truth is right. All scores are in [0, 1] and do not depend on the order of boxes or the scale of the frame.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from remotereasoner.errors import UsageError
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, SizeHw

__all__ = [
    "Pairs",
    "above_shortcut",
    "acc_at",
    "as_boxes",
    "count_agreement",
    "counting_error",
    "hits_at",
    "match_boxes",
    "mean_matched_iou",
    "pairwise_iou",
    "point_in_box_score",
    "set_f1",
    "soft_grounding",
    "soft_groundings",
    "whole_image_score",
]

Boxes = FloatArray | Sequence[BoxXyxy] | Sequence[Sequence[float]]
IndexArray = npt.NDArray[np.intp]

_CHUNK = 1_000_000  # entries of one table of overlaps
_TINY = float(np.finfo(np.float64).tiny)
WHOLE_IMAGE_IS_RIGHT = 0.9
"""From this score of the whole image on, the truth is taken to *be* the whole image."""


class Pairs(NamedTuple):
    """Matched boxes: row ``predicted[k]`` with row ``truth[k]``, which overlap by ``iou[k]`` > 0; each used once."""

    predicted: IndexArray
    truth: IndexArray
    iou: FloatArray


def as_boxes(boxes: Boxes) -> FloatArray:
    """``boxes`` as (N, 4) float64. Raises :class:`~remotereasoner.errors.UsageError` for anything else or for NaN."""
    array = np.asarray(boxes, dtype=np.float64)
    if array.size == 0:
        return np.empty((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise UsageError(f"boxes must be (N, 4) numbers [x1, y1, x2, y2], got shape {array.shape}")
    if not math.isfinite(float(array.sum())):  # quicker than to look at each, and no sum of pixels overflows
        raise UsageError("boxes must be finite numbers")
    return array


def pairwise_iou(first: FloatArray, second: FloatArray, *, plus_px: float = 0.0) -> FloatArray:
    """(…, M, N) IoU of ``first`` (…, M, 4) with ``second`` (…, N, 4), broadcast over leading axes.

    A box without area overlaps nothing. ``plus_px`` 1 is the inclusive convention of older harnesses, where a box from
    0 to 9 is ten pixels wide; ours is 0.
    """
    a, b = first[..., :, None, :], second[..., None, :, :]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    if plus_px:
        sides += plus_px
    np.maximum(sides, 0.0, out=sides)
    overlap: FloatArray = sides[..., 0] * sides[..., 1]
    union = _area(first, plus_px)[..., :, None] + _area(second, plus_px)[..., None, :] - overlap
    return overlap / np.maximum(union, _TINY)  # without a union there is no overlap either


def _area(boxes: FloatArray, plus_px: float) -> FloatArray:
    sides = boxes[..., 2:] - boxes[..., :2]
    if plus_px:
        sides = sides + plus_px
    np.maximum(sides, 0.0, out=sides)
    area: FloatArray = sides[..., 0] * sides[..., 1]
    return area


def match_boxes(predicted: Boxes, truth: Boxes, *, threshold: float = 0.0) -> Pairs:
    """The one-to-one matching with the largest sum of IoU; with a ``threshold``, that with the most pairs at or above
    it and, among these, the largest sum. Pairs without overlap, or below the threshold, are left out.
    """
    iou = pairwise_iou(as_boxes(predicted), as_boxes(truth))
    if iou.size == 0:
        none = np.empty(0, dtype=np.intp)
        return Pairs(none, none, np.empty(0))
    if threshold > 0:
        # The sum of IoU stays below the worth of one pair, so that it decides between equal numbers only.
        worth = np.where(iou >= threshold, 1.0 + iou / (min(iou.shape) + 1), 0.0)
        rows, columns = linear_sum_assignment(worth, maximize=True)
    else:
        rows, columns = linear_sum_assignment(iou, maximize=True)
    matched = iou[rows, columns]
    kept = matched >= threshold if threshold > 0 else matched > 0
    return Pairs(rows[kept], columns[kept], matched[kept])


def soft_grounding(predicted: Boxes, truth: Boxes, *, spurious: int = 0) -> float:
    """Σ IoU of matched pairs / max(M, N): 1 for two empty sets, 0 where only one is empty.

    ``spurious``: further predicted boxes that are in no list because they are repeats, empty or outside the image;
    they count in M.
    """
    return soft_groundings([as_boxes(predicted)], [as_boxes(truth)], [spurious])[0]


def soft_groundings(
    predicted: Sequence[FloatArray], truth: Sequence[FloatArray], spurious: Sequence[int]
) -> list[float]:
    """:func:`soft_grounding` of many pairs of sets at once: the overlaps of all sets of one size are one computation.

    The sets are float64 arrays (M, 4) and (N, 4), as :func:`as_boxes` gives them.
    """
    scores = [0.0] * len(predicted)
    by_shape: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for i, (found, wanted, more) in enumerate(zip(predicted, truth, spurious, strict=True)):
        if len(found) and len(wanted):
            by_shape[len(found), len(wanted)].append(i)
        elif not len(found) + more + len(wanted):
            scores[i] = 1.0
    for (m, n), members in by_shape.items():
        step = max(1, _CHUNK // (m * n))
        for chunk in (members[k : k + step] for k in range(0, len(members), step)):
            iou = pairwise_iou(np.stack([predicted[i] for i in chunk]), np.stack([truth[i] for i in chunk]))
            if m == 1 or n == 1:
                sums = iou.max(axis=(1, 2)).tolist()
            else:
                pairs = (linear_sum_assignment(table, maximize=True) for table in iou)
                sums = [float(table[pair].sum()) for table, pair in zip(iou, pairs, strict=True)]
            for i, total in zip(chunk, sums, strict=True):
                scores[i] = min(total / max(m + spurious[i], n), 1.0)
    return scores


def hits_at(predicted: Boxes, truth: Boxes, threshold: float = 0.5) -> int:
    """How many true boxes are found, one-to-one, with IoU ≥ ``threshold``."""
    return len(match_boxes(predicted, truth, threshold=threshold).iou)


def set_f1(predicted: Boxes, truth: Boxes, threshold: float = 0.5) -> float:
    """F1@threshold of one image: 2 · hits / (M + N); 1 for two empty sets."""
    total = len(predicted) + len(truth)
    return 2.0 * hits_at(predicted, truth, threshold) / total if total else 1.0


def acc_at(
    predicted: Boxes, truth: Boxes, threshold: float = 0.5, *, which: Literal["only", "first", "any"] = "only"
) -> float | None:
    """Acc@threshold of a question with one target: 1 where it is found with IoU ≥ ``threshold``; else None.

    ``only``: exactly one box is predicted, so that guessing often pays nothing; ``first``: the first box counts, the
    others are not looked at (the convention of referring-expression harnesses); ``any``: one of them is enough.
    """
    found, wanted = as_boxes(predicted), as_boxes(truth)
    if len(wanted) != 1:
        return None
    if len(found) == 0 or (which == "only" and len(found) != 1):
        return 0.0
    judged = found if which == "any" else found[:1]
    return float(pairwise_iou(judged, wanted).max() >= threshold)


def mean_matched_iou(predicted: Boxes, truth: Boxes) -> float | None:
    """Mean IoU of the matched pairs that overlap; None where there is no such pair."""
    pairs = match_boxes(predicted, truth)
    return float(pairs.iou.mean()) if len(pairs.iou) else None


def counting_error(predicted: Boxes, truth: Boxes) -> int:
    """M − N: positive where too many boxes are drawn."""
    return len(predicted) - len(truth)


def count_agreement(n_predicted: int, n_truth: int) -> float:
    """min(M, N) / max(M, N): 1 for equal numbers, also for two zeros."""
    most = max(n_predicted, n_truth)
    return min(n_predicted, n_truth) / most if most else 1.0


def point_in_box_score(
    predicted: Boxes, points_xy: Sequence[Sequence[PointXy]], truth: Boxes, *, spurious: int = 0
) -> float:
    """Σ over matched pairs of the share of the box's points that lie in the true box / max(M, N).

    ``points_xy``: per predicted box its points. A box without points earns nothing, and a point outside its own box
    does not count, so that points cannot stand for another object. Empty sets and ``spurious`` as
    :func:`soft_grounding`.
    """
    found, wanted = as_boxes(predicted), as_boxes(truth)
    if len(points_xy) not in (0, len(found)):
        raise UsageError(f"{len(points_xy)} lists of points for {len(found)} boxes: give one list per box or none")
    most = max(len(found) + spurious, len(wanted))
    if most == 0:
        return 1.0
    if len(points_xy) == 0:
        return 0.0
    pairs = match_boxes(found, wanted)
    earned = 0.0
    for row, column in zip(pairs.predicted.tolist(), pairs.truth.tolist(), strict=True):
        own = points_xy[row]
        if own:
            inside = _inside(np.asarray(own, dtype=np.float64), np.stack([found[row], wanted[column]]))
            earned += float(inside.mean())
    return earned / most


def _inside(points_xy: FloatArray, boxes: FloatArray) -> npt.NDArray[np.bool_]:
    """(P,) whether each point lies in all ``boxes``, borders included."""
    at = points_xy[:, None, :]
    inside = ((at >= boxes[None, :, :2]) & (at <= boxes[None, :, 2:])).all(axis=(1, 2))
    return np.asarray(inside, dtype=np.bool_)


def whole_image_score(truth: Boxes, image_hw: SizeHw) -> float:
    """What :func:`soft_grounding` gives to one box around the whole image of ``image_hw``."""
    wanted = as_boxes(truth)
    if len(wanted) == 0:
        return 0.0
    height, width = image_hw
    best = 0.0
    for x1, y1, x2, y2 in wanted.tolist():  # one against few: plain numbers are quicker than arrays
        overlap = max(min(x2, width) - max(x1, 0.0), 0.0) * max(min(y2, height) - max(y1, 0.0), 0.0)
        if overlap > 0:
            best = max(best, overlap / (width * height + (x2 - x1) * (y2 - y1) - overlap))
    return best / len(wanted)


def above_shortcut(score: float, shortcut: float) -> float:
    """What a score is worth above that of an answer without knowledge: (s − e) / (1 − e), at least 0 (RS-EoT's rule).

    A ``shortcut`` from :data:`WHOLE_IMAGE_IS_RIGHT` on is no shortcut but the right answer: the score stands as it is.
    """
    if shortcut >= WHOLE_IMAGE_IS_RIGHT:
        return score
    return max(0.0, (score - shortcut) / (1.0 - shortcut))
