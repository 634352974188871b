"""Judge the embedded segmenter on val polygons: ``python -m remotereasoner.training.segmenter_eval --data DIR``.

Mean IoU inside true boxes, up to 25 objects of each category, beside the plain box and (where OpenCV is installed)
GrabCut on the very same objects. Intervals are 95 % bootstraps over objects, stratified by category.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from PIL import Image

from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.training.segmenter_data import (
    AREAS,
    THINGS,
    LabelledObject,
    is_outline,
    objects_of,
    polygon_mask,
)
from remotereasoner.transform.base import InstanceMask, Segmenter
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.transform.embedded import EmbeddedSegmenter
from remotereasoner.transform.grabcut import GrabCutSegmenter
from remotereasoner.transform.masks import paste
from remotereasoner.types import BoolArray, BoxXyxy, UInt8Array, WindowPx

__all__ = ["evaluate", "iou_of", "pick", "scene_of", "truth_of"]


def scene_of(path: Path) -> Scene:
    """A picture without georeference as a scene."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width = pixels.shape[:2]
    rendering = Rendering(
        path.name, "JPEG", (1, 2, 3), (None, None, None), "uint8", "none", ((0.0, 255.0),) * 3, None,
        WindowPx(0, 0, width, height), (height, width),
    )  # fmt: skip
    return Scene(pixels, np.ones((height, width), bool), Affine.identity(), None, rendering)


def truth_of(item: LabelledObject, size_hw: tuple[int, int]) -> BoolArray:
    """Full-frame truth (H, W): the polygon, with the holes that the class raster shows in areas."""
    truth = polygon_mask(item.rings, (0.0, 0.0, float(size_hw[1]), float(size_hw[0])), size_hw)
    if item.mask is not None and item.category in AREAS:
        with Image.open(item.mask) as raster:
            truth &= np.asarray(raster) == item.mask_value
    return truth


def pick(data: Path, split: str, *, per_category: int = 25, seed: int = 0) -> list[LabelledObject]:
    """Seeded choice of up to ``per_category`` objects of every category; sides of 4 px or more (areas: 16 px)."""
    by_category: dict[str, list[LabelledObject]] = {name: [] for name in (*THINGS, *AREAS)}
    for item in objects_of(data, split):
        x1, y1, x2, y2 = item.box_xyxy
        smallest = 16 if item.category in AREAS else 4
        if item.category in by_category and is_outline(item) and min(x2 - x1, y2 - y1) >= smallest:
            by_category[item.category].append(item)
    rng = np.random.default_rng(seed)
    chosen: list[LabelledObject] = []
    for members in by_category.values():
        chosen += [members[index] for index in sorted(rng.permutation(len(members))[:per_category])]
    return chosen


def iou_of(found: InstanceMask, truth: BoolArray) -> float:
    """Continuous in nothing, exact in pixels; two empty masks do not occur, an empty one against a full one is 0."""
    x, y = found.offset_xy
    both = int((truth[y : y + found.mask.shape[0], x : x + found.mask.shape[1]] & found.mask).sum())
    return both / max(1, int(truth.sum()) + int(found.mask.sum()) - both)


def _interval(
    values: dict[str, npt.NDArray[np.float64]], categories: tuple[str, ...], rng: np.random.Generator
) -> dict[str, Any]:
    """Mean over categories of their means, mean over objects, and bootstrap intervals of the former."""
    present = [values[name] for name in categories if len(values[name])]
    draws = [np.mean([rng.choice(part, len(part)).mean() for part in present]) for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return {
        "mean_of_categories": round(float(np.mean([part.mean() for part in present])), 4),
        "interval_95": [round(float(low), 4), round(float(high), 4)],
        "mean_of_objects": round(float(np.concatenate(present).mean()), 4),
        "objects": int(sum(map(len, present))),
    }


def _jittered(box: BoxXyxy, amount: float, rng: np.random.Generator) -> BoxXyxy:
    x1, y1, x2, y2 = box
    a, b, c, d = rng.uniform(-amount, amount, 4)
    return x1 + a * (x2 - x1), y1 + b * (y2 - y1), x2 + c * (x2 - x1), y2 + d * (y2 - y1)


def evaluate(
    data: Path, weights: Path | None = None, *, split: str = "val", per_category: int = 25, seed: int = 0
) -> dict[str, Any]:
    """Table of mean IoU by method and category; ``jittered``: our network with every box side moved by up to 10 %."""
    segmenter = EmbeddedSegmenter(weights)
    rng = np.random.default_rng(seed)
    chosen = pick(data, split, per_category=per_category, seed=seed)
    methods: dict[str, Segmenter] = {"network": segmenter, "jittered": segmenter, "box": BoxSegmenter()}
    if importlib.util.find_spec("cv2") is not None:
        methods["grabcut"] = GrabCutSegmenter()
    scores: dict[str, dict[str, list[float]]] = {method: {name: [] for name in (*THINGS, *AREAS)} for method in methods}
    seconds = dict.fromkeys(methods, 0.0)
    expected, reached = [], []
    for item in chosen:
        scene = scene_of(item.image)
        truth = truth_of(item, scene.size_hw)
        for method, judged in methods.items():
            box = _jittered(item.box_xyxy, 0.1, rng) if method == "jittered" else item.box_xyxy
            started = time.perf_counter()
            (found,) = judged.segment(scene, [box])
            seconds[method] += time.perf_counter() - started
            scores[method][item.category].append(iou_of(found, truth))
            if method == "network":
                expected.append(found.score)
                reached.append(scores[method][item.category][-1])
    report: dict[str, Any] = {"segmenter": segmenter.name, "split": split, "seed": seed}
    for method in methods:
        arrays = {name: np.array(part) for name, part in scores[method].items()}
        report[method] = {
            "things": _interval(arrays, THINGS, np.random.default_rng(seed)),
            "areas": _interval(arrays, AREAS, np.random.default_rng(seed)),
            "by_category": {
                name: [round(float(part.mean()), 3), len(part)] for name, part in arrays.items() if len(part)
            },
            "ms_per_object": round(1000 * seconds[method] / len(chosen), 2),
        }
    report["score_against_iou_correlation"] = round(float(np.corrcoef(expected, reached)[0, 1]), 3)
    return report


def contact_sheet(
    data: Path, out: Path, weights: Path | None = None, *, tile: int = 144, per_category: int = 6
) -> None:
    """A picture of val results, one row a category: crop with the truth in green and the mask found in red."""
    segmenter = EmbeddedSegmenter(weights)
    rows: dict[str, list[UInt8Array]] = {}
    for item in pick(data, "val", per_category=per_category):
        scene = scene_of(item.image)
        found = segmenter.segment(scene, [item.box_xyxy])[0]
        plane = np.zeros(scene.size_hw, bool)
        paste(found, plane)
        picture = scene.pixels.copy()
        for mask, color in ((truth_of(item, scene.size_hw), (0, 255, 0)), (plane, (255, 0, 0))):
            shade = np.array(color, np.uint16)
            picture = picture.copy()
            marked = picture.astype(np.uint16)
            marked[mask] = (marked[mask] * 2 + shade) // 3
            picture = marked.astype(np.uint8)
        x1, y1, x2, y2 = item.box_xyxy
        half = 0.7 * max(x2 - x1, y2 - y1)
        center_x, center_y = (x1 + x2) / 2, (y1 + y2) / 2
        area = (center_x - half, center_y - half, center_x + half, center_y + half)
        pair = [
            np.asarray(Image.fromarray(layer).crop(area).resize((tile, tile), Image.Resampling.BILINEAR))
            for layer in (scene.pixels, picture)
        ]
        rows.setdefault(item.category, []).append(np.concatenate(pair, axis=1))
    blank = np.zeros((tile, 2 * tile, 3), np.uint8)
    sheet = [np.concatenate(row + [blank] * (per_category - len(row)), axis=1) for row in rows.values()]
    Image.fromarray(np.concatenate(sheet)).save(out)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sheet", type=Path, help="also draw results into this PNG")
    options = parser.parse_args(arguments)
    report = evaluate(options.data, options.weights, split=options.split)
    if options.sheet is not None:
        contact_sheet(options.data, options.sheet, options.weights)
    if options.json:
        print(json.dumps(report, indent=1))
        return
    methods = [name for name in ("network", "jittered", "box", "grabcut") if name in report]
    print(
        f"{report['segmenter']}, {report['split']}\n{'category':22}{'n':>4}"
        + "".join(f"{name:>12}" for name in methods)
    )
    for category, (_, count) in report["network"]["by_category"].items():
        cells = "".join(f"{report[name]['by_category'][category][0]:12.3f}" for name in methods)
        print(f"{category:22}{count:4}{cells}")
    for group in ("things", "areas"):
        for name in methods:
            part = report[name][group]
            print(
                f"{group} {name}: {part['mean_of_categories']:.3f} {part['interval_95']} over {part['objects']} objects"
            )
    print({name: report[name]["ms_per_object"] for name in methods}, "ms an object, one at a time")


if __name__ == "__main__":
    main()
