"""Which object is the largest, the northernmost, next to the water ...: only where the picture leaves no doubt.

Definitions, in pixels of the scene, north up: sizes are areas of masks, positions are centres of boxes, distances are
between the nearest pixel centres of two masks. A relation that another object comes close to holding is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.thing import Thing
from remotereasoner.data.synth.vocabulary import AREA_CLASSES

__all__ = ["LANDMARKS", "Relation", "relations_of"]

LANDMARKS = (
    "runway", "bridge", "overpass", "dam", "mine", "roundabout", "ground_track_field", "parking_lot", "soccer_field",
)  # fmt: skip
"""Classes that others are described by, where the scene has exactly one of them."""
_SIZE_MARGIN = 1.15
_PLACE_MARGIN = 0.02
_NEAR, _FAR = 0.03, 0.06
"""Next to: within 3 % of the side; nothing of the class may be between 3 and 6 %."""
_MOST = 60


@dataclass(frozen=True)
class Relation:
    """``objects``: indices of those for which it holds."""

    kind: str
    category: str
    objects: tuple[int, ...]
    of: str | None = None
    of_object: int | None = None
    """Index of the landmark; None for all water together."""

    def to_dict(self) -> dict[str, Any]:
        """For the labels."""
        record: dict[str, Any] = {"kind": self.kind, "category": self.category, "objects": list(self.objects)}
        if self.of is not None:
            record |= {"of": self.of, "of_object": self.of_object}
        return record


def _best(keys: Sequence[float], margin: float) -> int | None:
    """Index of the largest key, None unless it leads by ``margin``."""
    order = sorted(range(len(keys)), key=lambda k: -keys[k])
    return order[0] if keys[order[0]] - keys[order[1]] >= margin else None


def relations_of(objects: Sequence[Thing], side: int) -> list[Relation]:
    """All clear relations among the objects of a scene of ``side`` pixels."""
    groups: dict[str, list[int]] = {}
    for index, item in enumerate(objects):
        groups.setdefault(item.category, []).append(index)
    found: list[Relation] = []
    for category, members in groups.items():
        if 1 < len(members) <= _MOST:
            found += _within(category, members, objects, side)
    things = {c: m for c, m in groups.items() if c not in AREA_CLASSES and len(m) <= _MOST}
    if "water" in groups and things:
        far = _distances(objects, groups["water"], side)
        for category, members in things.items():
            if category not in ("bridge", "dam", "ship", "harbor", "swimming_pool"):
                found += _by_distance(category, members, objects, far, side, "water", None)
    single = next((name for name in LANDMARKS if len(groups.get(name, ())) == 1), None)
    if single is not None and len(things) > 1:
        index = groups[single][0]
        far = _distances(objects, [index], side)
        for category, members in things.items():
            if category != single:
                found += _by_distance(category, members, objects, far, side, single, index)
                found += _by_direction(category, members, objects, single, index)
    return found


def _within(category: str, members: list[int], objects: Sequence[Thing], side: int) -> list[Relation]:
    found = []
    sizes = [math.log(objects[k].area_px) for k in members]
    centres = [objects[k].centre for k in members]
    margin = _PLACE_MARGIN * side
    keys: list[tuple[str, list[float], float]] = [
        ("largest", sizes, math.log(_SIZE_MARGIN)),
        ("smallest", [-s for s in sizes], math.log(_SIZE_MARGIN)),
        ("northernmost", [-y for _, y in centres], margin),
        ("southernmost", [y for _, y in centres], margin),
        ("westernmost", [-x for x, _ in centres], margin),
        ("easternmost", [x for x, _ in centres], margin),
        ("nearest_center", [-math.dist(c, (side / 2, side / 2)) for c in centres], margin),
        ("top_left", [-math.dist(c, (0, 0)) for c in centres], margin),
        ("top_right", [-math.dist(c, (side, 0)) for c in centres], margin),
        ("bottom_left", [-math.dist(c, (0, side)) for c in centres], margin),
        ("bottom_right", [-math.dist(c, (side, side)) for c in centres], margin),
    ]
    if len(members) > 2:
        gaps = [min(math.dist(a, b) for j, b in enumerate(centres) if j != i) for i, a in enumerate(centres)]
        keys.append(("most_isolated", gaps, margin))
    for kind, values, least in keys:
        best = _best(values, least)
        if best is not None:
            found.append(Relation(kind, category, (members[best],)))
    return found


def _distances(objects: Sequence[Thing], members: list[int], side: int) -> np.ndarray:
    """(side, side) float32: distance of each pixel centre from the nearest one of these objects' masks."""
    away = np.full((side, side), 255, np.uint8)
    for k in members:
        x1, y1, x2, y2 = objects[k].box
        away[y1:y2, x1:x2][objects[k].mask > 0] = 0
    return np.asarray(cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _by_distance(
    category: str, members: list[int], objects: Sequence[Thing], far: np.ndarray, side: int, of: str, index: int | None
) -> list[Relation]:
    found = []
    gaps, inside = [], []
    for k in members:
        x1, y1, x2, y2 = objects[k].box
        values = far[y1:y2, x1:x2][objects[k].mask > 0]
        gaps.append(float(values.min()))
        inside.append(float((values == 0).mean()))
    if len(members) > 1:
        best = _best([-g for g in gaps], _PLACE_MARGIN * side)
        if best is not None and not inside[best]:
            found.append(
                Relation("nearest_water" if of == "water" else "nearest", category, (members[best],), of, index)
            )
    on = tuple(k for k, share in zip(members, inside, strict=True) if share >= 0.8)
    clear = all(share >= 0.8 or share <= 0.2 for share in inside)
    if on and clear and of != "water":
        found.append(Relation("on", category, on, of, index))
    beside = tuple(k for k, gap, share in zip(members, gaps, inside, strict=True) if share == 0 and gap <= _NEAR * side)
    doubtful = any(share > 0 or _NEAR * side < gap < _FAR * side for gap, share in zip(gaps, inside, strict=True))
    if beside and not doubtful:
        found.append(Relation("next_to", category, beside, of, index))
    return found


def _by_direction(category: str, members: list[int], objects: Sequence[Thing], of: str, index: int) -> list[Relation]:
    """Wholly beyond the landmark's box on one side; every other one has its centre beyond the landmark's."""
    found = []
    x1, y1, x2, y2 = objects[index].box
    cx, cy = objects[index].centre
    tests = {
        "north_of": ([objects[k].box[3] <= y1 for k in members], [objects[k].centre[1] >= cy for k in members]),
        "south_of": ([objects[k].box[1] >= y2 for k in members], [objects[k].centre[1] <= cy for k in members]),
        "west_of": ([objects[k].box[2] <= x1 for k in members], [objects[k].centre[0] >= cx for k in members]),
        "east_of": ([objects[k].box[0] >= x2 for k in members], [objects[k].centre[0] <= cx for k in members]),
    }
    for kind, (beyond, opposite) in tests.items():
        holds = tuple(k for k, b in zip(members, beyond, strict=True) if b)
        if holds and all(b or o for b, o in zip(beyond, opposite, strict=True)):
            found.append(Relation(kind, category, holds, of, index))
    return found
