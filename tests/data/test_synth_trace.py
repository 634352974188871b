from __future__ import annotations

import numpy as np
from rasterio.features import rasterize

from remotereasoner.data.synth.trace import rings_of


def filled(rings: list[list[int]], shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    for ring in rings:
        points = list(zip(ring[::2], ring[1::2], strict=True))
        mask ^= rasterize([{"type": "Polygon", "coordinates": [[*points, points[0]]]}], shape, dtype="uint8")
    return mask


def test_one_pixel_is_its_square() -> None:
    mask = np.zeros((3, 4), np.uint8)
    mask[1, 2] = 255
    (ring,) = rings_of(mask, 10, 20)
    assert sorted(zip(ring[::2], ring[1::2], strict=True)) == [(12, 21), (12, 22), (13, 21), (13, 22)]


def test_corners_only() -> None:
    (ring,) = rings_of(np.full((5, 9), 255, np.uint8))
    assert len(ring) == 8


def test_random_masks_come_back_from_their_rings() -> None:
    rng = np.random.default_rng(0)
    for share in (0.05, 0.3, 0.5, 0.7, 0.95):
        for _ in range(12):
            mask = (rng.random((int(rng.integers(1, 24)), int(rng.integers(1, 24)))) < share).astype(np.uint8) * 255
            assert np.array_equal(filled(rings_of(mask), mask.shape), mask // 255)


def test_nothing_has_no_rings() -> None:
    assert rings_of(np.zeros((4, 4), np.uint8)) == []
