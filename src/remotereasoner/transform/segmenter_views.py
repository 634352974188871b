"""What the embedded segmenter sees of a scene, and how its answer returns to full resolution. NumPy and Pillow only.

A *window* is a rectangle (x1, y1, x2, y2) in continuous scene pixels around a box, possibly reaching outside the scene.
A *view* is a window resampled to ``size`` x ``size`` pixels: small objects are enlarged, large ones decimated.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from remotereasoner.types import BoolArray, BoxXyxy, UInt8Array

__all__ = ["MARGIN", "MIN_ASPECT", "crop_view", "iter_upsampled", "view_window"]

MARGIN = 0.2  # of the box's width and height, on each side
MIN_ASPECT = 0.5  # the window's short side is at least this part of its long side
_OVERSAMPLE = 4  # a window more than twice this many times larger than the view is subsampled first

Float32Array = npt.NDArray[np.float32]


def view_window(box_xyxy: BoxXyxy) -> BoxXyxy:
    """Window that the network sees for a box of positive size: :data:`MARGIN` around it, no thinner than 1 : 2."""
    x1, y1, x2, y2 = box_xyxy
    width, height = (x2 - x1) * (1 + 2 * MARGIN), (y2 - y1) * (1 + 2 * MARGIN)
    shortest = MIN_ASPECT * max(width, height)
    half_w, half_h = max(width, shortest) / 2, max(height, shortest) / 2
    center_x, center_y = (x1 + x2) / 2, (y1 + y2) / 2
    return center_x - half_w, center_y - half_h, center_x + half_w, center_y + half_h


def crop_view(pixels: UInt8Array, valid: BoolArray, window_xyxy: BoxXyxy, size: int) -> tuple[UInt8Array, UInt8Array]:
    """Resample a window of an image to (size, size, 3) uint8 and its validity to (size, size) uint8, 0 or 255.

    ``pixels`` is (H, W, 3) uint8, ``valid`` (H, W) bool. What lies outside the scene is 0 in both. Decimation averages
    (a triangle filter as wide as the scale); windows very much larger than the view are subsampled first, so that
    memory stays bounded by some (8 size)².
    """
    x1, y1, x2, y2 = window_xyxy
    step = max(1, int(max(x2 - x1, y2 - y1) // (size * _OVERSAMPLE)) // 2)
    # One sample of margin, so that the filter meets real pixels beyond the window's edges where there are any.
    left, top = int(np.floor(x1)) - 2 * step, int(np.floor(y1)) - 2 * step
    columns = int(np.ceil((x2 - left) / step)) + 2
    rows = int(np.ceil((y2 - top) / step)) + 2
    color = _strided(pixels, left, top, columns, rows, step)
    inside = _strided(valid[..., None], left, top, columns, rows, step) * np.uint8(255)
    area = ((x1 - left) / step, (y1 - top) / step, (x2 - left) / step, (y2 - top) / step)
    view = Image.fromarray(color).resize((size, size), Image.Resampling.BILINEAR, box=area)
    mask = Image.fromarray(inside[..., 0]).resize((size, size), Image.Resampling.BILINEAR, box=area)
    return np.asarray(view), np.where(np.asarray(mask) > 127, np.uint8(255), np.uint8(0))


def _strided(array: npt.NDArray[np.generic], left: int, top: int, columns: int, rows: int, step: int) -> UInt8Array:
    """Every ``step``-th pixel of a rectangle that may reach outside; (rows, columns, C) uint8, 0 outside."""
    out = np.zeros((rows, columns, array.shape[2]), np.uint8)
    ys = top + step // 2 + step * np.arange(rows)
    xs = left + step // 2 + step * np.arange(columns)
    row_in = np.flatnonzero((ys >= 0) & (ys < array.shape[0]))
    col_in = np.flatnonzero((xs >= 0) & (xs < array.shape[1]))
    if len(row_in) and len(col_in):
        part = array[
            ys[row_in[0]] : ys[row_in[-1]] + 1 : step,
            xs[col_in[0]] : xs[col_in[-1]] + 1 : step,
        ]
        out[row_in[0] : row_in[-1] + 1, col_in[0] : col_in[-1] + 1] = part
    return out


def iter_upsampled(
    logits: Float32Array, window_xyxy: BoxXyxy, area_px: tuple[int, int, int, int], max_values: int = 1 << 22
) -> Iterator[tuple[int, Float32Array]]:
    """Bilinear values of a view at the centres of scene pixels, in chunks of rows.

    ``logits`` is (size, size) float32 over ``window_xyxy``; ``area_px`` = (x1, y1, x2, y2) whole pixels of the scene.
    Yields (first row within the area, values (n, x2 - x1) float32) with at most about ``max_values`` values at a time.
    """
    x1, y1, x2, y2 = area_px
    across = _weights(x1, x2, window_xyxy[0], window_xyxy[2], logits.shape[1])
    rows_at_once = max(1, max_values // max(1, x2 - x1))
    for first in range(y1, y2, rows_at_once):
        last = min(first + rows_at_once, y2)
        down = _weights(first, last, window_xyxy[1], window_xyxy[3], logits.shape[0])
        values: Float32Array = np.matmul(np.matmul(down, logits), across.T, dtype=np.float32)
        yield first - y1, values


def _weights(start: int, stop: int, low: float, high: float, size: int) -> Float32Array:
    """(stop - start, size) interpolation matrix of pixel centres start + 0.5 … in ``size`` cells over [low, high]."""
    position = (np.arange(start, stop) + 0.5 - low) * (size / (high - low)) - 0.5
    position = np.clip(position, 0, size - 1)
    cell = np.minimum(position.astype(np.int64), size - 2)
    fraction = (position - cell).astype(np.float32)
    matrix = np.zeros((stop - start, size), np.float32)
    rows = np.arange(stop - start)
    matrix[rows, cell] = 1 - fraction
    matrix[rows, cell + 1] += fraction
    return matrix
