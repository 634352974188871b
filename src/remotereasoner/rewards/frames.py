"""Boxes and points in the square frame that other systems' thresholds in pixels are meant in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from remotereasoner.rewards.reading import Reading
from remotereasoner.types import FloatArray, PointXy, SizeHw

__all__ = ["SIDE_PX", "boxes_in_frame", "centres", "points_in_frame"]

SIDE_PX = 840.0
"""Seg-Zero and VisionReasoner squash every image to 840 × 840 pixels."""


def _scale(image_hw: SizeHw) -> FloatArray:
    return np.array([SIDE_PX / image_hw[1], SIDE_PX / image_hw[0]])


def boxes_in_frame(boxes: FloatArray, image_hw: SizeHw) -> FloatArray:
    """(N, 4) boxes of an image, in pixels of the squashed one."""
    return boxes * np.tile(_scale(image_hw), 2)


def points_in_frame(reading: Reading, image_hw: SizeHw, per_box: int) -> FloatArray | None:
    """(M, ``per_box``, 2) points of every box; None where a box has another number of them."""
    points: Sequence[Sequence[PointXy]] = reading.points_xy
    if len(points) != len(reading.boxes) or any(len(own) != per_box for own in points):
        return None
    return np.array(points, dtype=np.float64).reshape(-1, per_box, 2) * _scale(image_hw)


def centres(boxes: FloatArray) -> FloatArray:
    """(N, 2) centres of (N, 4) boxes: what stands for an object's point where the samples have none."""
    middle: FloatArray = (boxes[:, :2] + boxes[:, 2:]) / 2
    return middle
