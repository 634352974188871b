"""Crops for training the embedded segmenter: labelled objects of the overhead collection, cut out once and kept.

A crop is a square of :data:`CROP_SPAN` times the object's longer side, centred on it and resampled to
:data:`CROP_SIZE`² pixels, so that any rotation and jitter of the view can be cut from it later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from remotereasoner.training.segmenter_shapes import drawn_crop
from remotereasoner.transform.segmenter_views import crop_view
from remotereasoner.types import BoolArray, BoxXyxy, UInt8Array

__all__ = [
    "AREAS",
    "CROP_SIZE",
    "CROP_SPAN",
    "DIRECTIONS",
    "THINGS",
    "CropCache",
    "LabelledObject",
    "build_cache",
    "is_outline",
    "objects_of",
    "polygon_mask",
    "support",
]

CROP_SIZE = 144
CROP_SPAN = 2.2
DIRECTIONS = 72  # every 5 degrees
TARGET, COUNTED, VALID = 1, 2, 4  # bits of CropCache.planes
THINGS = (
    "airplane", "baseball_diamond", "basketball_court", "bridge", "building", "ground_track_field", "harbor", "ship",
    "solar_panel", "storage_tank", "tennis_court", "vehicle",
)  # fmt: skip
AREAS = ("land", "road", "vegetation", "water")
_LIMITS = {"building": 900, "ship": 500, "land": 350, "vegetation": 500, "water": 379, "road": 500}
_ROAD_VALUE = 255


@dataclass(frozen=True)
class LabelledObject:
    """One polygon: rings of (x, y) in image pixels, its tight box, and where its pixels come from."""

    image: Path
    mask: Path | None
    mask_value: int
    source_set: str
    category: str
    box_xyxy: BoxXyxy
    rings: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class CropCache:
    """``rgb`` (N, 3, S, S) and ``planes`` (N, S, S) uint8 (bits: target, counted, valid); ``support`` (N, 72) float32.

    ``support[n, k]`` is how far the target reaches from the crop's centre in direction 5 k degrees (x to y), in crop
    pixels: the tight box of the target after any rotation follows from four of them. ``category`` are N names.
    """

    rgb: UInt8Array
    planes: UInt8Array
    support: npt.NDArray[np.float32]
    category: list[str]


def objects_of(data: Path, split: str) -> Iterator[LabelledObject]:
    """Every object with a polygon, in the order of ``<split>.jsonl``."""
    with (data / f"{split}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            mask = data / record["mask"] if record.get("mask") else None
            classes = record.get("mask_classes") or []
            for item in record["objects"]:
                if not item.get("polygon"):
                    continue
                category = item["category"]
                value = classes.index(category) if category in classes else _ROAD_VALUE
                yield LabelledObject(
                    data / record["image"],
                    mask,
                    value,
                    record["set"],
                    category,
                    tuple(item["bbox"]),
                    tuple(tuple(ring) for ring in item["polygon"]),
                )


def polygon_mask(rings: tuple[tuple[float, ...], ...], window_xyxy: BoxXyxy, size_hw: tuple[int, int]) -> BoolArray:
    """Rasterise rings over a window: a pixel belongs where at least half of its 4 x 4 samples do. (h, w) bool."""
    x1, y1, x2, y2 = window_xyxy
    fine = 4
    scale_x, scale_y = fine * size_hw[1] / (x2 - x1), fine * size_hw[0] / (y2 - y1)
    canvas = Image.new("L", (size_hw[1] * fine, size_hw[0] * fine))
    draw = ImageDraw.Draw(canvas)
    for ring in rings:
        # Pillow's vertices are pixel centres, hence the half pixel.
        points = [
            ((x - x1) * scale_x - 0.5, (y - y1) * scale_y - 0.5) for x, y in zip(ring[::2], ring[1::2], strict=True)
        ]
        draw.polygon(points, fill=1)
    samples = np.asarray(canvas).reshape(size_hw[0], fine, size_hw[1], fine).sum((1, 3))
    result: BoolArray = samples >= fine * fine // 2
    return result


def support(mask: BoolArray) -> npt.NDArray[np.float32]:
    """Reach of a mask from the centre of its array in :data:`DIRECTIONS` directions, pixels; (72,) float32."""
    edge = mask.copy()
    edge[1:-1, 1:-1] &= ~(mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:])
    ys, xs = np.nonzero(edge)
    angle = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    cosine, sine = np.cos(angle), np.sin(angle)
    reach = (xs[:, None] + 0.5 - mask.shape[1] / 2) * cosine + (ys[:, None] + 0.5 - mask.shape[0] / 2) * sine
    found: npt.NDArray[np.float32] = (reach.max(0) + 0.5 * np.maximum(np.abs(cosine), np.abs(sine))).astype(np.float32)
    return found


class _Builder:
    """Collects crops; the arrays are stacked once at the end."""

    def __init__(self) -> None:
        self.rgb: list[UInt8Array] = []
        self.planes: list[UInt8Array] = []
        self.support: list[npt.NDArray[np.float32]] = []
        self.category: list[str] = []

    def add(self, category: str, rgb: UInt8Array, target: BoolArray, counted: BoolArray, valid: BoolArray) -> None:
        """``rgb`` (S, S, 3). Crops whose target has hardly any pixel are left out."""
        if int((target & counted).sum()) < 24:
            return
        self.rgb.append(rgb.transpose(2, 0, 1))
        self.planes.append((target * TARGET + counted * COUNTED + valid * VALID).astype(np.uint8))
        self.support.append(support(target & counted))
        self.category.append(category)

    def cache(self) -> CropCache:
        return CropCache(np.stack(self.rgb), np.stack(self.planes), np.stack(self.support), self.category)


def build_cache(data: Path, split: str, *, seed: int, windows_per_image: int = 16, drawn: int = 1600) -> CropCache:
    """Labelled objects (capped per category), windows onto land cover, and drawn shapes."""
    rng = np.random.default_rng(seed)
    builder = _Builder()
    chosen = _capped([item for item in objects_of(data, split) if _usable(item)], rng)
    chosen.sort(key=lambda item: str(item.image))
    last: Path | None = None
    for item in chosen:
        if item.image != last:
            last, pixels, classes = item.image, _read(item.image), _read_mask(item.mask)
        _add_object(builder, item, pixels, classes)
    for path, mask_path in sorted({(item.image, item.mask) for item in chosen if item.source_set == "dubai"}):
        classes = _read_mask(mask_path)
        if classes is not None:
            _add_windows(builder, _read(path), classes, windows_per_image, rng)
    textures = [_read(path) for path in _texture_files(data, split, rng)]
    for _ in range(drawn):
        kind, rgb, target, counted = drawn_crop(textures, CROP_SIZE, CROP_SPAN, rng)
        builder.add(kind, rgb, target, counted, np.ones_like(target))
    return builder.cache()


def is_outline(item: LabelledObject) -> bool:
    """False for polygons that only repeat a box: all of ``aerial_airport``, and airplanes of ``dota_samples``."""
    return not (item.category == "airplane" and item.source_set in {"aerial_airport", "dota_samples"})


def _usable(item: LabelledObject) -> bool:
    if not is_outline(item):
        return False
    width, height = item.box_xyxy[2] - item.box_xyxy[0], item.box_xyxy[3] - item.box_xyxy[1]
    return min(width, height) >= (4 if item.category in THINGS else 8)


def _capped(items: list[LabelledObject], rng: np.random.Generator) -> list[LabelledObject]:
    by_category: dict[str, list[LabelledObject]] = {}
    for item in items:
        by_category.setdefault(item.category, []).append(item)
    chosen: list[LabelledObject] = []
    for category, members in sorted(by_category.items()):
        order = rng.permutation(len(members))[: _LIMITS.get(category, len(members))]
        chosen += [members[index] for index in order]
    return chosen


def _read(path: Path) -> UInt8Array:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _read_mask(path: Path | None) -> UInt8Array | None:
    if path is None:
        return None
    with Image.open(path) as image:
        return np.asarray(image)


def _square(box_xyxy: BoxXyxy, span: float) -> BoxXyxy:
    x1, y1, x2, y2 = box_xyxy
    half = span * max(x2 - x1, y2 - y1) / 2
    center_x, center_y = (x1 + x2) / 2, (y1 + y2) / 2
    return center_x - half, center_y - half, center_x + half, center_y + half


def _view_of(plane: BoolArray, window_xyxy: BoxXyxy) -> BoolArray:
    """A full-frame truth plane at crop resolution."""
    return crop_view(np.zeros((*plane.shape, 3), np.uint8), plane, window_xyxy, CROP_SIZE)[1] > 0


def _add_object(builder: _Builder, item: LabelledObject, pixels: UInt8Array, classes: UInt8Array | None) -> None:
    window = _square(item.box_xyxy, CROP_SPAN)
    everywhere = np.ones(pixels.shape[:2], bool)
    rgb, valid = crop_view(pixels, everywhere, window, CROP_SIZE)
    target = polygon_mask(item.rings, window, (CROP_SIZE, CROP_SIZE)) & (valid > 0)
    if classes is not None and item.category not in THINGS:
        # Rings have no holes; the class raster has.
        target &= _view_of(classes == item.mask_value, window)
    builder.add(item.category, rgb, target, valid > 0, valid > 0)


def _add_windows(
    builder: _Builder, pixels: UInt8Array, classes: UInt8Array, count: int, rng: np.random.Generator
) -> None:
    """Windows in which one class is to be told from the rest; beyond the window nothing is counted."""
    height, width = classes.shape
    found = 0
    for _ in range(count * 6):
        side = rng.uniform(0.2, 0.9) * min(height, width)
        w, h = side * rng.uniform(0.6, 1.0), side * rng.uniform(0.6, 1.0)
        x1, y1 = int(rng.uniform(0, width - w)), int(rng.uniform(0, height - h))
        x2, y2 = int(x1 + w), int(y1 + h)
        value = int(rng.choice([0, 1, 2, 3, 4], p=[0.1, 0.15, 0.1, 0.2, 0.45]))
        part = classes[y1:y2, x1:x2] == value
        if not 0.12 < part.mean() < 0.85:
            continue
        ys, xs = np.nonzero(part)
        box = (x1 + float(xs.min()), y1 + float(ys.min()), x1 + float(xs.max() + 1), y1 + float(ys.max() + 1))
        window = _square(box, CROP_SPAN)
        counted = np.zeros(classes.shape, bool)
        counted[y1:y2, x1:x2] = classes[y1:y2, x1:x2] != 5  # 5: unlabelled
        rgb, valid = crop_view(pixels, np.ones(classes.shape, bool), window, CROP_SIZE)
        name = "window_water" if value == 4 else "window_other"
        builder.add(name, rgb, _view_of(classes == value, window), _view_of(counted, window), valid > 0)
        found += 1
        if found == count:
            return


def _texture_files(data: Path, split: str, rng: np.random.Generator) -> list[Path]:
    """Some 150 images to cut textures from, spread over the sets."""
    with (data / f"{split}.jsonl").open(encoding="utf-8") as lines:
        paths = [data / json.loads(line)["image"] for line in lines]
    return [paths[index] for index in sorted(rng.permutation(len(paths))[:150])]
