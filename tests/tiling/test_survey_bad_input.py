"""Scenes and parameters that are not as one would wish: each has its outcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from exact_policy import ExactEngine, colours, exact_reasoner
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from survey_memory import OBJECT_PX, PLACES

from remotereasoner import Reasoner, Result, Scene
from remotereasoner.cli.main import main
from remotereasoner.errors import ImageReadError, UsageError
from remotereasoner.transform.box import BoxSegmenter

NORTH_UP = Affine(0.5, 0, 4e5, 0, -0.5, 4.2e6)


def two_squares() -> np.ndarray:
    ids = np.zeros((300, 400), dtype=np.int64)
    ids[90:130, 90:130] = 70_000
    ids[200:240, 300:340] = 90_000
    return colours(ids)


def write(path: Path, pixels: np.ndarray, **profile: object) -> Path:
    height, width, count = pixels.shape
    facts = {"driver": "GTiff", "height": height, "width": width, "count": count, "dtype": pixels.dtype, **profile}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **facts) as target:
            target.write(np.moveaxis(pixels, 2, 0))
    return path


def surveyed(path: Path) -> Result:
    return exact_reasoner()[0].survey(path, "Where?", tile_px=128, overlap_px=32, exhaustive=True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"overlap_px": 128}, "overlap_px must be 0 or more and less than tile_px 128, got 128"),
        ({"overlap_px": 500}, "got 500"),
        ({"overlap_px": -1}, "got -1"),
        ({"tile_px": 8}, "tile_px must be 16 to"),
        ({"gsd_m": 0.0}, "gsd_m must be above 0"),
        ({"gsd_m": float("nan")}, "gsd_m must be above 0"),
        ({"max_windows": 0}, "max_windows must be 1"),
        ({"batch_size": 0}, "batch_size must be 1"),
    ],
)
def test_parameters_that_make_no_windows(wrong: dict[str, float], words: str) -> None:
    reasoner, engine = exact_reasoner()
    with pytest.raises(UsageError, match=words):
        reasoner.survey(Scene.from_array(two_squares()), "Where?", **{"tile_px": 128, **wrong})  # type: ignore[arg-type]
    assert engine.seen == 0


def test_a_ribbon_is_cut_into_windows_that_a_policy_takes(tmp_path: Path) -> None:
    """300:1, without and with an overview asked for: windows are 100:1 at most, nothing is lost or doubled."""
    ids = np.zeros((20, 6000), dtype=np.int64)
    ids[:, 1990:2030] = 70_000
    ids[5:6, 100:5900][ids[5:6, 100:5900] == 0] = 90_000
    engine = ExactEngine()
    scene = Scene.from_array(colours(ids))
    whole = exact_reasoner()[0].survey(scene, "Where?", tile_px=6000)
    for exhaustive in (True, False):
        reasoner, engine = exact_reasoner()
        result = reasoner.survey(scene, "Where?", tile_px=4096, overlap_px=512, exhaustive=exhaustive)
        assert {max(size) / min(size) for size in engine.sizes} == {100.0}
        assert sorted(result.boxes) == [
            (100.0, 5.0, 1990.0, 6.0),
            (1990.0, 0.0, 2030.0, 20.0),
            (2030.0, 5.0, 5900.0, 6.0),
        ]
        assert sorted(result.boxes) == sorted(whole.boxes)
    assert result.provenance.survey is not None
    assert "too thin for one look" in result.provenance.survey["notes"][0]


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        ("rotated", Affine.translation(4e5, 4.2e6) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)),
        ("south-up", Affine(0.5, 0, 4e5, 0, 0.5, 4.2e6)),
        ("west-up", Affine(-0.5, 0, 4e5, 0, -0.5, 4.2e6)),
    ],
)
def test_however_the_raster_lies_findings_are_where_they_are(tmp_path: Path, name: str, transform: Affine) -> None:
    result = surveyed(write(tmp_path / f"{name}.tif", two_squares(), crs="EPSG:32618", transform=transform))
    assert sorted(result.boxes) == [(90.0, 90.0, 130.0, 130.0), (300.0, 200.0, 340.0, 240.0)]
    first = min(result.findings, key=lambda finding: finding.box_xyxy)
    x, y = transform @ (110.0, 110.0)
    assert result.grid.lonlat_to_pixel([first.centroid_lonlat])[0] == pytest.approx((110.0, 110.0), abs=1e-3)
    assert result.grid.pixel_to_map([(110.0, 110.0)])[0] == pytest.approx((x, y), abs=1e-6)
    assert first.area_m2 == pytest.approx(400.0, rel=2e-3)


def test_without_a_crs_findings_are_in_pixels(tmp_path: Path) -> None:
    result = surveyed(write(tmp_path / "plain.tif", two_squares()))
    assert (result.count, result.grid.crs) == (2, None)
    assert {finding.area_m2 for finding in result.findings} == {None}
    assert result.provenance.survey is not None
    assert result.provenance.survey["gsd_m"] is None
    assert result.write(tmp_path / "out").keys() >= {"json", "pixels", "mask", "overlay"}


def test_ground_control_points_alone_place_it(tmp_path: Path) -> None:
    corners = [(0, 0), (0, 400), (300, 0), (300, 400)]
    points = [GroundControlPoint(row, col, *(NORTH_UP @ (col, row))) for row, col in corners]
    result = surveyed(write(tmp_path / "gcps.tif", two_squares(), gcps=points, crs="EPSG:32618"))
    assert result.count == 2
    assert "ground control points" in result.rendering.notes[0]
    assert min(result.findings, key=lambda f: f.box_xyxy).area_m2 == pytest.approx(400.0, rel=2e-3)


@pytest.mark.parametrize("exhaustive", [True, False])
def test_a_scene_without_a_valid_pixel_is_refused(tmp_path: Path, exhaustive: bool) -> None:
    """Not "nothing there": nobody has looked."""
    path = write(
        tmp_path / "empty.tif", np.zeros((300, 400, 3), np.uint8), nodata=0, crs="EPSG:32618", transform=NORTH_UP
    )
    reasoner, engine = exact_reasoner()
    with pytest.raises(ImageReadError) as caught:
        reasoner.survey(path, "Where?", tile_px=128, exhaustive=exhaustive)
    assert caught.value.code == "no_data"
    assert engine.seen == 0


def test_windows_without_data_are_skipped(tmp_path: Path) -> None:
    pixels = two_squares()
    pixels[:150, 170:] = 0
    pixels[pixels.max(axis=2) == 0] = 3
    pixels[:, :80] = 0
    path = write(tmp_path / "partly.tif", pixels, nodata=0, crs="EPSG:32618", transform=NORTH_UP)
    engine = ExactEngine(lambda shown: [])
    result = Reasoner(engine, BoxSegmenter()).survey(path, "Where?", tile_px=64, overlap_px=0, exhaustive=True)
    assert result.provenance.survey is not None
    assert result.provenance.survey["windows_empty"] == 5
    assert engine.seen == result.provenance.survey["windows_asked"] == 35 - 5


def test_a_hundred_thousand_pixels_a_side(tmp_path: Path) -> None:
    """Sparse, 30 GB if it were not: under 1.5 GB of memory, and only stored blocks are looked at."""
    script = Path(__file__).with_name("survey_memory.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "sparse.tif")],
        capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["mib"] < 1536
    assert [tuple(box) for box in told["boxes"]] == sorted((x, y, x + OBJECT_PX, y + OBJECT_PX) for x, y in PLACES)
    assert told["survey"]["windows_planned"] == 174 * 174
    assert told["survey"]["windows_asked"] < 60


def test_the_command_line_surveys_what_is_large(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scripted file answers every window alike; what matters is that there are windows, and that it is said."""
    path = write(tmp_path / "scene.tif", np.full((800, 1000, 3), 9, np.uint8), crs="EPSG:32618", transform=NORTH_UP)
    (tmp_path / "none.txt").write_text("<think>Fields.</think><answer>[]</answer>")
    given = ["--model", f"scripted:{tmp_path / 'none.txt'}", "--segmenter", "box"]
    assert main(["ask", str(path), "Where?", *given, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["provenance"]["survey"]["windows_asked"] == 4
    windows = ["--tile-px", "512", "--overlap", "128", "--exhaustive", "--gsd", "0.6", "--max-windows", "9"]
    assert main(["ask", str(path), "Where?", *given, *windows]) == 4
    shown = " ".join(capsys.readouterr().out.split())
    assert "4 windows of 512 × 512 px, 128 px overlap at 0.6 m a pixel: 100% of the scene" in shown
    assert main(["ask", str(path), "Where?", *given, "--overlap", "900"]) == 2
    assert "overlap_px must be 0 or more and less than tile_px 768" in " ".join(capsys.readouterr().err.split())
    assert main(["ask", str(path), "Where?", *given, "--task", "vqa", "--exhaustive"]) == 2
    assert main(["ask", str(path), "Where?", *given, "--max-side", "500", "--exhaustive"]) == 2
