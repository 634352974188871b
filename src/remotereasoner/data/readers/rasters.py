"""Image sizes and masks of data sets, through the one door to rasters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.errors import ImageReadError
from remotereasoner.scene import open_raster
from remotereasoner.types import BoolArray, SizeHw

__all__ = ["fit_mask", "image_size", "read_mask"]

_MAX_ASPECT_CHANGE = 0.02
_MAX_MASK_PIXELS = 1 << 28
_JPEG_THRESHOLD = 128  # compression rings around edges: values near 0 are background


def image_size(path: Path) -> SizeHw:
    """(height, width) from the header. Raises FieldError where it cannot be read."""
    try:
        with open_raster(path) as raster:
            return raster.grid.size_hw
    except ImageReadError as error:
        raise FieldError(f"image {shown(path.name)}: {error}") from None


def read_mask(path: Path) -> BoolArray:
    """(H, W) bool of a mask file: True where any channel but alpha is above 0, of a JPEG at least 128.

    0/1 and 0/255, grey, RGB, RGBA and palette (the stored index, 0 is background) all read the same. Raises FieldError.
    """
    try:
        with open_raster(path) as raster:
            reader = raster.reader
            if reader.width * reader.height > _MAX_MASK_PIXELS or raster.dtype.startswith("complex"):
                raise FieldError(f"mask {shown(path.name)} is too large, or of complex numbers")
            bands = [n for n in reader.indexes if reader.colorinterp[n - 1].name != "alpha"] or [1]
            samples = reader.read(bands)
            threshold = _JPEG_THRESHOLD if reader.driver == "JPEG" else 1
    except ImageReadError as error:
        raise FieldError(f"mask {shown(path.name)}: {error}") from None
    target = samples > 0 if samples.dtype.kind == "f" else samples >= threshold
    above: BoolArray = np.logical_or.reduce(target, axis=0)
    return above


def fit_mask(mask: BoolArray, size_hw: SizeHw, name: str) -> BoolArray:
    """``mask`` at the image's size: pixels repeated or left out where the shape is the same within 2 %.

    Raises FieldError where the shape differs more: such a mask is of something else, or turned.
    """
    if mask.shape == size_hw:
        return mask
    (h, w), (height, width) = mask.shape, size_hw
    if abs((w * height) / (h * width) - 1.0) > _MAX_ASPECT_CHANGE:
        raise FieldError(f"mask {shown(name)} is {w} x {h} pixels, its image {width} x {height}: not the same shape")
    rows = np.minimum(((np.arange(height) + 0.5) * h / height).astype(np.intp), h - 1)
    columns = np.minimum(((np.arange(width) + 0.5) * w / width).astype(np.intp), w - 1)
    fitted: BoolArray = mask[rows[:, np.newaxis], columns]
    return fitted
