"""From a network's low-resolution logits to a mask at full resolution, without a full-frame array for each object."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim
from remotereasoner.types import SizeHw

__all__ = ["upsampled_mask"]

STRIP_PX = 1 << 22  # of the full-resolution crop are interpolated at a time: 16 MB of float32


def upsampled_mask(logits: npt.NDArray[np.float32], size_hw: SizeHw, score: float) -> InstanceMask:
    """Where ``logits`` (h, w), stretched over the whole scene of ``size_hw``, are above 0.

    Bilinear between the centres of the logits and constant beyond the outermost: what
    ``torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`` does, but only where there is something.
    """
    rows, columns = np.nonzero(logits > 0)
    if rows.size == 0:
        return empty_mask()
    height, width = size_hw
    y0, y1 = _reach(int(rows.min()), int(rows.max()), logits.shape[0], height)
    x0, x1 = _reach(int(columns.min()), int(columns.max()), logits.shape[1], width)
    left, right, across = _weights(x0, x1, logits.shape[1], width)
    upper, lower, down = _weights(y0, y1, logits.shape[0], height)
    mask = np.empty((y1 - y0, x1 - x0), dtype=np.bool_)
    step = max(1, STRIP_PX // (x1 - x0))
    for start in range(0, y1 - y0, step):
        strip = slice(start, start + step)
        t = down[strip, None]
        lines = logits[upper[strip]] * (1 - t) + logits[lower[strip]] * t
        np.greater(lines[:, left] * (1 - across) + lines[:, right] * across, 0, out=mask[strip])
    return trim(mask, (x0, y0), score)


def _reach(first: int, last: int, low: int, high: int) -> tuple[int, int]:
    """The full-resolution pixels that the samples ``first`` to ``last`` of ``low`` can lift above 0."""
    start = 0 if first == 0 else max(0, math.floor((first - 0.5) * high / low))
    stop = high if last == low - 1 else min(high, math.ceil((last + 1.5) * high / low))
    return start, stop


def _weights(
    start: int, stop: int, low: int, high: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """For pixels ``start`` to ``stop`` of ``high``: samples of ``low`` before and after, and the latter's weight."""
    position = np.clip((np.arange(start, stop) + 0.5) * (low / high) - 0.5, 0, low - 1)
    before = np.floor(position).astype(np.intp)
    return before, np.minimum(before + 1, low - 1), (position - before).astype(np.float32)
