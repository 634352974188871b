"""``ask --format``, ``--simplify`` and ``--right-angles``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from rasterio.transform import Affine

from remotereasoner.cli.main import main

TWO = "<think>Two tanks.</think><answer>[[10,20,40,50],[60,20,90,50]]</answer>"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    (tmp_path / "answer.txt").write_text(TWO)

    def run(*options: str, crs: str | None = "EPSG:32618") -> int:
        profile = {"driver": "GTiff", "height": 90, "width": 120, "count": 3, "dtype": "uint8"}
        if crs is not None:
            profile |= {"crs": crs, "transform": Affine(10, 0, 4e5, 0, -10, 4.2e6)}
            with rasterio.open("scene.tif", "w", **profile) as target:
                target.write(np.full((3, 90, 120), 90, dtype=np.uint8))
        else:
            from PIL import Image

            Image.fromarray(np.full((90, 120, 3), 90, dtype=np.uint8)).save("scene.tif", format="PNG")
        return main(
            [
                "ask",
                "scene.tif",
                "Where is oil stored?",
                "--model",
                "scripted:answer.txt",
                "--segmenter",
                "box",
                *options,
            ]
        )

    return run


def test_more_files(ask: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("-o", "out", "--format", "gpkg", "--format", "csv", "--simplify", "5", "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert {"gpkg", "csv", "geojson"} <= set(files)
    frame = pyogrio.read_dataframe(files["gpkg"], layer="findings")
    assert len(frame) == 2
    assert set(frame["simplified_m"]) == {5.0}


@pytest.mark.parametrize(
    ("options", "crs", "words"),
    [
        (["--format", "gpkg"], "EPSG:32618", "-o DIR"),
        (["--simplify", "0"], "EPSG:32618", "-o DIR"),
        (["-o", "out", "--format", "shp"], "EPSG:32618", "shp"),
        (["-o", "out", "--simplify", "-1"], "EPSG:32618", "0 m or more"),
        (["-o", "out", "--simplify", "2"], None, "no CRS"),
        (["-o", "out", "--right-angles", "0.8"], None, "no CRS"),
    ],
)
def test_impossible_wishes(
    options: list[str], crs: str | None, words: str, ask: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ask(*options, crs=crs) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_told_before_the_model_is_asked(
    ask: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from remotereasoner.cli import ask as module

    monkeypatch.setitem(sys.modules, "pyogrio.raw", None)
    monkeypatch.setattr(module, "_answer", lambda *_, **__: pytest.fail("the model was asked"))
    assert ask("-o", "out", "--format", "fgb") == 1
    assert "remotereasoner[vector]" in capsys.readouterr().err
