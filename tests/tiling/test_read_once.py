"""Windows that take from their neighbours what these have shown are the windows that are read as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from remotereasoner import Scene
from remotereasoner.tiling import once, sources
from remotereasoner.tiling.once import OnceReader
from remotereasoner.tiling.places import Choice
from remotereasoner.tiling.sources import open_source
from remotereasoner.tiling.windows import Level, plan_windows

HEIGHT, WIDTH = 300, 420
PLACE = {"crs": "EPSG:32618", "transform": Affine(0.5, 0, 4e5, 0, -0.5, 4.2e6)}
RNG = np.random.default_rng(7)


def samples(bands: int, dtype: str, most: int) -> np.ndarray:
    return RNG.integers(0, most, (bands, HEIGHT, WIDTH)).astype(dtype)


def save(path: Path, data: np.ndarray, **profile: object) -> rasterio.io.DatasetWriter:
    facts = {"driver": "GTiff", "tiled": True, "blockxsize": 128, "blockysize": 128, **PLACE, **profile}
    target = rasterio.open(path, "w", height=HEIGHT, width=WIDTH, count=len(data), dtype=data.dtype, **facts)
    target.write(data)
    return target


def rgb(path: Path) -> None:
    save(path, samples(3, "uint8", 256)).close()


def with_nodata(path: Path) -> None:
    data = samples(4, "uint16", 4000)
    data[:, 40:170, 100:260] = 0
    save(path, data, nodata=0).close()


def with_nan(path: Path) -> None:
    data = samples(3, "float32", 1000)
    data[1, :, 200:] = np.nan
    data[:, 250:, :] = np.nan
    save(path, data).close()


def with_alpha(path: Path) -> None:
    data = samples(4, "uint8", 256)
    data[3] = np.where(RNG.random((HEIGHT, WIDTH)) < 0.5, 0, 255)
    save(path, data, photometric="RGB", alpha="YES").close()


def with_palette(path: Path) -> None:
    target = save(path, samples(1, "uint8", 5), photometric="palette")
    target.write_colormap(1, {k: (k * 50, 255 - k * 40, k, 0 if k == 2 else 255) for k in range(5)})
    target.close()


def grey(path: Path) -> None:
    save(path, samples(1, "uint8", 256), nodata=9).close()


SHOWN_AS_STORED = (rgb, with_alpha, with_palette, grey)
RASTERS = (rgb, with_nodata, with_nan, with_alpha, with_palette, grey)
GRIDS = ((64, 16), (90, 70), (100, 1), (128, 0), (299, 250), (300, 40))


def told(scene: Scene) -> tuple[object, ...]:
    return scene.pixels.tobytes(), scene.valid.tobytes(), scene.transform, scene.crs, scene.rendering


@pytest.fixture
def read_px(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of pixels that were read from the file, one for each reading."""
    areas: list[int] = []
    reading = sources.read_rgb

    def counted(raster, bands, part, *rest, **named):  # type: ignore[no-untyped-def]
        areas.append(part.size_hw[0] * part.size_hw[1])
        return reading(raster, bands, part, *rest, **named)

    monkeypatch.setattr(sources, "read_rgb", counted)
    return areas


@pytest.mark.parametrize("write", RASTERS)
def test_every_window_is_the_same_and_no_pixel_is_stretched_twice(
    tmp_path: Path, write: Callable[[Path], None], read_px: list[int]
) -> None:
    write(tmp_path / "scene.tif")
    level = Level.of((HEIGHT, WIDTH), 1)
    with open_source(tmp_path / "scene.tif") as source:
        for tile, overlap in GRIDS:
            plan = plan_windows(level.size_hw, tile, overlap)
            read_px.clear()
            reader = OnceReader(source, Choice(level, plan, tuple(range(len(plan))), 0))
            found = [told(reader.read(index)) for index in range(len(plan))]
            windows = sum(window.width * window.height for window in map(plan.window, range(len(plan))))
            assert sum(read_px) == (windows if write in SHOWN_AS_STORED else HEIGHT * WIDTH), (tile, overlap)
            assert found == [told(source.read(level, plan.window(index))) for index in range(len(plan))]


def test_a_choice_with_holes_is_the_same(tmp_path: Path, read_px: list[int]) -> None:
    """Neighbours that were not read, whole rows left out, and no room for the row above."""
    with_nodata(tmp_path / "scene.tif")
    level = Level.of((HEIGHT, WIDTH), 1)
    plan = plan_windows(level.size_hw, 64, 24)
    with open_source(tmp_path / "scene.tif") as source:
        whole = [told(source.read(level, plan.window(index))) for index in range(len(plan))]
        for seed in range(12):
            rng = np.random.default_rng(seed)
            chosen = np.flatnonzero(rng.random(len(plan)) < rng.uniform(0.2, 0.95))
            chosen = chosen[chosen // len(plan.x_starts) != seed % len(plan.y_starts)]
            reader = OnceReader(source, Choice(level, plan, tuple(chosen.tolist()), 0))
            read_px.clear()
            assert [told(reader.read(index)) for index in chosen.tolist()] == [whole[index] for index in chosen]
            assert sum(read_px) < len(chosen) * 64 * 64


def test_no_more_of_the_row_above_is_kept_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_px: list[int]
) -> None:
    with_nodata(tmp_path / "scene.tif")
    level = Level.of((HEIGHT, WIDTH), 1)
    plan = plan_windows(level.size_hw, 100, 50)
    monkeypatch.setattr(once, "_MAX_STRIPS_BYTES", 1000)
    with open_source(tmp_path / "scene.tif") as source:
        reader = OnceReader(source, Choice(level, plan, tuple(range(len(plan))), 0))
        found = [told(reader.read(index)) for index in range(len(plan))]
        assert sum(read_px) == len(plan.y_starts) * 100 * WIDTH
        assert found == [told(source.read(level, plan.window(index))) for index in range(len(plan))]


def test_coarser_windows_are_read_as_a_whole(tmp_path: Path, read_px: list[int]) -> None:
    with_nodata(tmp_path / "scene.tif")
    level = Level.of((HEIGHT, WIDTH), 2.5)
    plan = plan_windows(level.size_hw, 64, 24)
    with open_source(tmp_path / "scene.tif") as source:
        reader = OnceReader(source, Choice(level, plan, tuple(range(len(plan))), 0))
        for index in range(len(plan)):
            reader.read(index)
    assert read_px == [64 * 64] * len(plan)
