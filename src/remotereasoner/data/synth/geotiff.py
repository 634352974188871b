"""Scenes as GeoTIFFs with a place on the map."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine

from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.sensors import Sensor, bands_of, deepen
from remotereasoner.scene._gdal import gdal_env  # before rasterio
from remotereasoner.types import UInt8Array

import rasterio  # isort: skip
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

__all__ = ["encode_geotiff", "place_of"]

# EPSG code of a UTM zone, easting and northing of land in it: every continent but one.
_PLACES: tuple[tuple[int, int, int], ...] = (
    (32618, 560_000, 4_480_000), (32614, 420_000, 4_180_000), (32611, 400_000, 3_760_000), (32631, 630_000, 5_730_000),
    (32632, 560_000, 5_900_000), (32630, 440_000, 4_470_000), (32654, 380_000, 3_960_000), (32756, 300_000, 6_240_000),
    (32723, 330_000, 7_400_000), (32735, 590_000, 7_120_000), (32643, 700_000, 3_150_000), (32640, 330_000, 2_780_000),
)  # fmt: skip


def place_of(dice: Dice, gsd: float) -> tuple[int, Affine]:
    """EPSG code and transform: north up, the corner on a multiple of the pixel."""
    epsg, east, north = dice.pick(_PLACES)
    x = math.floor((east + dice.uniform(-25_000, 25_000)) / gsd) * gsd
    y = math.floor((north + dice.uniform(-25_000, 25_000)) / gsd) * gsd
    return epsg, Affine(gsd, 0.0, round(x, 3), 0.0, -gsd, round(y, 3))


def encode_geotiff(image: UInt8Array, sensor: Sensor, place: tuple[int, Affine], dice: Dice) -> bytes:
    """A tiled, deflated GeoTIFF: three bands of 8 bits, or red, green, blue, near infrared of 16."""
    epsg, transform = place
    height, width = image.shape[:2]
    deep = sensor.kind == "rgb16"
    stored = deepen(image, dice)[..., [2, 1, 0, 3]] if deep else bands_of(image, sensor.kind, dice)[..., ::-1]
    names = ("nir", "red", "green") if sensor.kind == "cir" else ("red", "green", "blue", "nir")[: stored.shape[2]]
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256} if min(height, width) >= 256 else {}
    with gdal_env(), MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=width, height=height, count=stored.shape[2], dtype=stored.dtype.name,
            crs=f"EPSG:{epsg}", transform=transform, compress="deflate", predictor=2, zlevel=1, **tiles,
        ) as raster:  # fmt: skip
            raster.write(np.ascontiguousarray(stored.transpose(2, 0, 1)))
            colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
            raster.colorinterp = colours[: stored.shape[2]]
            for band, name in enumerate(names, start=1):
                raster.set_band_description(band, name)
        return bytes(memory.read())


del rasterio
