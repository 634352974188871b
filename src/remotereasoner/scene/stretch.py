"""From samples of any dtype to uint8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from remotereasoner.types import BoolArray, UInt8Array

__all__ = ["Limits", "interleave_into", "percentile_limits", "stretch_into"]

Limits = tuple[float, float]  # (312.0, 2874.0): what becomes 0 and 255

_MAX_SAMPLES = 1 << 16  # of a band for its percentiles: their error is then about 0.05 percentile points
_ROWS = 32  # at a time: what is between two steps stays in the processor's cache


def percentile_limits(samples: npt.NDArray[Any], valid: BoolArray | None, percentiles: tuple[float, float]) -> Limits:
    """The two percentiles of a band (H, W) over a regular grid of at most 2**16 of its valid, finite samples.

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

    NaN becomes 0. 8 and 16 bit integers are computed in float32, which holds them exactly, all else in float64.
    """
    is_small = samples.dtype.kind in "ui" and samples.dtype.itemsize <= 2
    working = np.float32 if is_small else np.float64
    low, scale = working(limits[0]), working(255.0 / (limits[1] - limits[0]))
    scaled = np.empty((_ROWS, samples.shape[1]), dtype=working)
    rounded = np.empty(scaled.shape, dtype=np.uint8)
    with np.errstate(invalid="ignore", over="ignore"):
        for row in range(0, samples.shape[0], _ROWS):
            part = samples[row : row + _ROWS]
            values, levels = scaled[: len(part)], rounded[: len(part)]
            np.subtract(part, low, out=values, dtype=working, casting="unsafe")
            np.multiply(values, scale, out=values)
            np.add(values, working(0.5), out=values)
            np.clip(values, 0.0, 255.5, out=values)
            if samples.dtype.kind == "f":
                np.nan_to_num(values, copy=False)
            levels[...] = values  # cuts off what is behind the point
            target[row : row + _ROWS] = levels


def interleave_into(target: UInt8Array, planes: Sequence[UInt8Array]) -> None:
    """Write n ``planes`` (H, W) into ``target`` (H, W, n), part by part, which is faster than one after the other.

    Planes that were read into the target are there already.
    """
    if all(_is_same(plane, target[:, :, channel]) for channel, plane in enumerate(planes)):
        return
    for row in range(0, target.shape[0], _ROWS):
        for channel, plane in enumerate(planes):
            target[row : row + _ROWS, :, channel] = plane[row : row + _ROWS]


def _is_same(a: UInt8Array, b: UInt8Array) -> bool:
    """Whether both are the same bytes in memory, in the same order."""
    at_a, at_b = (array.__array_interface__["data"][0] for array in (a, b))
    return at_a == at_b and a.strides == b.strides and a.shape == b.shape
