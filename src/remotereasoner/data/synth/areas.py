"""Connected regions of the ground as labelled objects."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.thing import Thing
from remotereasoner.types import UInt8Array

__all__ = ["MIN_REGION_PX", "area_regions"]

MIN_REGION_PX = 32
"""Smaller specks of an area are part of the picture and of no label."""


def area_regions(areas: dict[str, UInt8Array]) -> list[Thing]:
    """4-connected regions of each area class, by class and then by place."""
    found = []
    for name, mask in areas.items():
        count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(mask, 4, cv2.CV_32S, cv2.CCL_SPAGHETTI)
        for k in range(1, count):
            x, y, w, h, area = (int(v) for v in stats[k])
            if area < MIN_REGION_PX:
                continue
            region = np.where(labels[y : y + h, x : x + w] == k, np.uint8(255), np.uint8(0))
            found.append(Thing(name, x, y, region, area))
    return found
