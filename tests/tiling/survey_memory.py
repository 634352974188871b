"""Survey a sparse raster of 100,000 x 100,000 px in a process of its own; prints what it took. Argument: the file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from exact_policy import ExactEngine
from rasterio.windows import Window

from remotereasoner import Reasoner
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.types import UInt8Array

SIDE = 100_000
PLACES = ((70, 70), (51_000, 20_480), (99_700, 99_800), (30_000, 75_000))
OBJECT_PX = 120


def write(path: Path) -> None:
    """Four white squares; all blocks that hold none are left out of the file."""
    facts = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 3, "dtype": "uint8", "compress": "deflate"}
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "SPARSE_OK": "TRUE", "BIGTIFF": "YES"}
    place = {"crs": "EPSG:32618", "transform": Affine(0.3, 0, 4e5, 0, -0.3, 4.2e6)}
    with rasterio.open(path, "w", **facts, **layout, **place) as target:
        for x, y in PLACES:
            target.write(np.full((3, OBJECT_PX, OBJECT_PX), 255, np.uint8), window=Window(x, y, OBJECT_PX, OBJECT_PX))


def bright(pixels: UInt8Array) -> list[list[int]]:
    y, x = np.nonzero(pixels[:, :, 0])
    return [[int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]] if len(x) else []


def peak_rss_mib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def main() -> None:
    path = Path(sys.argv[1])
    write(path)
    before = peak_rss_mib()
    began = time.perf_counter()
    result = Reasoner(ExactEngine(bright), BoxSegmenter()).survey(path, "Where?", exhaustive=True)
    told = {"seconds": time.perf_counter() - began, "mib": peak_rss_mib() - before, "boxes": sorted(result.boxes)}
    sys.stdout.write(json.dumps({**told, "survey": {**(result.provenance.survey or {}), "windows": None}}))


if __name__ == "__main__":
    main()
