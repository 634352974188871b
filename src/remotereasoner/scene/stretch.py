"""From samples of any dtype to uint8."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from remotereasoner.types import BoolArray, UInt8Array

__all__ = ["Limits", "percentile_limits", "stretch_into"]

Limits = tuple[float, float]  # (312.0, 2874.0): what becomes 0 and 255

_MAX_SAMPLES = 1 << 18  # of a band for its percentiles: their error is then below 0.1 percentile points
_ROWS = 64  # of floats at a time: stays in the cache


def percentile_limits(samples: npt.NDArray[Any], valid: BoolArray | None, percentiles: tuple[float, float]) -> Limits:
    """The two percentiles of a band (H, W) over a regular grid of at most 2**18 of its valid, finite samples.

    (0, 1) where there is none; where both are the same, the upper is one more.
    """
    step = max(1, int(np.ceil(np.sqrt(samples.size / _MAX_SAMPLES))))
    thin = samples[::step, ::step]
    chosen = thin.ravel() if valid is None else thin[valid[::step, ::step]]
    if chosen.dtype.kind == "f":
        chosen = chosen[np.isfinite(chosen)]
    if not chosen.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(chosen, percentiles))
    return low, high if high > low else low + 1.0


def stretch_into(target: UInt8Array, samples: npt.NDArray[Any], limits: Limits) -> None:
    """Write ``samples`` (H, W) into ``target`` (H, W), strided or not: linear between ``limits``, clipped, rounded.

    NaN becomes 0. 8 and 16 bit integers go through a table, which is exact and about four times as fast.
    """
    if samples.dtype.kind in "ui" and samples.dtype.itemsize <= 2:
        info = np.iinfo(samples.dtype)
        values = np.arange(info.min, int(info.max) + 1)
        unsigned = samples.view(f"u{samples.dtype.itemsize}")
        # The bits of a negative number read as unsigned come after the positive ones.
        table = np.roll(_linear(values.astype(np.float64), limits), int(info.min))
        for row in range(0, samples.shape[0], _ROWS):
            target[row : row + _ROWS] = table[unsigned[row : row + _ROWS]]
        return
    for row in range(0, samples.shape[0], _ROWS):
        target[row : row + _ROWS] = _linear(samples[row : row + _ROWS], limits)


def _linear(samples: npt.NDArray[Any], limits: Limits) -> UInt8Array:
    low, high = limits
    scaled = samples.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled -= low
        scaled *= 255.0 / (high - low)
    np.clip(scaled, 0.0, 255.0, out=scaled)
    np.rint(scaled, out=scaled)
    scaled[np.isnan(scaled)] = 0.0
    return scaled.astype(np.uint8)
