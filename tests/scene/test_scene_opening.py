"""Files to scenes: formats, dtypes, nodata, overviews, several files; rasterio itself is the second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from pyproj import CRS

from remotereasoner.errors import CoordinateError, ImageReadError, UsageError
from remotereasoner.scene import open_scene
from remotereasoner.scene._gdal import gdal_env  # before rasterio

import rasterio  # isort: skip
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("seed", range(6))
def test_uint8_windows_are_rasterios_own(raster_factory, interleave: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    path = raster_factory(
        size_hw=(300, 400), count=4, dtype="uint8", interleave=interleave, tiled=True, blockxsize=64, blockysize=64
    )
    bands = [int(band) for band in random.integers(1, 5, 3)]
    column, row = int(random.integers(0, 350)), int(random.integers(0, 250))
    window = (column, row, int(random.integers(1, 401 - column)), int(random.integers(1, 301 - row)))
    scene = open_scene(path, bands=bands, window=window)
    with rasterio.open(path) as raster:
        expected = raster.read(bands, window=Window(*window))
        transform = raster.transform @ Affine.translation(column, row)
    assert (scene.pixels == expected.transpose(1, 2, 0)).all()
    assert scene.valid.all()
    assert scene.transform == transform
    assert scene.crs == CRS.from_epsg(32618)
    assert scene.rendering.window == window
    assert scene.rendering.bands == tuple(bands)
    assert scene.rendering.stretch == "none"


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "complex64"]
)
def test_every_dtype_is_stretched_between_its_percentiles(raster_factory, dtype: str) -> None:
    path = raster_factory(count=3, dtype=dtype, size_hw=(60, 50))
    scene = open_scene(path, percentiles=(5, 90))
    with rasterio.open(path) as raster:
        samples = np.abs(raster.read()).astype(np.float64)
    for channel in range(3):
        low, high = np.percentile(samples[channel], (5, 90))
        assert scene.rendering.limits[channel] == pytest.approx((low, high))
        expected = np.clip((samples[channel] - low) / (high - low) * 255, 0, 255)
        assert np.abs(scene.pixels[:, :, channel] - expected).max() <= 0.5 + 1e-4
    assert scene.rendering.stretch == "percentile"
    assert scene.rendering.percentiles == (5, 90)
    assert scene.rendering.dtype == dtype


def test_uint8_can_be_stretched_and_others_not_left_alone(raster_factory) -> None:
    assert open_scene(raster_factory(dtype="uint8"), stretch="percentile").pixels.max() == 255
    with pytest.raises(UsageError, match="uint16"):
        open_scene(raster_factory(dtype="uint16"), stretch="none")
    with pytest.raises(UsageError, match="auto, none or percentile"):
        open_scene(raster_factory(dtype="uint8"), stretch="linear")


@pytest.mark.parametrize(
    ("nodata_kind", "dtype"),
    [
        ("value", "uint8"), ("value", "uint16"), ("value", "int16"), ("value", "float32"), ("nan", "float32"),
        ("nan", "float64"), ("mask", "uint8"), ("mask", "uint16"), ("mask", "float32"), ("alpha", "uint8"),
        ("alpha", "uint16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("count", [1, 3])
def test_nodata_is_not_valid_not_shown_and_not_counted(raster_factory, nodata_kind, dtype, count) -> None:
    path = raster_factory(count=count, dtype=dtype, nodata_kind=nodata_kind, size_hw=(40, 80))
    scene = open_scene(path)
    assert not scene.valid[:, :20].any()
    assert scene.valid[:, 20:].all()
    assert not scene.pixels[:, :20].any()
    if dtype != "uint8":
        assert scene.rendering.limits[0][0] >= 1.0  # the zeros of the left quarter would make it 0
    half = open_scene(path, max_side_px=40)
    assert half.valid.mean() == pytest.approx(0.75, abs=0.03)
    assert not half.pixels[:, :9].any()


def test_nodata_that_cannot_occur_is_no_nodata(raster_factory) -> None:
    assert open_scene(raster_factory(dtype="uint8", nodata=0, count=3)).rendering.source_nodata == 0
    path = raster_factory(dtype="int16", nodata=-9999)
    assert open_scene(path).valid.all()


def test_one_dark_channel_is_no_hole(raster_factory) -> None:
    pixels = np.full((3, 8, 8), 50, np.uint8)
    pixels[0, 2, 2] = 0
    pixels[:, 5, 5] = 0
    valid = open_scene(raster_factory(pixels=pixels, nodata=0)).valid
    assert valid[2, 2]
    assert not valid[5, 5]
    assert valid.sum() == 63


def test_infinite_samples_are_not_valid(raster_factory) -> None:
    pixels = np.linspace(0, 1, 100, dtype=np.float32).reshape(1, 10, 10)
    pixels[0, 3, 3] = np.inf
    scene = open_scene(raster_factory(pixels=pixels))
    assert not scene.valid[3, 3]
    assert scene.valid.sum() == 99


def test_an_image_of_nodata_only(raster_factory) -> None:
    scene = open_scene(raster_factory(pixels=np.zeros((3, 8, 8), np.uint16), nodata=0))
    assert not scene.valid.any()
    assert not scene.pixels.any()


def test_overviews_are_what_is_read(raster_factory) -> None:
    """Every level has its own value: 10 full size, 20 at 1/2, 40 at 1/4, 80 at 1/8."""
    path = raster_factory(pixels=np.full((3, 512, 512), 10, np.uint8), tiled=True, blockxsize=64, blockysize=64)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4, 8], Resampling.nearest)
    for level, value in enumerate((20, 40, 80)):
        with rasterio.open(path, "r+", overview_level=level) as raster:
            raster.write(np.full((3, raster.height, raster.width), value, np.uint8))
    seen = {side: set(open_scene(path, max_side_px=side).pixels.ravel().tolist()) for side in (512, 256, 128, 64, 32)}
    assert seen == {512: {10}, 256: {20}, 128: {40}, 64: {80}, 32: {80}}
    small = open_scene(path, max_side_px=64)
    assert small.size_hw == (64, 64)
    assert small.transform.a == pytest.approx(80.0)


def test_decimation_averages_and_keeps_the_place(raster_factory) -> None:
    pixels = np.zeros((1, 100, 60), np.uint8)
    pixels[0, ::2] = 100
    path = raster_factory(pixels=pixels)
    scene = open_scene(path, max_side_px=50)
    assert scene.size_hw == (50, 30)
    assert set(scene.pixels.ravel().tolist()) == {50}
    full = open_scene(path)
    assert scene.bounds_lonlat == pytest.approx(full.bounds_lonlat, abs=1e-9)
    assert scene.pixel_to_map([(30, 50)]) == pytest.approx(full.pixel_to_map([(60, 100)]))


@pytest.mark.parametrize(
    "transform",
    [
        Affine(10, 0, 435_000, 0, 10, 4_180_000),
        Affine.translation(435_000, 4_180_000) @ Affine.rotation(33) @ Affine.scale(3, -3),
        Affine.translation(435_000, 4_180_000) @ Affine.shear(10, 20) @ Affine.scale(3, -5),
    ],
)
def test_transforms_of_all_kinds_come_through(raster_factory, transform: Affine) -> None:
    scene = open_scene(raster_factory(dtype="uint8", transform=transform), window=(4, 5, 20, 10))
    assert scene.pixel_to_map([(0, 0), (20, 10)]) == pytest.approx(np.array([transform @ (4, 5), transform @ (24, 15)]))


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2056", "EPSG:3031", 'LOCAL_CS["site",UNIT["metre",1]]'])
def test_the_crs_is_kept(raster_factory, crs: str) -> None:
    path = raster_factory(dtype="uint8", crs=crs, transform=Affine(0.5, 0, 10, 0, -0.5, 60))
    scene = open_scene(path)
    assert scene.crs is not None
    if crs.startswith("EPSG"):
        assert scene.crs.to_epsg() == int(crs[5:])
    assert scene.is_georeferenced is crs.startswith("EPSG")


def test_without_georeference(raster_factory) -> None:
    bare = open_scene(raster_factory(dtype="uint8", crs=None))
    assert (bare.crs, bare.transform) == (None, Affine.identity())
    placeless = open_scene(raster_factory(dtype="uint8", transform=Affine.identity()))
    assert placeless.crs is None


def test_control_points_become_an_affine(raster_factory) -> None:
    path = raster_factory(dtype="uint8", crs=None, size_hw=(100, 200))
    true = Affine.translation(5e5, 4e6) @ Affine.rotation(20) @ Affine.scale(2, -2)
    points = [GroundControlPoint(row, column, *(true @ (column, row))) for row in (0, 100) for column in (0, 200)]
    with pytest.warns(NotGeoreferencedWarning), gdal_env(), rasterio.open(path, "r+") as raster:
        raster.gcps = (points, rasterio.crs.CRS.from_epsg(32618))
    scene = open_scene(path)
    assert scene.crs == CRS.from_epsg(32618)
    assert scene.transform.almost_equals(true, 1e-6)
    assert "4 ground control points" in scene.rendering.notes[0]


def test_palette_is_expanded(raster_factory) -> None:
    pixels = np.array([[[0, 1, 2, 3]] * 4], np.uint8)
    path = raster_factory(pixels=pixels, photometric="palette")
    with rasterio.open(path, "r+") as raster:
        raster.write_colormap(1, {0: (10, 20, 30), 1: (200, 0, 0), 2: (0, 200, 0), 3: (0, 0, 200)})
    scene = open_scene(path)
    assert scene.pixels[0].tolist() == [[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200]]
    assert scene.valid.all()
    assert "palette expanded" in scene.rendering.notes


def test_transparent_palette_colours_are_not_valid(tmp_path) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode=None).convert("P")
    image.putpalette([1, 2, 3, 4, 5, 6])
    image.save(tmp_path / "p.png", transparency=0)
    scene = open_scene(tmp_path / "p.png")
    assert scene.valid.tolist() == [[False, True], [True, False]]
    assert scene.pixels[0, 1].tolist() == [4, 5, 6]


def test_colour_order_of_the_file_is_followed(raster_factory) -> None:
    path = raster_factory(count=3, dtype="uint8")
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    assert open_scene(path).rendering.bands == (3, 2, 1)


def test_bands_by_name(raster_factory) -> None:
    path = raster_factory(count=4, dtype="uint8", names=("B02", "B03", "B04", "B08"))
    natural = open_scene(path)
    assert natural.rendering.bands == (3, 2, 1)
    assert natural.rendering.band_names == ("B04", "B03", "B02")
    assert open_scene(path, bands=["B08", "B4", "b03"]).rendering.bands == (4, 3, 2)
    grey = open_scene(path, bands=[4])
    assert (grey.pixels[:, :, 0] == grey.pixels[:, :, 2]).all()


@pytest.mark.parametrize(("driver", "worst"), [("PNG", 0), ("JP2OpenJPEG", 0), ("JPEG", 30)])
def test_picture_formats(raster_factory, driver: str, worst: int) -> None:
    smooth = np.add.outer(np.arange(3) * 20, np.add.outer(np.arange(48), np.arange(64))).astype(np.uint8)
    scene = open_scene(raster_factory(name="x.dat", pixels=smooth, driver=driver))
    assert scene.rendering.driver == driver
    assert np.abs(scene.pixels.astype(int) - smooth.transpose(1, 2, 0)).max() <= worst


def test_png_of_sixteen_bits_grey_with_alpha(raster_factory) -> None:
    pixels = np.stack([np.arange(80).reshape(8, 10) * 100, np.full((8, 10), 65535)]).astype(np.uint16)
    scene = open_scene(raster_factory(name="g.png", pixels=pixels, driver="PNG"))
    assert scene.rendering.bands == (1, 1, 1)
    assert scene.pixels.max() == 255


def test_exif_rotation_is_noted_and_not_applied(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "r.jpg", exif=exif)
    scene = open_scene(tmp_path / "r.jpg")
    assert scene.size_hw == (20, 40)
    assert "EXIF orientation 6 not applied" in scene.rendering.notes[0]
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "n.jpg")
    assert open_scene(tmp_path / "n.jpg").rendering.notes == ()


def test_bounds_in_another_crs(raster_factory) -> None:
    path = raster_factory(size_hw=(200, 300), dtype="uint8", count=3)
    whole = open_scene(path)
    (west, north), (east, south) = whole.pixel_to_lonlat([(100, 50), (200, 150)])
    part = open_scene(path, bounds=(west, south, east, north), bounds_crs="EPSG:4326")
    column, row, width, height = part.source_window
    assert (part.pixels == whole.pixels[row : row + height, column : column + width]).all()
    assert part.lonlat_to_pixel([(west, north)])[0] == pytest.approx((100 - column, 50 - row), abs=1e-6)
    with pytest.raises(CoordinateError):
        open_scene(path, bounds=(0, 0, 1, 1), bounds_crs="EPSG:4326")


@pytest.mark.parametrize("percentiles", [(98, 2), (-1, 98), (2, 101), (5, 5), (float("nan"), 98)])
def test_percentiles_that_are_none(raster_factory, percentiles) -> None:
    with pytest.raises(UsageError, match="percentiles"):
        open_scene(raster_factory(), percentiles=percentiles)


def test_empty_list() -> None:
    with pytest.raises(UsageError, match="empty"):
        open_scene([])


def test_damage_in_the_pixels_is_an_error_with_a_code(raster_factory) -> None:
    path = raster_factory(size_hw=(256, 256), compress="deflate")
    path.write_bytes(path.read_bytes()[:20_000] + b"\xff" * 500 + path.read_bytes()[20_500:])
    with pytest.raises(ImageReadError) as caught:
        open_scene(path)
    assert caught.value.code == "broken"


@pytest.mark.parametrize(("nodata", "is_valid"), [(4, True), (6, True), (5, False)])
def test_a_nodata_value_below_or_above_all_samples(raster_factory, nodata: int, is_valid: bool) -> None:
    path = raster_factory(pixels=np.full((3, 8, 8), 5, np.uint16), nodata=nodata)
    assert open_scene(path).valid.all() == is_valid
