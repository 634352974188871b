"""Awkward and broken images in one folder: each has its outcome, named in ledger and report, and the rest goes on."""

from __future__ import annotations

import json
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from batch_world import command, write_script, write_tiff
from PIL import Image
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning

from remotereasoner import Result
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger_view import FinishedRow, LedgerView
from remotereasoner.cli.main import main
from remotereasoner.scene._gdal import gdal_env  # before rasterio

import rasterio  # isort: skip

NORTH_UP = Affine(2, 0, 5e5, 0, -2, 5e6)


def pixels(height: int = 40, width: int = 48, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_gcps(path: Path) -> None:
    corners = ((0, 0), (0, 48), (40, 0), (40, 48))
    points = [GroundControlPoint(row, col, 5e5 + 2 * col, 5e6 - 2 * row) for row, col in corners]
    facts = {"driver": "GTiff", "height": 40, "width": 48, "count": 3, "dtype": "uint8"}
    with gdal_env(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # until the points are set
        with rasterio.open(path, "w", **facts) as target:
            target.write(np.moveaxis(pixels(seed=4), 2, 0))
            target.gcps = (points, rasterio.CRS.from_epsg(32633))


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of everything that an archive may hold."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_tiff(folder / "plain.tif", pixels(seed=1), NORTH_UP)
    write_tiff(folder / "south_up.tif", pixels(seed=2), Affine(2, 0, 5e5, 0, 2, 5e6))
    write_tiff(folder / "rotated.tif", pixels(seed=3), Affine(1.7, 1, 5e5, 1, -1.7, 5e6))
    write_gcps(folder / "gcps.tif")
    write_tiff(folder / "lonlat.tif", pixels(seed=5), Affine(1e-4, 0, 14, 0, -1e-4, 45), "EPSG:4326")
    write_tiff(folder / "thin.tif", pixels(31, 6300, seed=6), NORTH_UP)
    write_tiff(folder / "large.tif", pixels(900, 800, seed=7), NORTH_UP)
    Image.fromarray(pixels(seed=8)).save(folder / "no_crs.png")
    write_tiff(folder / "one_band.tif", pixels(seed=9)[:, :, :1], NORTH_UP)
    (folder / "empty.tif").touch()
    (folder / "text.tif").write_text("this is no picture")
    whole = (folder / "plain.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    header = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    )
    (folder / "huge.png").write_bytes(header + b"\0\0\0\0")
    (folder / "gone.tif").symlink_to(folder / "nowhere.tif")
    (folder / "twin.tif").write_bytes(whole)
    return folder


def rows_of(out: Path) -> dict[str, FinishedRow]:
    with LedgerView(out) as view:
        return {row.name: row for row in view.all_finished()}


def run(folder: Path, out: Path, *options: str) -> dict[str, FinishedRow]:
    assert main(command(folder, out, write_script(folder.parent), options=options)) == 0
    return rows_of(out)


def test_each_has_its_outcome(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(odd, tmp_path / "out", "--format", "geojson")
    outcomes = {name: row.code or row.status for name, row in rows.items()}
    assert outcomes == {
        "plain.tif": "answered",
        "twin.tif": "answered",
        "south_up.tif": "answered",
        "rotated.tif": "answered",
        "gcps.tif": "answered",
        "lonlat.tif": "answered",
        "thin.tif": "answered",
        "large.tif": "answered",
        "no_crs.png": "answered",
        "one_band.tif": "answered",
        "empty.tif": "unknown_format",
        "text.tif": "unknown_format",
        "cut.tif": "broken",
        "huge.png": "broken",
        "gone.tif": "not_found",
    }
    assert {rows[name].summary["crs"] for name in ("plain.tif", "lonlat.tif", "no_crs.png")} == {
        "EPSG:32633", "EPSG:4326", None,
    }  # fmt: skip
    assert rows["plain.tif"].key == rows["twin.tif"].key
    assert "affine fitted to 4 ground control points" in rows["gcps.tif"].summary["notes"]
    assert rows["thin.tif"].summary["windows"] > 1
    assert rows["large.tif"].summary["share_looked_at"] > 0
    assert set(rows["no_crs.png"].files) == {"result.json", "findings_px.json"}
    assert set(rows["plain.tif"].files) == {"result.json", "findings.geojson"}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    told = json.dumps(report)
    for code in ("unknown_format", "broken", "not_found"):
        assert code in told
    failures = (tmp_path / "out" / "failures.csv").read_text()
    assert all(name in failures for name in ("empty.tif", "text.tif", "cut.tif", "huge.png", "gone.tif"))
    capsys.readouterr()


def test_results_are_placed_as_ask_places_them(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(odd, tmp_path / "out")
    capsys.readouterr()
    model = ["--model", write_script(tmp_path), "--segmenter", "box"]
    for name in ("south_up.tif", "rotated.tif", "gcps.tif", "large.tif", "no_crs.png"):
        assert main(["ask", str(odd / name), rows[name].question, "--json", *model]) == 0
        asked: dict[str, Any] = json.loads(capsys.readouterr().out)
        result = Result.read(item_folder(tmp_path / "out", rows[name].key))
        ours = result.to_dict()
        for document in (asked, ours):
            document.pop("files", None)
            document["provenance"] |= {"started_utc": "", "finished_utc": "", "seconds": {}, "versions": {}}
            document["completion"]["seconds"] = None
        assert ours == asked


def test_what_is_shaped_in_metres_needs_a_crs(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(odd, tmp_path / "out", "--format", "geojson", "--simplify", "1")
    assert rows["no_crs.png"].code == "no_crs"
    assert rows["plain.tif"].status == "answered"


def test_bands_that_are_not_there(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(odd, tmp_path / "out", "--bands", "3,2,1")
    assert rows["one_band.tif"].code == "usage"
    assert rows["plain.tif"].status == "answered"


def test_words_about_thin_pictures(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write_script(tmp_path, "<think>.</think><answer>Three</answer>")
    args = ["batch", str(odd), "How many?", "--task", "vqa", "-o", str(tmp_path / "out"), "--model", script]
    assert main([*args, "--segmenter", "box"]) == 0
    rows = rows_of(tmp_path / "out")
    assert rows["thin.tif"].code == "too_thin"
    assert rows["plain.tif"].summary["text"] == "Three"
    assert rows["plain.tif"].summary["count"] is None


def test_an_overlap_larger_than_the_tile_is_refused_at_once(
    odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--tile-px", "256", "--overlap", "300")
    assert main(command(odd, tmp_path / "out", write_script(tmp_path), options=options)) == 2
    assert "overlap_px must be 0 or more and less than tile_px 256" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_that_became_readable_is_taken_in(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(odd, tmp_path / "out")
    (odd / "gone.tif").unlink()
    write_tiff(odd / "gone.tif", pixels(seed=20), NORTH_UP)
    write_tiff(odd / "plain.tif", pixels(seed=21), NORTH_UP)
    before = rows_of(tmp_path / "out")
    rows = run(odd, tmp_path / "out")
    assert rows["gone.tif"].status == "answered"
    assert rows["plain.tif"].key not in (before["plain.tif"].key, rows["twin.tif"].key)
    assert rows["twin.tif"].key == before["twin.tif"].key
    assert len(rows) == len(before)
