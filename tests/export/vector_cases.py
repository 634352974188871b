"""Scenes, masks and texts that every vector format has to stand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS
from rasterio.features import rasterize

from remotereasoner import Result
from remotereasoner.export.shaping import Shaped, shape_result
from result_fixtures import MakeResult, MakeScene, disc

SIZE = (60, 80)
COS, SIN = math.cos(math.radians(30)), math.sin(math.radians(30))

# name: EPSG code or None, and the transform or None
GRIDS: dict[str, tuple[int | None, Affine | None]] = {
    "utm": (32618, Affine(10, 0, 400_000, 0, -10, 4_200_000)),
    "rotated": (32618, Affine(10 * COS, 10 * SIN, 400_000, 10 * SIN, -10 * COS, 4_200_000)),
    "south-up": (32733, Affine(10, 0, 400_000, 0, 10, 6_200_000)),
    "feet": (2263, Affine(2, 0, 980_000, 0, -2, 200_000)),
    "over 180°": (4326, Affine(0.01, 0, 179.6, 0, -0.01, 10)),
    "around a pole": (3995, Affine(10_000, 0, -400_000, 0, -10_000, 300_000)),
    "transform only": (None, Affine(0.5, 0, 1000, 0, -0.5, 2000)),
    "no place": (None, None),
}
HOSTILE = (
    "<script>alert(1)</script>",
    "'; DROP TABLE findings; --",
    "=cmd|' /C calc'!A0",
    'a "quoted", line\r\nand another\ttab',
    "\x00NUL and half \ud83d a pair",
    "ünï 船 🚢 \u202egnp.exe",
    "x" * 10_000,
)
Located = Callable[[str], Result]


def frames() -> list[np.ndarray]:
    return [
        disc(SIZE, (40, 30), 20, hole=8),
        disc(SIZE, (40, 30), 3),  # in the hole of the first
        disc(SIZE, (10, 10), 6) | disc(SIZE, (66, 50), 8),  # in two parts
        np.pad(np.random.default_rng(3).random((10, 10)) > 0.5, ((5, 45), (60, 10))),  # corners that touch
        np.zeros(SIZE, dtype=bool),  # no mask: the box stands
    ]


@pytest.fixture
def located(make_scene: MakeScene, make_result: MakeResult) -> Located:
    """A result with all of :func:`frames` on one of :data:`GRIDS`."""

    def make(name: str, **changes: Any) -> Result:
        epsg, transform = GRIDS[name]
        scene = make_scene(SIZE, crs=None if epsg is None else CRS.from_epsg(epsg), transform=transform)
        return make_result(scene, frames(), **changes)

    return make


@pytest.fixture
def hostile(make_scene: MakeScene, make_result: MakeResult) -> Result:
    """A finding for each of :data:`HOSTILE`, as its label; the question is one of them too."""
    masks = [disc(SIZE, (8 + 10 * number, 30), 4) for number in range(len(HOSTILE))]
    return make_result(make_scene(SIZE), masks, labels=HOSTILE, question=HOSTILE[1], reasoning=HOSTILE[0])


def plain(result: Result) -> Shaped:
    return shape_result(result)


def expected_text(text: str) -> str:
    return text.replace("\x00", "\ufffd").replace("\ud83d", "\ufffd")


def assert_where_the_masks_are(result: Result, geometries: Any, transform: Affine | None) -> None:
    """Burnt back onto the scene's grid, the outlines give the masks, pixel by pixel."""
    grid = transform if transform is not None else Affine(1, 0, 0, 0, -1, 0)
    assert len(geometries) == result.count
    for finding, geometry in zip(result.findings, geometries, strict=True):
        assert geometry.is_valid
        drawn = rasterize([geometry], out_shape=SIZE, transform=grid, dtype=np.uint8).astype(bool)
        x1, y1, x2, y2 = (round(value) for value in finding.box_xyxy)
        expected = np.zeros(SIZE, dtype=bool)
        if finding.polygons.is_empty:
            expected[y1:y2, x1:x2] = True
        else:
            x, y = finding.mask.offset_xy
            height, width = finding.mask.mask.shape
            expected[y : y + height, x : x + width] = finding.mask.mask
        assert (drawn == expected).all()


def assert_counter_clockwise(geometries: Any) -> None:
    for part in shapely.get_parts(np.asarray(geometries, dtype=object)):
        assert part.exterior.is_ccw
        assert not any(hole.is_ccw for hole in part.interiors)


def read(path: Path, payload: bytes) -> Path:
    path.write_bytes(payload)
    return path
