"""Masks of 300 objects to polygons, against ``rasterio.features.shapes`` over one frame with the same objects.

    python bench/mask_to_polygons.py [--size 2048] [--objects 300] [--repeats 7]

Both run in this process, alternately; the ratio is of the best of each, in processor time, so that it also holds on a
busy machine. Ours makes shapely geometries; the yardstick only drains the generator of GeoJSON-like dictionaries.
Target: below 1.3. Prints a Markdown row and a JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from rasterio.features import shapes

from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import trim, union
from remotereasoner.transform.polygons import masks_to_polygons

TARGET = 1.3


def discs_with_holes(size: int, count: int, rng: np.random.Generator) -> list[InstanceMask]:
    """Discs on a jittered lattice, so that none overlaps another, each with a hole and a rough edge."""
    per_row = int(np.ceil(np.sqrt(count)))
    pitch = size // per_row
    masks = []
    for i in range(count):
        rows, columns = np.ogrid[:pitch, :pitch]
        radius = rng.uniform(0.25, 0.42) * pitch
        centre = pitch / 2 + rng.uniform(-1, 1, size=2)
        distance = np.hypot(rows - centre[0], columns - centre[1]) + rng.uniform(-1, 1, size=(pitch, pitch))
        disc = (distance < radius) & (distance > radius * 0.4)
        masks.append(trim(disc, ((i % per_row) * pitch, (i // per_row) * pitch), 1.0))
    return masks


def best(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--objects", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()

    masks = discs_with_holes(args.size, args.objects, np.random.default_rng(0))
    frame = union(masks, (args.size, args.size))
    image = frame.astype(np.uint8)

    def yardstick() -> int:
        return sum(1 for _ in shapes(image, mask=frame, connectivity=4))

    def ours() -> float:
        return sum(polygons.area for polygons in masks_to_polygons(masks))

    assert ours() == frame.sum(), "the polygons must be exact"
    assert yardstick() == sum(len(polygons.geoms) for polygons in masks_to_polygons(masks)), "the same parts"
    times = [(best(yardstick), best(ours)) for _ in range(args.repeats)]
    theirs_s, ours_s = min(t for t, _ in times), min(t for _, t in times)
    ratio = ours_s / theirs_s
    what = f"masks → polygons, {args.objects} objects on {args.size}²"
    print(f"| {what} | {theirs_s * 1e3:.0f} ms | {ours_s * 1e3:.0f} ms | {ratio:.2f}× |")
    print(
        json.dumps(
            {
                "bench": "mask_to_polygons",
                "size": args.size,
                "objects": args.objects,
                "shapes_ms": round(theirs_s * 1e3, 2),
                "ours_ms": round(ours_s * 1e3, 2),
                "ratio": round(ratio, 3),
                "target": TARGET,
                "met": ratio < TARGET,
            }
        )
    )


if __name__ == "__main__":
    main()
