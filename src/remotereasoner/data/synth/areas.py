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
        count, labels = cv2.connectedComponents(mask, connectivity=4, ltype=cv2.CV_32S)
        sizes = np.bincount(labels.ravel(), minlength=count)
        for k in np.flatnonzero(sizes >= MIN_REGION_PX).tolist():
            if k:  # 0 is what belongs to no region
                region = cv2.compare(labels, k, cv2.CMP_EQ)
                x, y, width, height = cv2.boundingRect(region)
                region = np.ascontiguousarray(region[y : y + height, x : x + width])
                found.append(Thing(name, x, y, region, int(sizes[k])))
    return found
