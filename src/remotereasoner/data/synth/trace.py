"""From a mask to its rings along the edges of pixels: filled by the rule of pixel centres, they give the mask back."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.types import UInt8Array

__all__ = ["rings_of"]


def _neighbours(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the point before and after each point, of closed rings that lie one after another."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    before = np.arange(-1, ends[-1] - 1)
    before[starts] = ends - 1
    after = np.arange(1, ends[-1] + 1)
    after[ends - 1] = starts
    return before, after


def rings_of(mask: UInt8Array, x_off: int = 0, y_off: int = 0) -> list[list[int]]:
    """Rings [x, y, x, y, ...] of a mask (> 0), outer ones and holes, in whole pixels; to be filled even-odd.

    OpenCV traces the centres of border pixels. On a mask of twice the size, each pixel being a block of four, halving
    and rounding up carries every such centre to the corner of the pixel that it belongs to.
    """
    height, width = mask.shape
    double = cv2.resize(mask, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return []
    points = (np.concatenate(contours)[:, 0] + 1) >> 1
    ring = np.repeat(np.arange(len(contours)), [len(c) for c in contours])
    before, _ = _neighbours(np.bincount(ring))
    moved = (points != points[before]).any(1)
    points, ring = points[moved], ring[moved]
    before, after = _neighbours(np.bincount(ring))
    come, go = points - points[before], points[after] - points
    turns = (come[:, 0] * go[:, 1] != come[:, 1] * go[:, 0]) | ((come * go).sum(1) < 0)
    points, ring = points[turns] + (x_off, y_off), ring[turns]
    flat = points.ravel().tolist()
    ends = 2 * np.cumsum(np.bincount(ring))
    return [flat[start:end] for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)]
