"""True masks from PNGs, polygons and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rasterio.features import rasterize

from remotereasoner.data.samples import Sample
from remotereasoner.errors import SampleError
from remotereasoner.evaluation.truth import boxes_as_mask, check_mask, polygon_mask, true_mask

SQUARE = ((2.0, 1.0), (6.0, 1.0), (6.0, 5.0), (2.0, 5.0))
HOLE = ((3.0, 2.0), (5.0, 2.0), (5.0, 4.0), (3.0, 4.0))


def sample(**fields: Any) -> Sample:
    return Sample(**{"id": "s", "image": "i.png", "query": "?", "boxes": ((2.0, 1.0, 6.0, 5.0),), **fields})


def test_polygons_with_holes_parts_and_edges() -> None:
    assert polygon_mask([SQUARE], (8, 8)).area_px == 16
    ring = polygon_mask([SQUARE, HOLE], (8, 8)).to_mask()
    assert ring.sum() == 12
    assert not ring[2:4, 3:5].any()
    beyond = polygon_mask([((-5.0, -5.0), (3.0, -5.0), (3.0, 3.0), (-5.0, 3.0))], (8, 8))
    assert beyond.area_px == 9
    assert polygon_mask([((20.0, 20.0), (30.0, 20.0), (30.0, 30.0))], (8, 8)).area_px == 0
    both = true_mask(sample(boxes=((0.0, 0.0, 1.0, 1.0),) * 2, polygons=((SQUARE,), (SQUARE,))), "", (8, 8))
    assert both is not None
    assert both.area_px == 16


def test_polygons_as_gdal_fills_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        rings = [
            [tuple(point) for point in rng.uniform(-6, 36, (rng.integers(3, 9), 2))] for _ in range(rng.integers(1, 3))
        ]
        theirs = np.zeros((30, 24), dtype=np.bool_)
        for ring in rings:
            shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
            theirs ^= rasterize([shape], out_shape=(30, 24), dtype="uint8") > 0
        found = polygon_mask(rings, (30, 24))
        assert (np.diff(found.edges) > 0).all()
        np.testing.assert_array_equal(found.to_mask(), theirs)


def test_a_mask_file(tmp_path: Path) -> None:
    pixels = np.zeros((6, 9), dtype=np.uint8)
    pixels[2:4, 3:7] = 1  # 0/1 and 0/255 alike
    Image.fromarray(pixels).save(tmp_path / "m.png")
    one = sample(mask="m.png")
    check_mask(tmp_path, one, (6, 9))
    found = true_mask(one, tmp_path, (6, 9))
    assert found is not None
    np.testing.assert_array_equal(found.to_mask(), pixels > 0)
    with pytest.raises(SampleError, match="has 9 x 6 px, its image 6 x 9"):
        check_mask(tmp_path, one, (9, 6))
    Image.fromarray(np.zeros((6, 9, 3), dtype=np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(SampleError, match="one channel"):
        true_mask(one, tmp_path, (6, 9))
    (tmp_path / "m.png").write_bytes(b"no image")
    with pytest.raises(SampleError, match="not an image"):
        true_mask(one, tmp_path, (6, 9))
    (tmp_path / "m.png").unlink()
    with pytest.raises(SampleError, match="No such file"):
        check_mask(tmp_path, one, (6, 9))


def test_a_truncated_mask_file(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SampleError, match="damaged"):
        true_mask(sample(mask="m.png"), tmp_path, (64, 64))


def test_boxes_alone_say_nothing_of_masks_but_none_do() -> None:
    assert true_mask(sample(), "", (8, 8)) is None
    none = true_mask(sample(boxes=()), "", (8, 8))
    assert none is not None
    assert none.area_px == 0


def test_boxes_stand_in_for_masks() -> None:
    found = boxes_as_mask([(0.0, 0.0, 3.0, 8.0), (2.0, 2.0, 5.0, 4.0), (90.0, 0.0, 99.0, 1.0)], (8, 8))
    frame = np.zeros((8, 8), dtype=np.bool_)
    frame[:, :3] = True
    frame[2:4, 2:5] = True
    np.testing.assert_array_equal(found.to_mask(), frame)
    assert (np.diff(found.edges) > 0).all()
