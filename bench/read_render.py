"""Reading and rendering a 2048² window, against a bare rasterio read of the same bands and window.

``python bench/read_render.py [--json]``: both are timed in turn in one process, and the best of several turns counts,
so that what else the machine does cancels out. Bare is ``rasterio.open(path).read(bands, window=window)``: (bands, H,
W), no masks, no stretch. Ours is ``open_scene``: checks, (H, W, 3) uint8, validity, percentile stretch for uint16.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from remotereasoner.scene import open_scene
from remotereasoner.scene._gdal import gdal_env  # before rasterio

import rasterio  # isort: skip
from rasterio.windows import Window

SIDE = 2048
FILE_SIDE = 2560
WINDOW = (512, 512, SIDE, SIDE)
CASES: dict[str, dict[str, object]] = {
    "uint8 RGB, deflate": {"count": 3, "dtype": "uint8", "compress": "deflate", "photometric": "RGB"},
    "uint8 RGB, JPEG": {"count": 3, "dtype": "uint8", "compress": "jpeg", "photometric": "YCBCR"},
    "uint8 RGB, not compressed": {"count": 3, "dtype": "uint8", "photometric": "RGB"},
    "uint16 4 bands, deflate": {"count": 4, "dtype": "uint16", "compress": "deflate", "predictor": 2},
    "uint16 4 bands, nodata": {"count": 4, "dtype": "uint16", "compress": "deflate", "predictor": 2, "nodata": 0},
    "uint16 4 bands, not compressed": {"count": 4, "dtype": "uint16"},
}


def write(path: Path, profile: dict[str, object]) -> None:
    """A raster with the statistics of a picture: smooth with some noise."""
    along = np.arange(FILE_SIDE, dtype=np.float32)
    largest = 200 if profile["dtype"] == "uint8" else 3000
    noise = np.random.default_rng(0).integers(0, largest // 25, (FILE_SIDE, FILE_SIDE), dtype=np.uint16)
    where = {"crs": "EPSG:32618", "transform": rasterio.Affine(10, 0, 435_000, 0, -10, 4_180_000)}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512}
    with (
        gdal_env(),
        rasterio.open(path, "w", "GTiff", FILE_SIDE, FILE_SIDE, **where, **tiles, **profile) as raster,
    ):
        for band in range(1, int(str(profile["count"])) + 1):
            smooth = np.outer(np.sin(along / (90 * band)), np.cos(along / 130)) * (0.4 * largest) + 0.5 * largest
            raster.write((smooth.astype(np.uint16) + noise).astype(str(profile["dtype"])), band)


def best_in_turn(calls: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Least processor seconds of each call: processor time, because others may use the machine."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(turns):
        for name, call in calls.items():
            started = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - started)
    return best


def measure(folder: Path, turns: int) -> list[dict[str, object]]:
    results = []
    for name, profile in CASES.items():
        path = folder / f"{len(results)}.tif"
        write(path, profile)
        bands = [1, 2, 3]

        def bare(path: Path = path, bands: list[int] = bands) -> object:
            with rasterio.open(path) as raster:
                return raster.read(bands, window=Window(*WINDOW))

        def ours(path: Path = path, bands: list[int] = bands) -> object:
            return open_scene(path, bands=bands, window=WINDOW)

        best = best_in_turn({"bare": bare, "ours": ours}, turns)
        results.append(
            {
                "case": name,
                "bare_ms": round(best["bare"] * 1e3, 1),
                "ours_ms": round(best["ours"] * 1e3, 1),
                "ratio": round(best["ours"] / best["bare"], 2),
            }
        )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="the JSON line only")
    arguments = parser.parse_args()
    os.environ.setdefault("GDAL_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), arguments.turns)
    print(json.dumps({"bench": "read_render", "window": SIDE, "results": results}))
    if not arguments.json:
        print("| read and render 2048² | bare rasterio (ms) | open_scene (ms) | ratio |\n|---|---|---|---|")
        for row in results:
            print(f"| {row['case']} | {row['bare_ms']} | {row['ours_ms']} | {row['ratio']} |")


if __name__ == "__main__":
    main()
