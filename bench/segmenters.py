"""Time of the segmenters that run without downloads, on one drawn scene with 50 objects.

    python bench/segmenters.py [--size 2048] [--objects 50] [--threads 1 2] [--repeats 5]

All run in this process, one after the other, best of the repeats; ``cpu`` is processor time, which holds on a busy
machine, ``wall`` the clock. Target: embedded at most 20 ms an object, batched. Prints a Markdown table and a JSON line.
For what the masks are worth: ``python -m remotereasoner.training.segmenter_eval``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch

import argparse
import importlib.util
import json
import time

import numpy as np
import torch
from affine import Affine

from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.transform.base import Segmenter
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.transform.embedded import EmbeddedSegmenter
from remotereasoner.types import BoxXyxy, WindowPx

TARGET_MS = 20.0


def drawn_scene(size: int, count: int, rng: np.random.Generator) -> tuple[Scene, list[BoxXyxy]]:
    """Discs of 6 to some 100 px radius on noise, with their boxes."""
    pixels = rng.normal((80, 95, 70), 10, (size, size, 3))
    boxes: list[BoxXyxy] = []
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    for _ in range(count):
        radius = rng.uniform(6, size / 20)
        x, y = rng.uniform(radius, size - radius, 2)
        pixels[(xs - x) ** 2 + (ys - y) ** 2 < radius**2] += rng.uniform(50, 120)
        boxes.append((x - radius, y - radius, x + radius, y + radius))
    rendering = Rendering(
        "drawn", "MEM", (1, 2, 3), (None, None, None), "uint8", "none", ((0.0, 255.0),) * 3, None,
        WindowPx(0, 0, size, size), (size, size),
    )  # fmt: skip
    shown = np.clip(pixels, 0, 255).astype(np.uint8)
    return Scene(shown, np.ones((size, size), np.bool_), Affine.identity(), None, rendering), boxes


def ms_per_object(segmenter: Segmenter, scene: Scene, boxes: list[BoxXyxy], repeats: int) -> tuple[float, float]:
    """(processor, clock), each the best of ``repeats`` after one warm-up."""
    segmenter.segment(scene, boxes)
    cpu, wall = [], []
    for _ in range(repeats):
        began_cpu, began_wall = time.process_time(), time.perf_counter()
        segmenter.segment(scene, boxes)
        cpu.append(time.process_time() - began_cpu)
        wall.append(time.perf_counter() - began_wall)
    return 1000 * min(cpu) / len(boxes), 1000 * min(wall) / len(boxes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="must include 1")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()

    scene, boxes = drawn_scene(args.size, args.objects, np.random.default_rng(0))
    embedded = EmbeddedSegmenter()
    rows: list[tuple[str, Segmenter, int]] = [("box", BoxSegmenter(), 1)]
    rows += [(f"embedded, {count} thread(s)", embedded, count) for count in args.threads]
    rows += [("embedded, one at a time", EmbeddedSegmenter(batch_size=1), 1)]
    if importlib.util.find_spec("cv2") is not None:
        from remotereasoner.transform.grabcut import GrabCutSegmenter

        rows.append(("grabcut", GrabCutSegmenter(), 1))
    figures = {}
    print("| segmenter | cpu, ms an object | wall, ms an object |\n|---|---|---|")
    for label, segmenter, threads in rows:
        torch.set_num_threads(threads)
        cpu, wall = ms_per_object(segmenter, scene, boxes, args.repeats)
        figures[label] = {"cpu_ms": round(cpu, 2), "wall_ms": round(wall, 2)}
        print(f"| {label} | {cpu:.2f} | {wall:.2f} |")
    # On one thread processor time is the clock of a machine that has a core to spare.
    best = min(min(value.values()) for label, value in figures.items() if label.startswith("embedded, 1 "))
    print(json.dumps({"bench": "segmenters", "target_ms": TARGET_MS, "met": best <= TARGET_MS, **figures}))


if __name__ == "__main__":
    main()
