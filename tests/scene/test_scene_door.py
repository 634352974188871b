"""The door: hostile rasters, in a process of their own; and what it says about honest ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from remotereasoner.errors import ImageReadError
from remotereasoner.scene import ReadLimits, open_raster, open_scene, raster_info

HERE = Path(__file__).parent
ALWAYS_HONEST = {"sidecar", "one-row", "file-kind"}
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("GDAL", "CPL", "PROJ"))}
"""The environment of a process that nobody hardened: what holds must hold there, and what is possible shows there."""


@pytest.fixture(scope="module", params=["ours-first", "rasterio-first"])
def outcomes(request, tmp_path_factory) -> tuple[list[dict], dict, Path]:
    """What happened to each case, and the summary, in a process that imported our package, or rasterio, first."""
    folder = tmp_path_factory.mktemp("hostile")
    command = [sys.executable, "-W", "ignore", str(HERE / "hostile_rasters.py"), str(folder)]
    if request.param == "rasterio-first":
        command.append("--rasterio-first")
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=600, check=True, env=BARE)
    *cases, summary = [json.loads(line) for line in done.stdout.splitlines()]
    return cases, summary | {"mode": request.param}, folder


def test_there_are_enough_cases(outcomes) -> None:
    cases, _, _ = outcomes
    assert len(cases) >= 90
    assert len({case["kind"] for case in cases}) >= 15


def test_every_case_ends_with_its_code(outcomes) -> None:
    cases, _, _ = outcomes
    assert [case for case in cases if case["code"] not in case["expected"]] == []


def test_no_byte_of_another_file_comes_out(outcomes) -> None:
    cases, _, _ = outcomes
    assert [case for case in cases if case["leaked"]] == []
    assert [case for case in cases if case["kind"] in ALWAYS_HONEST and not case["honest"]] == []


def test_nothing_was_fetched(outcomes) -> None:
    assert outcomes[1]["connections"] == 0


def test_only_our_drivers_are_registered(outcomes) -> None:
    _, summary, _ = outcomes
    if summary["mode"] == "ours-first":
        assert summary["drivers"] == []
    else:
        assert "VRT" in summary["drivers"]


def test_memory_stays_bounded(outcomes) -> None:
    assert max(case["mib"] for case in outcomes[0]) < 600


@pytest.mark.parametrize(
    ("name", "read"), [("msk", "read_masks(1)[:1, :64]"), ("ovr", "read(1, out_shape=(64, 64))[:1]")]
)
def test_the_sidecar_attack_is_real(outcomes, name: str, read: str) -> None:
    """Without our settings the same file gives the secret away: the tests above could fail."""
    folder = outcomes[2]
    script = (
        "import rasterio, sys; raster = rasterio.open(sys.argv[1], driver='GTiff');"
        f"sys.stdout.buffer.write(raster.{read}.tobytes())"
    )
    target = str(folder / "sidecar" / f"{name}_GTiff.tif")
    command = [sys.executable, "-W", "ignore", "-c", script, target]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=BARE)
    assert done.stdout[:24] == (folder / "secret.bin").read_bytes()[:24]


def test_settings_of_other_gdals_are_left_alone() -> None:
    """pyogrio brings its own GDAL and reads the same variables."""
    script = "import os, remotereasoner.scene; print('GDAL_SKIP' in os.environ, os.environ.get('GDAL_DRIVER_PATH'))"
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True, env=BARE)
    assert done.stdout.decode().split() == ["False", "None"]


def test_hardened_process_passes_it_on() -> None:
    script = (
        "from remotereasoner.scene import _gdal; import os; _gdal.harden_process();"
        "print(os.environ['GDAL_DISABLE_READDIR_ON_OPEN'], os.environ['PROJ_NETWORK'])"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().split() == ["EMPTY_DIR", "OFF"]


@pytest.mark.parametrize("driver", ["GTiff", "COG", "PNG", "JPEG", "JP2OpenJPEG"])
def test_formats_are_known_by_their_bytes(raster_factory, driver: str) -> None:
    path = raster_factory(name="picture.dat", driver=driver, dtype="uint8", count=3)
    with open_raster(path) as raster:
        assert raster.reader.driver == ("GTiff" if driver == "COG" else driver)
        assert raster.name == "picture.dat"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ReadLimits(max_declared_samples=100), "too_large"),
        (ReadLimits(max_bands=2), "too_many_bands"),
        (ReadLimits(max_block_bytes=100), "block_too_large"),
        (ReadLimits(max_decoded_bytes=100), "needs_overviews"),
        (ReadLimits(max_output_pixels=100), "output_too_large"),
    ],
)
def test_each_limit_is_settable(raster_factory, limits: ReadLimits, code: str) -> None:
    path = raster_factory(dtype="uint8", count=3)
    open_scene(path)
    with pytest.raises(ImageReadError) as caught:
        open_scene(path, limits=limits)
    assert caught.value.code == code


def test_unreadable_file_says_so(raster_factory) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = raster_factory(dtype="uint8")
    path.chmod(0)
    with pytest.raises(ImageReadError) as caught:
        raster_info(path)
    assert caught.value.code == "no_permission"


def test_relative_paths_and_odd_names(raster_factory, monkeypatch) -> None:
    path = raster_factory(name="naïve !über %20 (1).tif", dtype="uint8")
    monkeypatch.chdir(path.parent)
    assert open_scene(path.name).rendering.source == path.name
    assert open_scene(f"./{path.name}").pixels.tobytes() == open_scene(path).pixels.tobytes()


def test_complex_and_mixed_dtypes(raster_factory) -> None:
    scene = open_scene(raster_factory(dtype="complex64"))
    assert "magnitude of complex samples" in scene.rendering.notes
    assert np.ptp(scene.pixels) == 255


def test_message_names_the_file_and_not_its_bytes(tmp_path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(b"II*\0SECRETSECRET")
    with pytest.raises(ImageReadError, match=r"x\.tif is damaged") as caught:
        open_scene(path)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is not None
