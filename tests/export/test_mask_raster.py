from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.io import MemoryFile
from rio_cogeo import cog_validate

from remotereasoner.errors import UsageError
from remotereasoner.export import mask_raster
from remotereasoner.export.mask_raster import instance_ids, mask_tiff
from remotereasoner.transform.base import InstanceMask
from result_fixtures import MakeResult, MakeScene, disc

SIZE = (120, 160)


def dot(x: int, y: int) -> InstanceMask:
    return InstanceMask(np.ones((1, 1), dtype=np.bool_), (x, y), 1.0)


def test_numbers_follow_the_answer_and_the_earlier_stays_on_top() -> None:
    ids = instance_ids([dot(1, 0), dot(2, 0), dot(1, 0)], (2, 4))
    assert ids.tolist() == [[0, 1, 2, 0], [0, 0, 0, 0]]
    assert ids.dtype == np.uint16
    assert instance_ids([dot(0, 0)] * 70_000, (1, 1)).dtype == np.uint32
    assert instance_ids([], (3, 2)).tolist() == [[0, 0]] * 3


TRANSFORMS = {
    "utm": (32618, Affine(10, 0, 4e5, 0, -10, 4.2e6)),
    "south-up": (32618, Affine(10, 0, 4e5, 0, 10, 4.2e6)),
    "rotated": (32618, Affine(8, 6, 4e5, 6, -8, 4.2e6)),
    "geographic": (4326, Affine(1e-4, 0, 10, 0, -1e-4, 50)),
    "polar": (3995, Affine(500, 0, -4e4, 0, -500, 1.5e6)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_place_and_pixels_are_kept(name: str, make_scene: MakeScene, make_result: MakeResult, tmp_path: Path) -> None:
    epsg, transform = TRANSFORMS[name]
    frames = [disc(SIZE, (40, 40), 20, hole=8), disc(SIZE, (110, 70), 30)]
    result = make_result(make_scene(SIZE, crs=CRS.from_epsg(epsg), transform=transform), frames)
    path = result.write(tmp_path)["mask"]
    with rasterio.open(path) as reader:
        assert reader.crs.to_epsg() == epsg
        assert reader.transform.almost_equals(transform)
        assert (reader.read(1) == frames[0] + 2 * frames[1].astype(np.uint16)).all()
        assert reader.nodata == 0
        assert reader.tags()["REMOTEREASONER_STATUS"] == "answered"
    valid, errors, _ = cog_validate(path, strict=True)
    assert (valid, errors) == (True, [])


def test_union_and_large_scenes_are_cogs_with_overviews(
    make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    size = (1100, 1300)
    result = make_result(make_scene(size), [disc(size, (600, 500), 400)])
    path = tmp_path / "union.tif"
    path.write_bytes(result.mask_tiff("union"))
    assert cog_validate(path, strict=True)[0]
    with rasterio.open(path) as reader:
        assert reader.dtypes == ("uint8",)
        assert set(np.unique(reader.read(1))) == {0, 255}
        assert reader.overviews(1)
        assert math.isclose((reader.read(1) > 0).sum(), result.findings[0].area_px)


def test_without_crs(make_scene: MakeScene, make_result: MakeResult) -> None:
    result = make_result(make_scene(SIZE, crs=None), [disc(SIZE, (40, 40), 20)])
    unplaced = pytest.warns(rasterio.errors.NotGeoreferencedWarning)
    with MemoryFile(result.mask_tiff()) as memory, unplaced, memory.open() as reader:
        assert reader.crs is None
        assert (reader.read(1) > 0).sum() == result.findings[0].area_px


def test_beyond_the_cap_a_plain_tiled_file(
    make_scene: MakeScene, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_raster, "MAX_COG_PIXELS", 1000)
    result = make_result(make_scene(SIZE), [disc(SIZE, (40, 40), 20)])
    with MemoryFile(mask_tiff(result)) as memory, memory.open() as reader:
        assert reader.profile["tiled"]
        assert reader.crs.to_epsg() == 32618
        assert (reader.read(1) > 0).sum() == result.findings[0].area_px


def test_other_kinds_are_refused(make_scene: MakeScene, make_result: MakeResult) -> None:
    with pytest.raises(UsageError, match="soft"):
        make_result(make_scene()).mask_tiff("soft")  # type: ignore[arg-type]
