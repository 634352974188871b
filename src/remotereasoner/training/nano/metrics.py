"""Scores of the embedded model's evaluation: IoU, set F1, bootstrap intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from remotereasoner.types import FloatArray

__all__ = ["f1_at_half", "interval", "iou_matrix"]


def iou_matrix(a: FloatArray, b: FloatArray) -> FloatArray:
    """(N, M) IoU of (N, 4) and (M, 4) xyxy boxes, continuous convention."""
    lt, rb = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.prod(np.maximum(rb - lt, 0), axis=2)
    size_a, size_b = (np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b))
    return np.asarray(inter / np.maximum(size_a[:, None] + size_b[None] - inter, 1e-9))


def f1_at_half(predicted: Sequence[Sequence[float]], truth: Sequence[Sequence[float]]) -> float:
    """Set F1 at IoU 0.5, pairs taken greedily by IoU; two empty sets agree."""
    if not predicted and not truth:
        return 1.0
    if not predicted or not truth:
        return 0.0
    iou = iou_matrix(np.array(predicted, float), np.array(truth, float))
    hits = 0
    while iou.max() >= 0.5:
        i, j = np.unravel_index(int(iou.argmax()), iou.shape)
        hits += 1
        iou[i, :], iou[:, j] = -1, -1
    return 2 * hits / (len(predicted) + len(truth))


def interval(rows: Sequence[tuple[str, float]], seed: int = 0, rounds: int = 1000) -> dict[str, float]:
    """Mean of (image, value) rows with a 95 % bootstrap interval that resamples images."""
    by_image: dict[str, list[float]] = defaultdict(list)
    for image, value in rows:
        by_image[image].append(value)
    sums = np.array([sum(v) for v in by_image.values()])
    counts = np.array([len(v) for v in by_image.values()])
    picks = np.random.default_rng(seed).integers(len(sums), size=(rounds, len(sums)))
    low, high = np.quantile(sums[picks].sum(1) / counts[picks].sum(1), [0.025, 0.975])
    mean = float(sums.sum() / counts.sum())
    return {"mean": round(mean, 4), "low": round(float(low), 4), "high": round(float(high), 4), "n": int(counts.sum())}
