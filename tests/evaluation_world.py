"""A small world to evaluate on: images of 24 × 32 px with one or two bright squares, and questions about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["ANSWER", "make_images", "record", "write_lines", "write_world"]

ANSWER = "<think>A bright square.</think><answer>[[4,4,12,12]]</answer>"


def make_images(root: Path, n: int) -> None:
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 90, (24, 32, 3)).astype(np.uint8)
        pixels[4:12, 4:12] = 230
        Image.fromarray(pixels).save(root / f"{i}.png")


def record(k: int, *, images: int = 4) -> dict[str, Any]:
    """Every third has no target, every fifth another one; the others are where ANSWER says."""
    boxes: list[list[float]] = [[4, 4, 12, 12]]
    if k % 3 == 2:
        boxes = []
    elif k % 5 == 4:
        boxes = [[4, 4, 12, 12], [20, 10, 30, 20]]
    elif k % 5 == 3:
        boxes = [[4, 4, 12, 8 + k % 4]]
    return {
        "id": f"s{k}",
        "image": f"{k // 3 % images}.png",
        "query": f"Where is square {k}?",
        "boxes": boxes,
        "polygons": [[[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]] for x1, y1, x2, y2 in boxes],
        "category": ["round", "square"][k % 2],
        "kind": "absent" if not boxes else "direct",
        "attributes": {"gsd_m": 0.5},
    }


def write_lines(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def write_world(root: Path, n: int, *, images: int = 4) -> Path:
    make_images(root, images)
    (root / "answer.txt").write_text(ANSWER)
    return write_lines(root / "samples.jsonl", [record(k, images=images) for k in range(n)])
