"""Connected regions of the ground as labelled objects."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects

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
        for k, window in enumerate(find_objects(labels), start=1):
            if sizes[k] >= MIN_REGION_PX:
                region = cv2.compare(np.ascontiguousarray(labels[window]), k, cv2.CMP_EQ)
                found.append(Thing(name, window[1].start, window[0].start, region, int(sizes[k])))
    return found
