"""Several single-band files as one scene."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from remotereasoner.errors import ImageReadError, UsageError
from remotereasoner.scene import open_scene
from remotereasoner.scene.stretch import percentile_limits, stretch_into

FINE = Affine(10, 0, 435_730, 0, -10, 4_179_460)


def coarse(factor: int, shift: float = 0.0) -> Affine:
    return Affine(10 * factor, 0, 435_730 + shift, 0, -10 * factor, 4_179_460)


def ramp(height: int, width: int, step: float) -> np.ndarray:
    """(1, H, W) uint16 that grows with the distance from the top left corner, at pixel centres."""
    rows, columns = (np.arange(height) + 0.5) * step, (np.arange(width) + 0.5) * step
    return (1000 + 10 * np.add.outer(rows, columns)).astype(np.uint16)[None]


def stretched(samples: np.ndarray) -> np.ndarray:
    target = np.empty(samples.shape, np.uint8)
    stretch_into(target, samples, percentile_limits(samples, None, (2, 98)))
    return target


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_sentinel_files_in_any_order_are_natural_colour(raster_factory, order) -> None:
    names = ["T18_B02_10m.jp2", "T18_B03_10m.jp2", "T18_B04_10m.jp2"]
    noise = np.random.default_rng(0).integers(0, 3000, (3, 1, 30, 40)).astype(np.uint16)
    paths = [raster_factory(names[k], pixels=noise[k], transform=FINE) for k in order]
    scene = open_scene(paths)
    assert scene.rendering.band_names == ("B04", "B03", "B02")
    assert tuple(order[band - 1] for band in scene.rendering.bands) == (2, 1, 0)
    for channel, k in enumerate((2, 1, 0)):
        assert (scene.pixels[:, :, channel] == stretched(noise[k, 0])).all()
    assert scene.transform == FINE


def test_landsat_names(raster_factory) -> None:
    paths = [raster_factory(f"LC08_016038_B{k}.TIF", transform=FINE) for k in (1, 2, 3, 4, 5)]
    assert open_scene(paths).rendering.bands == (4, 3, 2)
    assert open_scene(paths, bands=["B5", "B4", "B3"]).rendering.bands == (5, 4, 3)
    old = [raster_factory(f"LT05_016038_B{k}.TIF", transform=FINE) for k in (1, 2, 3, 4)]
    assert open_scene(old).rendering.bands == (3, 2, 1)


def test_two_resolutions_meet_at_the_finest(raster_factory) -> None:
    paths = [
        raster_factory("s2_B04.tif", pixels=ramp(40, 60, 10), transform=FINE),
        raster_factory("s2_B05.tif", pixels=ramp(20, 30, 20), transform=coarse(2)),
        raster_factory("s2_B09.tif", pixels=ramp(7, 10, 60), transform=coarse(6)),
    ]
    scene = open_scene(paths, bands=["B09", "B05", "B04"], percentiles=(0, 100))
    assert scene.size_hw == (40, 60)
    assert scene.transform == FINE
    # The same ramp in all three: interpolated to the same place they agree, but for the outermost half pixels.
    low, high = zip(*scene.rendering.limits, strict=True)
    values = scene.pixels / 255.0 * (np.array(high) - np.array(low)) + np.array(low)
    inner = values[6:-6, 6:-6]
    assert np.abs(inner[..., 1] - inner[..., 2]).max() < 60  # of 9,900; half a fine pixel out of place would be 100
    assert np.abs(inner[..., 0] - inner[..., 2]).max() < 60
    assert scene.rendering.notes == (
        "s2_B05.tif interpolated to pixels 2 times finer",
        "s2_B09.tif interpolated to pixels 6 times finer",
    )


def test_the_reference_is_the_finest_of_the_chosen(raster_factory) -> None:
    paths = [
        raster_factory("s2_B04.tif", pixels=ramp(40, 60, 10), transform=FINE),
        raster_factory("s2_B05.tif", pixels=ramp(20, 30, 20), transform=coarse(2)),
    ]
    assert open_scene(paths, bands=["B05"]).size_hw == (20, 30)
    assert open_scene(paths).size_hw == (40, 60)  # two files: the first alone, in grey


def test_crops_that_differ_by_a_coarse_pixel(raster_factory) -> None:
    """As delivered: a 20 m band can begin 10 m further west than the 10 m band and end short of it."""
    paths = [
        raster_factory("s2_B04.tif", pixels=ramp(40, 61, 10), transform=FINE),
        raster_factory("s2_B05.tif", pixels=ramp(20, 30, 20), transform=coarse(2, shift=-10)),
    ]
    scene = open_scene(paths, bands=["B05", "B04", "B04"])
    assert scene.size_hw == (40, 61)
    alone = open_scene(paths[1])
    assert alone.size_hw == (20, 30)
    assert scene.valid.all()
    assert not scene.pixels[:, 59:, 0].any()  # where the coarse file does not reach


def test_windows_and_decimation_of_a_stack(raster_factory) -> None:
    paths = [
        raster_factory("s2_B04.tif", pixels=ramp(40, 60, 10), transform=FINE),
        raster_factory("s2_B05.tif", pixels=ramp(20, 30, 20), transform=coarse(2)),
        raster_factory("s2_B06.tif", pixels=ramp(20, 30, 20), transform=coarse(2)),
    ]
    whole = open_scene(paths, bands=[1, 2, 3])
    part = open_scene(paths, bands=[1, 2, 3], window=(20, 10, 20, 10))
    assert part.pixel_to_map([(0, 0)]).tolist() == whole.pixel_to_map([(20, 10)]).tolist()
    assert part.size_hw == (10, 20)
    small = open_scene(paths, bands=[1, 2, 3], max_side_px=30)
    assert small.size_hw == (20, 30)
    assert small.rendering.notes == ()
    odd = open_scene(paths, bands=[1, 2, 3], window=(5, 3, 11, 7))  # half way into coarse pixels
    assert odd.size_hw == (7, 11)
    assert (np.diff(odd.pixels[3, :, 1].astype(int)) >= 0).all()


def test_nodata_of_a_stack(raster_factory) -> None:
    paths = [raster_factory(f"s2_B0{k}.tif", nodata_kind="value", transform=FINE) for k in (2, 3, 4)]
    scene = open_scene(paths)
    assert scene.valid.mean() == 0.75
    assert scene.rendering.source_nodata == 0


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"crs": "EPSG:32617", "transform": FINE}, "grids_differ"),
        ({"transform": coarse(1, shift=500)}, "grids_differ"),
        ({"transform": FINE @ Affine.rotation(3)}, "grids_differ"),
        ({"transform": Affine(10, 0, 435_730, 0, 10, 4_178_980)}, "grids_differ"),
        ({"crs": None}, "grids_differ"),
        ({"transform": FINE, "count": 3}, "not_single_band"),
    ],
)
def test_files_that_are_not_one_scene(raster_factory, other: dict, code: str) -> None:
    paths = [raster_factory("a_B04.tif", transform=FINE), raster_factory("a_B03.tif", **other)]
    with pytest.raises(ImageReadError) as caught:
        open_scene(paths, bands=[1, 2, 2])
    assert caught.value.code == code


def test_files_without_georeference(raster_factory) -> None:
    same = [raster_factory(f"x_{name}.tif", crs=None, dtype="uint8") for name in ("red", "green", "blue")]
    scene = open_scene(same)
    assert scene.crs is None
    assert scene.rendering.band_names == ("red", "green", "blue")
    assert scene.rendering.stretch == "none"
    with pytest.raises(ImageReadError, match="different sizes"):
        open_scene([same[0], raster_factory("y.tif", crs=None, size_hw=(10, 10))], bands=[1, 2, 1])


def test_mixed_dtypes_and_names_that_are_not_there(raster_factory) -> None:
    paths = [
        raster_factory("a_B04.tif", dtype="uint8", transform=FINE),
        raster_factory("a_B03.tif", dtype="float32", transform=FINE),
    ]
    scene = open_scene(paths, bands=["B04", "B03", "B03"])
    assert scene.rendering.dtype in ("uint8/float32", "float32/uint8")
    assert scene.rendering.stretch == "percentile"
    with pytest.raises(UsageError, match="B08"):
        open_scene(paths, bands=["B08"])
