"""What is looked at, how closely, and what the result says about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from exact_policy import ExactEngine, ExactSegmenter, colours, exact_reasoner, numbers
from PIL import Image

from remotereasoner import Reasoner, Result, Scene
from remotereasoner.errors import ImageReadError, UsageError
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.types import UInt8Array

UTM = {"crs": "EPSG:32618", "transform": Affine(0.5, 0, 4e5, 0, -0.5, 4.2e6)}


def write(path: Path, pixels: np.ndarray, **profile: object) -> Path:
    """``pixels`` (H, W, 3) or (H, W) as a tiled GeoTIFF."""
    bands = pixels[:, :, None] if pixels.ndim == 2 else pixels
    facts = {"driver": "GTiff", "tiled": True, "blockxsize": 128, "blockysize": 128, **profile}
    height, width, count = bands.shape
    with rasterio.open(path, "w", height=height, width=width, count=count, dtype=bands.dtype, **facts) as target:
        target.write(np.moveaxis(bands, 2, 0))
    return path


def squares(size_hw: tuple[int, int], corners: Sequence[tuple[int, int]], side: int) -> np.ndarray:
    ids = np.zeros(size_hw, dtype=np.int64)
    for number, (x, y) in enumerate(corners, start=1):
        ids[y : y + side, x : x + side] = number * 1000 + 200
    return ids


def bright(pixels: UInt8Array) -> list[list[float]]:
    """One box around everything that is not dark, averaged or not."""
    y, x = np.nonzero(pixels.max(axis=2) > 40)
    return [[int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]] if len(x) else []


def record(result: Result) -> dict[str, object]:
    assert result.provenance.survey is not None
    return result.provenance.survey


def test_a_raster_and_its_pixels_in_memory_give_the_same(tmp_path: Path) -> None:
    pixels = colours(squares((300, 400), [(90, 90), (10, 200), (350, 120)], 40))
    path = write(tmp_path / "scene.tif", pixels, **UTM)
    reasoner, engine = exact_reasoner()
    file = reasoner.survey(path, "Where?", tile_px=128, overlap_px=32, exhaustive=True)
    memory = reasoner.survey(Scene.from_array(pixels), "Where?", tile_px=128, overlap_px=32, exhaustive=True)
    assert [f.box_xyxy for f in file.findings] == [f.box_xyxy for f in memory.findings]
    assert {f.box_xyxy for f in file.findings} == {(90, 90, 130, 130), (10, 200, 50, 240), (350, 120, 390, 160)}
    assert engine.sizes == {(128, 128)}
    assert [round(f.area_m2 or 0, 0) for f in file.findings] == [400.0] * 3
    assert all(f.centroid_lonlat is not None for f in file.findings)
    assert memory.findings[0].centroid_lonlat is None


def test_everything_is_on_record_and_survives_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.tif", colours(squares((300, 400), [(90, 90)], 40)), **UTM)
    result = exact_reasoner()[0].survey(path, "Where?", tile_px=128, overlap_px=32, exhaustive=True)
    found = record(result)
    assert found["mode"] == "exhaustive"
    assert (found["tile_px"], found["overlap_px"]) == (128, 32)
    assert (found["tile_wh"], found["overlap_wh"]) == ([128, 128], [32, 32])
    assert found["source_px_per_px_xy"] == [1.0, 1.0]
    assert found["gsd_m"] == pytest.approx(0.5, rel=2e-3)
    assert (found["windows_planned"], found["windows_asked"], found["windows_empty"]) == (12, 12, 0)
    assert found["statuses"] == {"answered": 4, "no_target": 8} or found["statuses"] == {
        "answered": 4,
        "unparseable": 8,
    }
    assert found["windows"][0] == [0, 0, 128, 128, "answered", 1]
    again = Result.from_json(result.to_json())
    assert again.provenance.survey == found
    assert again.findings[0].views == result.findings[0].views
    assert json.loads(result.to_json())["findings"][0]["views"]["agreement"] == 1.0
    result.overlay_png()


def test_views_count_windows_and_agreement() -> None:
    scene = Scene.from_array(colours(squares((128, 224), [(100, 40), (4, 4)], 24)))
    both, left = sorted(
        exact_reasoner()[0].survey(scene, "Where?", tile_px=128, overlap_px=32, exhaustive=True).findings,
        key=lambda finding: -finding.box_xyxy[0],
    )
    assert both.views is not None
    assert left.views is not None
    assert (both.views.windows_seen, both.views.windows_visible, both.views.agreement) == (2, 2, 1.0)
    assert (left.views.windows_seen, left.views.windows_visible, left.views.agreement) == (1, 1, None)
    assert both.views.overview_iou is None


def test_a_window_that_does_not_show_it_lowers_the_agreement() -> None:
    """The right one of two windows is blind."""
    scene = Scene.from_array(colours(squares((128, 224), [(100, 40)], 24)))
    calls = iter(range(2))
    engine = ExactEngine(lambda pixels: bright(pixels) if next(calls) == 0 else [])
    result = Reasoner(engine, BoxSegmenter()).survey(scene, "Where?", tile_px=128, overlap_px=32, exhaustive=True)
    (finding,) = result.findings
    assert finding.views is not None
    assert (finding.views.windows_seen, finding.views.windows_visible) == (1, 2)
    assert finding.views.agreement == pytest.approx(0.5)


def test_the_overview_says_where_to_look_and_how_closely(tmp_path: Path) -> None:
    """A 32 px object in 4,096 px: one look at the whole, then windows around it at full resolution."""
    pixels = np.zeros((4096, 4096, 3), dtype=np.uint8)
    pixels[1000:1032, 2000:2032] = 255
    path = write(tmp_path / "scene.tif", pixels, compress="deflate", **UTM)
    engine = ExactEngine(bright)
    result = Reasoner(engine, BoxSegmenter()).survey(path, "Where?", tile_px=256, overlap_px=64)
    found = record(result)
    assert found["mode"] == "overview"
    assert found["overview"]["status"] == "answered"
    assert found["source_px_per_px_xy"] == [1.0, 1.0]
    assert found["windows_asked"] == len(found["windows"]) < 25
    assert engine.seen == 1 + found["windows_asked"]
    assert 0 < found["share_looked_at"] < 0.1
    assert [f.box_xyxy for f in result.findings] == [(2000.0, 1000.0, 2032.0, 1032.0)]
    assert result.findings[0].views is not None
    assert (result.findings[0].views.overview_iou or 0) > 0.3


def large_square(side: int) -> Scene:
    pixels = np.zeros((side, side, 3), dtype=np.uint8)
    pixels[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 255
    return Scene.from_array(pixels)


def test_large_objects_are_taken_from_the_overview_and_outlined_as_sharply_as_the_scene() -> None:
    engine = ExactEngine(bright)
    result = Reasoner(engine, BoxSegmenter()).survey(large_square(1024), "Where?", tile_px=256)
    assert engine.seen == 1
    assert record(result)["source_px_per_px_xy"] == [1.0, 1.0]
    assert result.grid.size_hw == (1024, 1024)
    assert result.boxes == ((256.0, 256.0, 768.0, 768.0),)
    assert result.findings[0].area_px == 512**2
    assert "seen at 256 x 256 px, outlined at 1024 x 1024 px" in record(result)["notes"][-1]


def test_outlines_are_as_sharp_as_what_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remotereasoner.tiling.survey._OUTLINE_PX", 512)
    result = Reasoner(ExactEngine(bright), BoxSegmenter()).survey(large_square(1024), "Where?", tile_px=256)
    assert record(result)["source_px_per_px_xy"] == [2.0, 2.0]
    assert result.boxes == ((128.0, 128.0, 384.0, 384.0),)
    assert any("resampled: 2 x 2" in note for note in result.rendering.notes)


def test_an_overview_that_sees_nothing_is_no_answer() -> None:
    """What is too small for the overview is found by windows over the whole scene."""
    pixels = np.zeros((1024, 1024, 3), dtype=np.uint8)
    pixels[500:506, 300:306] = 255
    engine = ExactEngine(bright)  # averaged over 8 x 8 pixels, nothing is above its threshold for long
    result = Reasoner(engine, BoxSegmenter()).survey(Scene.from_array(pixels // 6), "Where?", tile_px=128)
    assert result.boxes == ((300.0, 500.0, 306.0, 506.0),)
    assert "windows over the whole scene" in record(result)["notes"][0]
    assert record(result)["share_looked_at"] == 1.0


def test_a_box_of_the_overview_that_no_window_confirms_is_reported() -> None:
    pixels = np.zeros((1024, 1024, 3), dtype=np.uint8)
    engine = ExactEngine(lambda shown: [[10, 10, 20, 20]] if engine.seen == 1 else [])
    result = Reasoner(engine, BoxSegmenter()).survey(Scene.from_array(pixels), "Where?", tile_px=128)
    assert (result.status, result.count) == ("no_target", 0)
    assert len(record(result)["overview"]["unconfirmed_xyxy"]) == 1


def test_unreadable_windows_are_not_nothing() -> None:
    class Mumbling(ExactEngine):
        def _complete(self, prompt):  # type: ignore[no-untyped-def]
            said = super()._complete(prompt)
            return (
                said if self.seen != 2 else type(said)("<think>Hm.</think><answer>there</answer>", "stop", said.grid_hw)
            )

    scene = Scene.from_array(np.zeros((128, 224, 3), dtype=np.uint8))
    engine = Mumbling(lambda pixels: [])
    result = Reasoner(engine, BoxSegmenter()).survey(scene, "Where?", tile_px=128, overlap_px=32, exhaustive=True)
    assert result.status == "unparseable"
    assert "1 of 2 windows" in (result.answer.reason or "")


def test_windows_finish_in_any_order(tmp_path: Path) -> None:
    scene = Scene.from_array(colours(squares((300, 400), [(90, 90), (10, 200), (350, 120)], 40)))
    results = [
        exact_reasoner()[0].survey(scene, "Where?", tile_px=128, overlap_px=32, exhaustive=True, batch_size=size)
        for size in (1, 5, 64)
    ]
    assert len({json.dumps([f.box_xyxy for f in result.findings]) for result in results}) == 1


def test_ground_resolution_is_what_was_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.tif", colours(squares((512, 512), [(128, 128)], 64)), **UTM)
    result = Reasoner(ExactEngine(bright), BoxSegmenter()).survey(
        path, "Where?", tile_px=128, gsd_m=1.0, exhaustive=True
    )
    assert record(result)["gsd_m"] == pytest.approx(1.0, rel=0.01)
    assert record(result)["windows_planned"] == 9
    reasoner, engine = exact_reasoner()
    with pytest.raises(UsageError, match=r"finer than the raster's 0\.5"):
        reasoner.survey(path, "Where?", gsd_m=0.2)
    with pytest.raises(UsageError, match="has no CRS"):
        reasoner.survey(Scene.from_array(np.zeros((900, 900, 3), np.uint8)), "Where?", gsd_m=1.0)
    with pytest.raises(UsageError, match="max_windows is 3"):
        reasoner.survey(path, "Where?", tile_px=128, exhaustive=True, max_windows=3)
    assert engine.seen == 0


def test_too_many_windows_are_read_coarser_and_that_is_noted() -> None:
    engine = ExactEngine(lambda pixels: [])
    scene = Scene.from_array(np.full((1024, 1024, 3), 9, dtype=np.uint8))
    result = Reasoner(engine, BoxSegmenter()).survey(scene, "Where?", tile_px=128, overlap_px=16, max_windows=20)
    assert record(result)["source_px_per_px_xy"] == [4.0, 4.0]
    assert record(result)["windows_asked"] == 9
    assert sum("read coarser" in note for note in record(result)["notes"]) == 2


def test_all_windows_are_stretched_alike(tmp_path: Path) -> None:
    """16 bit: a window of the dark half is dark, not stretched to its own brightest."""
    samples = np.full((256, 512), 100, dtype=np.uint16)
    samples[:, 256:] = 4000
    samples[::7, ::5] += 50
    path = write(tmp_path / "scene.tif", samples, **UTM)
    seen: list[float] = []
    engine = ExactEngine(lambda pixels: seen.append(float(pixels.mean())) or [])
    result = Reasoner(engine, BoxSegmenter()).survey(path, "Where?", tile_px=256, overlap_px=0, exhaustive=True)
    assert seen[0] < 10
    assert seen[1] > 240
    assert result.rendering.percentiles == (2.0, 98.0)
    assert result.rendering.limits[0][1] > 3900


def test_without_overlap_fragments_join_at_the_seam() -> None:
    scene = Scene.from_array(colours(squares((128, 256), [(110, 40)], 40)))
    result = exact_reasoner()[0].survey(scene, "Where?", tile_px=128, overlap_px=0, exhaustive=True)
    assert result.boxes == ((110.0, 40.0, 150.0, 80.0),)


def test_several_files_of_one_scene(tmp_path: Path) -> None:
    pixels = colours(squares((300, 400), [(90, 90), (300, 200)], 40)) + np.uint8(1)
    names = ("red", "green", "blue")
    paths = [write(tmp_path / f"scene_{name}.tif", pixels[:, :, k], **UTM) for k, name in enumerate(names)]
    engine = ExactEngine(bright)
    result = Reasoner(engine, BoxSegmenter()).survey(paths, "Where?", tile_px=128, overlap_px=32, exhaustive=True)
    assert {f.box_xyxy for f in result.findings} == {(90, 90, 130, 130), (300, 200, 340, 240)}


def test_a_part_of_a_raster(tmp_path: Path) -> None:
    path = write(tmp_path / "scene.tif", colours(squares((300, 400), [(90, 90), (10, 200)], 40)), **UTM)
    result = exact_reasoner()[0].survey(path, "Where?", window=(80, 80, 300, 200), tile_px=128, exhaustive=True)
    assert result.boxes == ((10.0, 10.0, 50.0, 50.0),)
    assert result.rendering.window == (80, 80, 300, 200)
    assert result.findings[0].centroid_lonlat is not None


def test_a_photograph_is_decoded_once(tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    Image.fromarray(colours(squares((300, 400), [(90, 90)], 40))).save(path)
    result = exact_reasoner()[0].survey(path, "Where?", tile_px=128, exhaustive=True)
    assert result.boxes == ((90.0, 90.0, 130.0, 130.0),)


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    scene = Scene.from_array(np.zeros((128, 400, 3), dtype=np.uint8))
    Reasoner(ExactEngine(lambda pixels: []), BoxSegmenter()).survey(
        scene, "Where?", tile_px=128, exhaustive=True, batch_size=2, progress=lambda *done: told.append(done)
    )
    assert told[-1] == (4, 4)


def test_exact_numbers_survive_the_colours() -> None:
    ids = squares((64, 64), [(3, 5)], 9)
    assert (numbers(colours(ids)) == ids).all()
    assert ExactSegmenter.name == "exact"
    with pytest.raises(ImageReadError):
        exact_reasoner()[0].survey("no-such-file.tif", "Where?")
