"""Reader of the labelled overhead images (one JSON line an image) for training the perception tower.

What is labelled differs from set to set, so that each image carries a weight per class for its *negatives*: 1 where the
class is exhaustively labelled or known to be absent, little where an unlabelled instance is unlikely or merely
plausible, 0 where some of the class are labelled and others may not be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from remotereasoner.data.synth.labels import SET_NAME as SYNTHETIC
from remotereasoner.data.synth.vocabulary import ALL_CLASSES as DRAWN
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.types import FloatArray, UInt8Array

__all__ = ["LabelledImage", "read_split", "read_world"]

UNLIKELY = 0.15
PLAUSIBLE = 0.08
_DRY_SETS = {"tennis_google", "psu_car", "deepforest_trees", "fair_buildings", "aerial_airport"}
_PLAUSIBLE_ANYWHERE = {"vehicle", "building", "tree"}
_PLAUSIBLE_IN = {
    "nwpu_vhr10": set(THINGS),
    "simd": {"airplane", "ship", "vehicle", "storage_tank", "harbor", "building", "tree"},
    "ships_planet": {"ship", "harbor", "bridge", "storage_tank"},
    "dubai": {"solar_panel", "bridge", "overpass", "tennis_court", "ship", "harbor"},
    "mass_roads": set(THINGS),
    "cil_roads": set(THINGS),
    "fair_buildings": {"solar_panel"},
    "dota_samples": set(THINGS),
    "ucmerced": set(),
}
# UC Merced's multi-labels say what occurs anywhere in the image; what they do not name is not there.
_UCM_THINGS = {
    "airplane": ("airplane",),
    "ship": ("ship",),
    "vehicle": ("cars",),
    "storage_tank": ("tanks",),
    "tennis_court": ("court",),
    "basketball_court": ("court",),
    "harbor": ("dock", "ship"),
    "building": ("buildings", "mobile-home"),
    "tree": ("trees", "chaparral"),
    "ground_track_field": ("court", "field"),
}
_UCM_SCENES = {
    "baseball_diamond": ("baseballdiamond",),
    "overpass": ("overpass", "freeway"),
    "bridge": ("overpass", "river"),
}
_UCM_AREAS = {
    "road": ("pavement",),
    "water": ("water", "sea"),
    "vegetation": ("trees", "grass", "chaparral", "field"),
    "land": ("bare-soil", "sand"),
}
_DUBAI_AREAS = {1: "land", 2: "road", 3: "vegetation", 4: "water"}


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with what is known about it. Boxes in pixels, (N, 4) xyxy."""

    pixels: UInt8Array
    boxes_xyxy: FloatArray
    classes: np.ndarray
    """(N,) index into THINGS."""
    negative_weights: FloatArray
    """(things,): weight of the loss where no instance of the class is labelled."""
    area_values: UInt8Array | None
    """(H, W): 0 none of them, k + 1 AREAS[k], 255 unknown; None where there is no mask."""
    area_known: np.ndarray
    """(areas,) bool: which areas ``area_values`` decides."""
    area_presence: np.ndarray
    """(areas,) int: 1 occurs in the image, 0 does not, -1 not known."""
    source_set: str
    scene: str | None
    multilabels: tuple[str, ...]


def _negative_weights(row: dict[str, object], present: set[str]) -> FloatArray:
    exhaustive = set(row["exhaustive_for"] or [])  # type: ignore[call-overload]
    name = str(row["set"])
    weights = np.full(len(THINGS), UNLIKELY)
    plausible = _PLAUSIBLE_ANYWHERE | _PLAUSIBLE_IN.get(name, set())
    for i, thing in enumerate(THINGS):
        if thing in exhaustive:
            weights[i] = 1.0
        elif name == "ucmerced":
            words = set(row["multilabels"])  # type: ignore[call-overload]
            absent = not words & set(_UCM_THINGS.get(thing, ()))
            absent &= row["scene"] not in _UCM_SCENES.get(thing, ())
            weights[i] = 1.0 if absent else 0.0
        elif thing in present:
            weights[i] = 0.0
        elif thing in plausible:
            weights[i] = PLAUSIBLE
    return weights


def _areas(row: dict[str, object], root: Path) -> tuple[UInt8Array | None, np.ndarray, np.ndarray]:
    known = np.zeros(len(AREAS), bool)
    presence = np.full(len(AREAS), -1)
    if row["set"] == "ucmerced":
        words = set(row["multilabels"])  # type: ignore[call-overload]
        for i, area in enumerate(AREAS):
            presence[i] = int(bool(words & set(_UCM_AREAS[area])))
        return None, known, presence
    water = AREAS.index("water")
    if row["set"] in _DRY_SETS:
        presence[water] = 0
    elif any(o["category"] in ("ship", "harbor") for o in row["objects"]):  # type: ignore[attr-defined]
        presence[water] = 1
    if not row.get("mask"):
        return None, known, presence
    with Image.open(root / str(row["mask"])) as file:
        mask = np.asarray(file)
    values = np.zeros(mask.shape, np.uint8)
    if row["set"] == SYNTHETIC:
        values[mask > 0] = 255  # a thing: what lies under it is not drawn
        for i, area in enumerate(AREAS):
            values[mask == DRAWN.index(area) + 1] = i + 1
        known[:] = True
    elif row["set"] == "dubai":
        for value, area in _DUBAI_AREAS.items():
            values[mask == value] = AREAS.index(area) + 1
        values[mask > 4] = 255
        known[:] = True
    else:
        values[mask > 0] = AREAS.index("road") + 1
        known[AREAS.index("road")] = True
    return values, known, presence


def read_split(root: Path, split: str) -> list[LabelledImage]:
    """All images of ``root/{split}.jsonl``, decoded. Raises FileNotFoundError where the file is not there."""
    return _read(root, root / f"{split}.jsonl")


def read_world(root: Path) -> list[LabelledImage]:
    """All scenes of a synthetic world written with ``data synth --masks``, decoded. Raises FileNotFoundError."""
    return _read(root, root / "labels.jsonl")


def _read(root: Path, labels: Path) -> list[LabelledImage]:
    images: list[LabelledImage] = []
    with labels.open() as lines:
        for line in lines:
            row = json.loads(line)
            row.setdefault("mask", row.get("index_mask"))
            with Image.open(root / row["image"]) as file:
                pixels = np.asarray(file.convert("RGB"))
            objects = [o for o in row["objects"] if o["category"] in THINGS]
            boxes = np.array([o["bbox"] for o in objects], float).reshape(-1, 4)
            classes = np.array([THINGS.index(o["category"]) for o in objects], np.int64)
            values, known, presence = _areas(row, root)
            images.append(
                LabelledImage(
                    pixels, boxes, classes, _negative_weights(row, {o["category"] for o in objects}), values, known,
                    presence, row["set"], row.get("scene"), tuple(row.get("multilabels") or ()),
                )
            )  # fmt: skip
    return images
