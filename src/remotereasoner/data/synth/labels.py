"""A scene's line in ``labels.jsonl``, and its index mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.relations import Relation
from remotereasoner.data.synth.scene import DrawnScene
from remotereasoner.data.synth.sensors import Sensor
from remotereasoner.data.synth.trace import rings_of_all
from remotereasoner.data.synth.vocabulary import ALL_CLASSES, AREA_CLASSES

__all__ = ["SET_NAME", "index_mask_png", "label_record"]

SET_NAME = "synthetic"


def label_record(
    scene: DrawnScene, image: str, sensor: Sensor, relations: Sequence[Relation], seed: int
) -> dict[str, Any]:
    """Of the labelled images' layout: boxes [x1, y1, x2, y2] and ``polygon`` rings [x, y, x, y, ...] in pixels.

    ``relations`` refer to objects by their index in ``objects``.
    """
    return {
        "image": image,
        "set": SET_NAME,
        "width": scene.side,
        "height": scene.side,
        "gsd_m": scene.gsd_m,
        "objects": [
            {"category": item.category, "bbox": list(item.box), "polygon": rings}
            for item, rings in zip(scene.objects, rings_of_all(scene.objects), strict=True)
        ],
        "exhaustive_for": list(scene.exhaustive_for),
        "relations": [relation.to_dict() for relation in relations],
        "scene": scene.family,
        "sensor": sensor.to_dict(),
        "licence_tier": "own",
        "source": f"remotereasoner data synth, seed {seed}, scene {scene.number}",
    }


def index_mask_png(scene: DrawnScene) -> bytes:
    """8-bit PNG: 0 none, k + 1 the k-th of ``ALL_CLASSES``; areas first, things in their order over them."""
    values = np.zeros((scene.side, scene.side), np.uint8)
    for areas in (True, False):
        for item in scene.objects:
            if (item.category in AREA_CLASSES) is areas:
                x1, y1, x2, y2 = item.box
                values[y1:y2, x1:x2][item.mask > 0] = ALL_CLASSES.index(item.category) + 1
    _, data = cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return bytes(data.tobytes())
