"""From a mask to its rings along the edges of pixels: filled by the rule of pixel centres, they give the mask back."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.types import UInt8Array

__all__ = ["rings_of"]


def rings_of(mask: UInt8Array, x_off: int = 0, y_off: int = 0) -> list[list[int]]:
    """Rings [x, y, x, y, ...] of a mask (> 0), outer ones and holes, in whole pixels; to be filled even-odd.

    OpenCV traces the centres of border pixels. On a mask of twice the size, each pixel being a block of four, halving
    and rounding up carries every such centre to the corner of the pixel that it belongs to.
    """
    double = np.repeat(np.repeat(mask, 2, 0), 2, 1)
    contours, _ = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = []
    for contour in contours:
        points = (contour[:, 0].astype(np.int64) + 1) >> 1
        step = np.any(points != np.roll(points, 1, 0), 1)
        points = points[step]
        before = points - np.roll(points, 1, 0)
        after = np.roll(points, -1, 0) - points
        turns = (before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]) | ((before * after).sum(1) < 0)
        ring = points[turns] + (x_off, y_off)
        rings.append([int(v) for v in ring.ravel()])
    return rings
