"""Reads seeded mutations of good rasters through the door, in a process that may crash without harm.

``python mutate_rasters.py FOLDER FIRST COUNT`` prints one JSON line: how many were read, how many refused by code, and
what else was raised. The last seed begun is in ``FOLDER/FIRST.seed``, so that a crash can be repeated.
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from peak_memory import peak_rss_mib

import remotereasoner.scene  # noqa: F401  before rasterio
from remotereasoner.errors import ImageReadError
from remotereasoner.scene import ReadLimits, open_scene
from remotereasoner.scene._gdal import gdal_env

import rasterio  # isort: skip

KINDS: dict[str, dict[str, object]] = {
    "plain.tif": {},
    "tiled.tif": {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", "predictor": 2},
    "lzw.tif": {"compress": "lzw", "dtype": "float32", "nodata": -1.0},
    "bands.tif": {"count": 4, "dtype": "uint8", "interleave": "band", "compress": "packbits"},
    "jpeg.tif": {"count": 3, "dtype": "uint8", "compress": "jpeg", "tiled": True, "blockxsize": 16, "blockysize": 16,
                 "photometric": "YCBCR"},
    "big.tif": {"BIGTIFF": "YES", "compress": "zstd", "dtype": "int32"},
    "cog.tif": {"driver": "COG", "dtype": "uint8", "count": 3},
    "a.png": {"driver": "PNG", "dtype": "uint8", "count": 3},
    "a.jpg": {"driver": "JPEG", "dtype": "uint8", "count": 3},
    "a.jp2": {"driver": "JP2OpenJPEG"},
}  # fmt: skip
LIMITS = ReadLimits(max_declared_samples=1 << 28, max_block_bytes=1 << 24, max_decoded_bytes=1 << 26)


def make(folder: Path) -> list[tuple[str, bytes]]:
    """The good rasters; in the folder only once."""
    good = []
    for name, facts in KINDS.items():
        path = folder / name
        if not path.exists():
            profile = {"driver": "GTiff", "width": 48, "height": 40, "count": 1, "dtype": "uint16", **facts}
            if profile["driver"] in ("GTiff", "COG"):
                profile |= {"crs": "EPSG:32618", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}
            shape = (profile["count"], 40, 48)
            pixels = np.random.default_rng(9).integers(0, 200, shape).astype(profile["dtype"])
            with gdal_env(), rasterio.open(path, "w", **profile) as raster:
                raster.write(pixels)
        good.append((name, path.read_bytes()))
    return good


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to eight bytes, words or stretches changed; headers more often than pixels."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(min(len(data), 600)) if chance.random() < 0.6 else chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                word = chance.choice(
                    [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0"]
                )
                data[at : at + 4] = word
            case 3:
                start = chance.randrange(len(data))
                data[at : at + 12] = data[start : start + 12]  # one directory entry over another
            case 4:
                del data[at : at + chance.randint(1, 16)]
            case 5:
                data[at:at] = chance.randbytes(chance.randint(1, 16))
        if len(data) < 64:
            break
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.05 and data else data)


def main() -> None:
    folder, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore")
    good = make(folder)
    outcomes: Counter[str] = Counter()
    surprises: list[str] = []
    for seed in range(first, first + count):
        (folder / f"{first}.seed").write_text(str(seed))
        chance = random.Random(seed)
        name, content = good[seed % len(good)]
        path = folder / f"{first}_{name}"
        path.write_bytes(mutated(content, chance))
        try:
            open_scene(path, max_side_px=chance.choice([None, 20]), limits=LIMITS)
        except ImageReadError as error:
            outcomes[error.code] += 1
        except Exception as error:
            surprises.append(f"seed {seed}: {error!r}")
        else:
            outcomes["read"] += 1
    peak_mib = peak_rss_mib()
    sys.stdout.write(json.dumps({"outcomes": outcomes, "surprises": surprises, "mib": peak_mib}) + "\n")


if __name__ == "__main__":
    main()
