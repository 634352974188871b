"""Names for tuples and arrays of numbers: the axis order and the unit are in the name.

Pixel coordinates everywhere: origin at the top left *corner* of the top left pixel, x right, y down, continuous; boxes
are half-open [x1, y1, x2, y2], so that a box's width is x2 - x1.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "BoolArray",
    "BoundsXyxy",
    "BoxXyxy",
    "FloatArray",
    "PointXy",
    "SizeHw",
    "Status",
    "Task",
    "UInt8Array",
    "WindowPx",
]

BoxXyxy = tuple[float, float, float, float]  # (10.0, 20.0, 110.5, 80.0), scene pixels unless said otherwise
PointXy = tuple[float, float]  # (60.2, 50.0)
SizeHw = tuple[int, int]  # (height, width) = (480, 640)
BoundsXyxy = tuple[float, float, float, float]  # (west, south, east, north) in the units of a CRS

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]

Task = Literal["locate", "vqa", "caption"]
Status = Literal["answered", "no_target", "unparseable", "truncated", "refused"]


class WindowPx(NamedTuple):
    """A rectangle of whole pixels of the source raster."""

    col_off: int
    row_off: int
    width: int
    height: int
