"""What a raster is, without its pixels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from affine import Affine

from remotereasoner.scene import open_scene, raster_info


def test_facts_of_a_geotiff(raster_factory) -> None:
    path = raster_factory(
        count=4, names=("B02", "B03", "B04", "B08"), nodata=0, tiled=True, blockxsize=16, blockysize=32
    )
    info = raster_info(path)
    assert (info.name, info.driver, info.size_hw, info.crs) == ("raster.tif", "GTiff", (48, 64), "EPSG:32618")
    assert [band.name for band in info.bands] == ["B02", "B03", "B04", "B08"]
    assert info.bands[0].dtype == "uint16"
    assert info.bands[0].nodata == 0
    assert info.block_hw == (32, 16)
    assert info.bounds == (435_000, 4_180_000 - 480, 435_640, 4_180_000)
    assert info.bounds_lonlat == open_scene(path).bounds_lonlat
    assert info.gsd_m == pytest.approx(10, rel=1e-3)
    assert info.default_bands == open_scene(path).rendering.bands
    assert info.default_stretch == open_scene(path).rendering.stretch == "percentile"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"crs": None}, (None, None, None)),
        ({"crs": 'LOCAL_CS["site",UNIT["metre",1]]', "transform": Affine(1, 0, 5, 0, -1, 9)}, ("site", None, None)),
    ],
)
def test_without_a_place_on_earth(raster_factory, facts: dict, expected) -> None:
    info = raster_info(raster_factory(**facts))
    assert (info.crs, info.bounds_lonlat, info.gsd_m) == expected


def test_a_place_outside_the_projection(raster_factory) -> None:
    info = raster_info(raster_factory(crs="EPSG:3035", transform=Affine(1e6, 0, 1e9, 0, -1e6, 1e9)))
    assert info.bounds is not None
    assert info.bounds_lonlat is None


def test_to_dict_is_json(raster_factory) -> None:
    info = raster_info(raster_factory(dtype="float32", nodata_kind="nan"))
    plain = info.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["bands"][0]["nodata"] == "nan"
    assert plain["size_hw"] == [48, 64]


def test_band_names_are_cleaned(raster_factory) -> None:
    path = raster_factory(count=2, dtype="uint8", names=("red\x1b[31m\n", "b" * 500))
    names = [band.name for band in raster_info(path).bands]
    assert names == ["red[31m", "b" * 80]


def test_nothing_is_decoded(raster_factory) -> None:
    """The pixels of this file are destroyed, its header is not."""
    path = raster_factory(pixels=np.zeros((1, 256, 256), np.uint16), compress="deflate", tiled=True)
    info = raster_info(path)
    path.write_bytes(path.read_bytes()[:-200] + bytes(200))
    assert raster_info(path).size_hw == info.size_hw
