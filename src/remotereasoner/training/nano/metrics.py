"""Bootstrap intervals of the embedded model's evaluation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

__all__ = ["interval"]


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
