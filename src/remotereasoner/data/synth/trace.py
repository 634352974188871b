"""From masks to their rings along the edges of pixels: filled by the rule of pixel centres, they give the mask back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.thing import Thing
from remotereasoner.types import UInt8Array

__all__ = ["rings_of", "rings_of_all"]

_SHEET_WIDTH = 512


def rings_of(mask: UInt8Array, x_off: int = 0, y_off: int = 0) -> list[list[int]]:
    """Rings [x, y, x, y, ...] of a mask (> 0), outer ones and holes, in whole pixels; to be filled even-odd."""
    return _traced([(mask, x_off, y_off)])[0]


def rings_of_all(things: Sequence[Thing]) -> list[list[list[int]]]:
    """:func:`rings_of` of each thing, at its place in the scene, in a tenth of the time that one by one would take."""
    return _traced([(thing.mask, thing.x, thing.y) for thing in things])


def _traced(masks: Sequence[tuple[UInt8Array, int, int]]) -> list[list[list[int]]]:
    """Trace all masks on one sheet.

    OpenCV traces the centres of border pixels. On a mask of twice the size, each pixel being a block of four, halving
    and rounding up carries every such centre to the corner of the pixel that it belongs to.
    """
    found: list[list[list[int]]] = [[] for _ in masks]
    if not masks:
        return found
    sheet, owner, shifts = _sheet(masks)
    height, width = sheet.shape
    double = cv2.resize(sheet, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return found
    centres = np.concatenate(contours)[:, 0]
    ring = np.repeat(np.arange(len(contours)), [len(c) for c in contours])
    firsts = np.array([c[0, 0] for c in contours]) >> 1
    owners = owner[firsts[:, 1], firsts[:, 0]]
    points = (centres + 1) >> 1
    before, _ = _neighbours(np.bincount(ring))
    moved = (points != points[before]).any(1)
    points, ring = points[moved], ring[moved]
    before, after = _neighbours(np.bincount(ring))
    come, go = points - points[before], points[after] - points
    turns = (come[:, 0] * go[:, 1] != come[:, 1] * go[:, 0]) | ((come * go).sum(1) < 0)
    points, ring = points[turns], ring[turns]
    flat = (points + shifts[owners[ring]]).ravel().tolist()
    start = 0
    for index, end in zip(owners.tolist(), (2 * np.cumsum(np.bincount(ring))).tolist(), strict=True):
        found[index].append(flat[start:end])
        start = end
    return found


def _sheet(masks: Sequence[tuple[UInt8Array, int, int]]) -> tuple[UInt8Array, np.ndarray, np.ndarray]:
    """Masks side by side on shelves with a gap; whose each pixel is; and (N, 2) x, y from the sheet to the scene."""
    width = max([_SHEET_WIDTH, *(mask.shape[1] for mask, _, _ in masks)])
    places = np.zeros((len(masks), 2), np.int64)
    x = y = shelf = 0
    for index in sorted(range(len(masks)), key=lambda k: -masks[k][0].shape[0]):
        h, w = masks[index][0].shape
        if x + w > width:
            x, y, shelf = 0, y + shelf, 0
        places[index] = x, y
        x, shelf = x + w + 1, max(shelf, h + 1)
    sheet = np.zeros((y + shelf, width), np.uint8)
    owner = np.zeros(sheet.shape, np.int32)
    for index, (mask, _, _) in enumerate(masks):
        (left, top), (h, w) = places[index], mask.shape
        sheet[top : top + h, left : left + w] = mask
        owner[top : top + h, left : left + w] = index
    return sheet, owner, np.array([(x, y) for _, x, y in masks]) - places


def _neighbours(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the point before and after each point, of closed rings that lie one after another."""
    ends = np.cumsum(lengths)
    starts = ends - lengths
    before = np.arange(-1, ends[-1] - 1)
    before[starts] = ends - 1
    after = np.arange(1, ends[-1] + 1)
    after[ends - 1] = starts
    return before, after
