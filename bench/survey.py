"""Surveying a large COG beside a bare rasterio loop and other slicers; merging many findings.

``python bench/survey.py [--side 20000] [--turns 3] [--json]``. A deflate-compressed RGB COG is written to a temporary
folder. All read the same windows (768 px, 192 px overlap) in one process, in turn, on one thread; processor seconds,
because others may use the machine, and the best turn counts. There are two bare loops. Both keep the file open; one
reads each window as rasterio gives it, (3, H, W); the other goes on to the picture (H, W, 3) that every policy takes,
with the fastest call of numpy that does it. The survey's policy is scripted: it finds nothing, so that what remains is
reading, rendering and keeping books; or the same three boxes in every window, so that there are outlines and a merge.

``supervision`` (InferenceSlicer) and ``sahi`` (slice_image) are compared where they can be imported. ``supervision``
gets the same windows, overlap and boxes, once of the open raster and once of the whole picture in memory, and merges
them by its non-maximum suppression. sahi wants the whole picture; its figure is reading and slicing alone, because its
merge comes with its models. Neither makes outlines or keeps a place on the map. Neither is a dependency:
``pip install --no-deps supervision sahi``, and of what they ask for only what is missing (pydeprecate, defusedxml,
matplotlib, requests, fire). The merge is of 100,000 findings of windows, made from discs of which about half are cut.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from remotereasoner import Reasoner
from remotereasoner.policy.base import Completion, PolicyIdentity, Prompt
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.scene._gdal import gdal_env  # before rasterio
from remotereasoner.tiling.assemble import merge_fragments
from remotereasoner.tiling.looking import Fragment
from remotereasoner.tiling.windows import WindowPlan, plan_windows
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.transform.polygons import masks_to_polygons

import rasterio  # isort: skip
from rasterio.windows import Window

TILE, OVERLAP = 768, 192
FINDINGS = 100_000


BOXES = ((40, 60, 90, 100), (300, 320, 360, 350), (700, 500, 768, 560))  # the last one is cut
SOME = "<think>.</think><answer>" + json.dumps([{"bbox_2d": box, "label": "x"} for box in BOXES]) + "</answer>"
NOTHING = "<think>.</think><answer>[]</answer>"


class Scripted:
    """Says the same of every window, and forgets the picture at once."""

    identity = PolicyIdentity("scripted", "bench")

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def codec(self) -> CoordinateCodec:
        return codec_by_name("pixels")

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        return [Completion(self._text, "stop", p.image.shape[:2]) for p in prompts]


def write(path: Path, side: int) -> None:
    """A picture that compresses as pictures do: smooth, with some noise."""
    along = np.arange(1024, dtype=np.float32)
    smooth = np.outer(np.sin(along / 90), np.cos(along / 130)) * 80 + 100
    noise = np.random.default_rng(0).integers(0, 40, (3, 1024, 1024))
    patch = (smooth + noise).astype(np.uint8)
    facts = {"driver": "GTiff", "height": side, "width": side, "count": 3, "dtype": "uint8", "compress": "deflate"}
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "BIGTIFF": "YES", "photometric": "RGB", "ZLEVEL": 1}
    place = {"crs": "EPSG:32618", "transform": rasterio.Affine(0.3, 0, 4e5, 0, -0.3, 4.2e6)}
    with gdal_env(), rasterio.open(path, "w", **facts, **layout, **place) as target:
        for y in range(0, side, 1024):
            for x in range(0, side, 1024):
                height, width = min(1024, side - y), min(1024, side - x)
                target.write(patch[:, :height, :width], window=Window(x, y, width, height))


def bare(path: Path, plan: WindowPlan) -> int:
    with gdal_env(), rasterio.open(path) as raster:
        return sum(raster.read(window=Window(*plan.window(k))).shape[0] for k in range(len(plan)))


def bare_pictures(path: Path, plan: WindowPlan) -> int:
    with gdal_env(), rasterio.open(path) as raster:
        windows = (Window(*plan.window(k)) for k in range(len(plan)))
        return sum(np.stack(list(raster.read(window=window)), axis=2).shape[2] for window in windows)


def ours(path: Path, text: str) -> int:
    asker = Reasoner(Scripted(text), BoxSegmenter())
    result = asker.survey(path, "Where?", tile_px=TILE, overlap_px=OVERLAP, exhaustive=True, max_windows=10**6)
    return len((result.provenance.survey or {})["windows"])


def whole(path: Path) -> np.ndarray:
    with gdal_env(), rasterio.open(path) as raster:
        return np.stack(list(raster.read()), axis=2)


def supervision_slicer() -> Callable[[object], object]:
    sv = importlib.import_module("supervision")
    boxes = np.array(BOXES, dtype=np.float64)

    def found(_: object) -> object:
        return sv.Detections(xyxy=boxes.copy(), confidence=np.ones(len(boxes)), class_id=np.zeros(len(boxes), int))

    slicer: Callable[[object], object] = sv.InferenceSlicer(
        callback=found, slice_wh=TILE, overlap_wh=OVERLAP, thread_workers=1
    )
    return slicer


def supervision_windows(path: Path) -> object:
    with gdal_env(), rasterio.open(path) as raster:
        return supervision_slicer()(raster)


def supervision_whole(path: Path) -> object:
    return supervision_slicer()(whole(path))


def sahi_slices(path: Path) -> int:
    slicing = importlib.import_module("sahi.slicing")
    ratio = OVERLAP / TILE
    cut = slicing.slice_image(
        image=whole(path), slice_height=TILE, slice_width=TILE, overlap_height_ratio=ratio, overlap_width_ratio=ratio
    )
    return sum(picture.shape[2] for picture in cut.images)


def in_turn(calls: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(turns):
        for name, call in calls.items():
            started = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - started)
    return best


def there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def fragments(count: int) -> tuple[list[Fragment], WindowPlan]:
    """Discs of 8 to 60 px strewn over a scene, as each window shows them."""
    rng = np.random.default_rng(1)
    plan = plan_windows((30_000, 30_000), TILE, OVERLAP)
    y, x = np.mgrid[-30:30, -30:30]
    discs = [np.hypot(x + 0.5, y + 0.5) < radius for radius in range(4, 30)]
    found: list[tuple[int, InstanceMask]] = []
    counts = [0] * len(plan)
    while len(found) < count:
        px, py = (int(v) for v in rng.integers(0, 30_000 - 60, 2))
        disc = discs[int(rng.integers(0, len(discs)))]
        for k in plan.touching([(px, py, px + 60, py + 60)]):
            wx, wy, width, height = plan.window(k)
            x1, y1 = max(px, wx), max(py, wy)
            shown = disc[y1 - py : min(60, wy + height - py), x1 - px : min(60, wx + width - px)]
            if shown.any():
                rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
                part = shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                found.append((k, InstanceMask(part, (x1 + int(columns[0]), y1 + int(rows[0])), 1.0)))
    outlines = masks_to_polygons([mask for _, mask in found])
    made = []
    for (k, mask), outline in zip(found, outlines, strict=True):
        (left, top), (height, width) = mask.offset_xy, mask.mask.shape
        box = (float(left), float(top), float(left + width), float(top + height))
        made.append(Fragment(k, counts[k], box, mask, outline, None, None))
        counts[k] += 1
    return made, plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the JSON line only")
    arguments = parser.parse_args()
    os.environ["GDAL_NUM_THREADS"] = "1"
    side = arguments.side
    plan = plan_windows((side, side), TILE, OVERLAP)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        write(path, side)
        calls: dict[str, Callable[[], object]] = {
            "bare": lambda: bare(path, plan),
            "pictures": lambda: bare_pictures(path, plan),
            "survey": lambda: ours(path, NOTHING),
            "survey_boxes": lambda: ours(path, SOME),
        }
        if there("supervision"):
            calls["supervision"] = lambda: supervision_windows(path)
            calls["supervision_whole"] = lambda: supervision_whole(path)
        if there("sahi.slicing"):
            calls["sahi"] = lambda: sahi_slices(path)
        seconds = in_turn(calls, arguments.turns)
    megapixels = side * side / 1e6
    read = len(plan) * TILE * TILE / 1e6
    made, merge_plan = fragments(FINDINGS)
    started = time.process_time()
    merged = merge_fragments(made, merge_plan.bounds, merge_plan.size_hw)
    merge_s = time.process_time() - started
    facts = {name: {"s": round(value, 2), "mp_s": round(megapixels / value, 1)} for name, value in seconds.items()}
    print(
        json.dumps(
            {
                "bench": "survey", "side": side, "windows": len(plan), "read_mp": round(read), **facts,
                "ratio": round(seconds["survey"] / seconds["bare"], 2),
                "ratio_to_pictures": round(seconds["survey"] / seconds["pictures"], 2),
                "merge": {"findings": len(made), "objects": len(merged), "s": round(merge_s, 2)},
            }
        )
    )  # fmt: skip
    if not arguments.json:
        names = {
            "bare": "rasterio loop over the windows, as read: (3, H, W)",
            "pictures": "rasterio loop over the windows, to pictures (H, W, 3)",
            "survey": "`Reasoner.survey`, exhaustive, scripted policy, nothing found",
            "survey_boxes": f"the same, {len(BOXES)} boxes a window: outlines and merge",
            "supervision": "`supervision.InferenceSlicer` of the open raster, the same boxes",
            "supervision_whole": "the same of the whole picture in memory, with reading it",
            "sahi": "read whole, `sahi.slicing.slice_image`",
        }
        print(f"| {side}² px RGB COG, {len(plan)} windows | processor s | scene MP/s | to (3, H, W) | to (H, W, 3) |")
        print("|---|---|---|---|---|")
        for name, title in names.items():
            if name in seconds:
                ratios = " | ".join(f"{seconds[name] / seconds[loop]:.2f}" for loop in ("bare", "pictures"))
                print(f"| {title} | {seconds[name]:.1f} | {megapixels / seconds[name]:.1f} | {ratios} |")
            else:
                print(f"| {title} | not installed | – | – | – |")
        print(
            f"| merge of {len(made)} findings to {len(merged)} objects | {merge_s:.1f} | – | – | (target: under 5 s) |"
        )


if __name__ == "__main__":
    main()
