"""The resizes that the processors of the model families do, as arithmetic on sizes: no pixels are touched here.

Formulas as in transformers 5.23, ``models/qwen2_vl/image_processing_qwen2_vl.py`` and
``models/got_ocr2/image_processing_got_ocr2.py``; the tests compare with those processors size by size.
"""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.errors import CoordinateError
from remotereasoner.types import FloatArray, SizeHw

__all__ = ["MAX_ASPECT", "checked_size", "smart_resize", "span_xy", "tiled_canvas"]

MAX_ASPECT = 200
"""Qwen's processors refuse images that are longer than this many times their width."""


def checked_size(image_hw: SizeHw) -> SizeHw:
    """``image_hw`` itself. Raises :class:`~remotereasoner.errors.CoordinateError` for an empty image."""
    height, width = image_hw
    if height < 1 or width < 1:
        raise CoordinateError(f"an image of {height} x {width} pixels (height x width) has nothing to look at")
    return height, width


def span_xy(size_hw: SizeHw) -> FloatArray:
    """(2,) width and height, in the order of a point's coordinates."""
    return np.array([size_hw[1], size_hw[0]], dtype=np.float64)


def smart_resize(image_hw: SizeHw, *, factor: int, min_pixels: int, max_pixels: int) -> SizeHw:
    """Height and width that a Qwen processor resizes an image to.

    Both become multiples of ``factor`` (rounded half to even); when their product leaves ``min_pixels`` to
    ``max_pixels``, both are scaled by one common ratio instead and rounded towards the allowed range.

    Raises :class:`~remotereasoner.errors.CoordinateError` for an aspect ratio above :data:`MAX_ASPECT`.
    """
    height, width = checked_size(image_hw)
    if max(height, width) / min(height, width) > MAX_ASPECT:
        raise CoordinateError(
            f"an image of {height} x {width} pixels is longer than {MAX_ASPECT} times its breadth, "
            "which this model family refuses: cut it into tiles first"
        )
    new_h, new_w = round(height / factor), round(width / factor)
    if new_h * new_w * factor**2 > max_pixels:
        shrink = math.sqrt(height * width / max_pixels)
        new_h = max(1, math.floor(height / shrink / factor))
        new_w = max(1, math.floor(width / shrink / factor))
    elif new_h * new_w * factor**2 < min_pixels:
        grow = math.sqrt(min_pixels / (height * width))
        new_h = math.ceil(height * grow / factor)
        new_w = math.ceil(width * grow / factor)
    return new_h * factor, new_w * factor


def tiled_canvas(image_hw: SizeHw, *, tile_hw: SizeHw, min_tiles: int, max_tiles: int) -> SizeHw:
    """Height and width of the canvas of whole tiles that InternVL squashes an image onto.

    Of all grids of ``min_tiles`` to ``max_tiles`` tiles, the one with the nearest width to height ratio; among equals,
    taken by rising tile count, a larger one wins while the image covers more than half of it.
    """
    height, width = checked_size(image_hw)
    grids = [
        (columns, rows)
        for columns in range(1, max_tiles + 1)
        for rows in range(1, max_tiles + 1)
        if min_tiles <= columns * rows <= max_tiles
    ]
    best, best_gap = (1, 1), math.inf
    for columns, rows in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        gap = abs(width / height - columns / rows)
        covers_half = height * width > 0.5 * tile_hw[0] * tile_hw[1] * columns * rows
        if gap < best_gap or (gap == best_gap and covers_half):
            best, best_gap = (columns, rows), gap
    return best[1] * tile_hw[0], best[0] * tile_hw[1]
