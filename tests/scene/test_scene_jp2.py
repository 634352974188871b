from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from remotereasoner.errors import ImageReadError
from remotereasoner.scene import open_scene
from remotereasoner.scene.jp2 import declared_tiles
from remotereasoner.scene.limits import ReadLimits

import rasterio  # isort: skip


@pytest.fixture
def tiled(tmp_path: Path) -> Path:
    """100 x 70 pixels in tiles of 32 x 32: 4 x 3 of them."""
    path = tmp_path / "tiled.jp2"
    pixels = np.random.default_rng(0).integers(0, 255, (3, 70, 100), dtype=np.uint8)
    place = {"crs": "EPSG:32618", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)}
    layout = {"driver": "JP2OpenJPEG", "blockxsize": 32, "blockysize": 32, "REVERSIBLE": "YES", "QUALITY": "100"}
    with rasterio.open(path, "w", width=100, height=70, count=3, dtype="uint8", **layout, **place) as target:
        target.write(pixels)
    return path


def declaring(path: Path, width: int, height: int) -> Path:
    """The same file, its SIZ marker changed."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\x4f\xff\x51") + 8
    data[at : at + 8] = struct.pack(">2I", width, height)
    changed = path.with_name(f"{width}.jp2")
    changed.write_bytes(data)
    return changed


def test_tiles_are_counted(tiled: Path) -> None:
    assert declared_tiles(tiled) == 12
    assert declared_tiles(declaring(tiled, 64, 32)) == 2
    assert open_scene(tiled).pixels.shape == (70, 100, 3)


def test_a_kilobyte_that_declares_many_tiles_is_not_opened(tiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = declaring(tiled, 32, 32 * 16_385)
    assert declared_tiles(bomb) == 16_385
    opened: list[object] = []
    monkeypatch.setattr(rasterio, "open", lambda *args, **_: opened.append(args))
    with pytest.raises(ImageReadError, match=r"declares 16385 tiles; 16384 are read at most") as caught:
        open_scene(bomb)
    assert caught.value.code == "too_large"
    assert not opened


def test_the_limit_is_the_callers(tiled: Path) -> None:
    assert open_scene(tiled, limits=ReadLimits(max_jp2_tiles=12)).pixels.shape == (70, 100, 3)
    with pytest.raises(ImageReadError, match="12 tiles; 11 are"):
        open_scene(tiled, limits=ReadLimits(max_jp2_tiles=11))


def boxed(path: Path, *boxes: bytes) -> Path:
    """The same file with boxes before the codestream's."""
    data = path.read_bytes()
    at = data.index(b"jp2c") - 4
    changed = path.with_name("boxed.jp2")
    changed.write_bytes(data[:at] + b"".join(boxes) + data[at:])
    return changed


def test_boxes_before_the_codestream_are_passed_over(tiled: Path) -> None:
    fake = b"\xff\x4f\xff\x51" + bytes(40)  # within another box: not the codestream
    short = struct.pack(">I4s", 8 + len(fake), b"uuid") + fake
    long = struct.pack(">I4sQ", 1, b"xml ", 16 + 5) + b"<a/> "
    assert declared_tiles(boxed(tiled, short, long)) == 12


@pytest.mark.parametrize(
    "box",
    [
        struct.pack(">I4s", 0, b"xml "),  # to the end of the file
        struct.pack(">I4s", 7, b"xml "),  # shorter than its own head
        struct.pack(">I4sQ", 1, b"xml ", 3),
        struct.pack(">I4sQ", 1, b"xml ", (1 << 64) - 1),
    ],
)
def test_nonsense_boxes_end_the_search(tiled: Path, box: bytes) -> None:
    assert declared_tiles(boxed(tiled, box)) is None


@pytest.mark.parametrize("size", [0, 5, 12, 60, 90])
def test_cut_files_have_no_tiles(tiled: Path, size: int) -> None:
    cut = tiled.with_name("cut.jp2")
    cut.write_bytes(tiled.read_bytes()[:size])
    assert declared_tiles(cut) is None


def test_a_chain_of_boxes_has_an_end(tiled: Path) -> None:
    assert declared_tiles(boxed(tiled, struct.pack(">I4s", 8, b"free") * 5000)) is None
