from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.training.nano.crops import CropSampler
from remotereasoner.training.nano.overhead import LabelledImage

WATER = AREAS.index("water")
SIDE = 192
GROUND, BRIGHT = 40, 240


def labelled(pixels: np.ndarray, boxes: list[list[float]], **changes: Any) -> LabelledImage:
    facts: dict[str, Any] = {
        "pixels": pixels,
        "boxes_xyxy": np.array(boxes, float).reshape(-1, 4),
        "classes": np.arange(len(boxes)) % len(THINGS),
        "negative_weights": np.linspace(0, 1, len(THINGS)),
        "area_values": None,
        "area_known": np.zeros(len(AREAS), bool),
        "area_presence": np.full(len(AREAS), -1),
        "source_set": "test",
        "scene": None,
        "multilabels": (),
    }
    return LabelledImage(**(facts | changes))


def one_rectangle(height: int, width: int, box: tuple[int, int, int, int], **changes: Any) -> LabelledImage:
    pixels = np.full((height, width, 3), GROUND, np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = BRIGHT
    return labelled(pixels, [list(box)], **changes)


class Uncoloured(CropSampler):
    """Geometry alone."""

    def _colour(self, pixels: np.ndarray) -> np.ndarray:
        return pixels


@pytest.mark.parametrize(("height", "width"), [(500, 400), (300, 700), (120, 100)])
def test_boxes_stay_on_their_pixels(height: int, width: int) -> None:
    box = (width // 3, height // 3, width // 3 + 60, height // 3 + 25)
    sampler = Uncoloured([one_rectangle(height, width, box)], SIDE, 0)
    checked = tall = 0
    for _ in range(60):
        crop = sampler.draw()
        assert crop.pixels.shape == (SIDE, SIDE, 3)
        bright = crop.pixels[..., 0] > (GROUND + BRIGHT) / 2
        if not len(crop.boxes_xyxy):
            continue
        (found,) = crop.boxes_xyxy
        rows, cols = np.nonzero(bright)
        seen = cols.min(), rows.min(), cols.max() + 1, rows.max() + 1
        assert np.abs(found - seen).max() <= 2
        assert crop.classes.tolist() == [0]
        checked += 1
        tall += found[3] - found[1] > found[2] - found[0]
    assert checked > 20
    assert 0 < tall < checked, "quarter turns occur, and so does none"


def test_what_is_cut_to_less_than_half_or_to_a_sliver_is_no_box() -> None:
    box = (300, 300, 420, 420)
    sampler = Uncoloured([one_rectangle(800, 800, box)], SIDE, 1)
    shares = []
    for _ in range(120):
        crop = sampler.draw()
        visible = (crop.pixels[..., 0] > (GROUND + BRIGHT) / 2).sum()
        if len(crop.boxes_xyxy):
            x1, y1, x2, y2 = crop.boxes_xyxy[0]
            assert min(x2 - x1, y2 - y1) > 3
            assert 0 <= x1 < x2 <= SIDE
            assert 0 <= y1 < y2 <= SIDE
            shares.append(visible / ((x2 - x1) * (y2 - y1)))
        else:
            assert visible < 0.45 * (120 * 1.55) ** 2
    assert len(shares) > 30
    assert np.abs(np.array(shares) - 1).max() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_area_targets_turn_with_the_pixels(seed: int) -> None:
    height, width = 400, 520
    values = np.zeros((height, width), np.uint8)
    values[90:230, 120:400] = WATER + 1
    known = np.zeros(len(AREAS), bool)
    known[WATER] = True
    picture = one_rectangle(height, width, (120, 90, 400, 230), area_values=values, area_known=known)
    sampler = Uncoloured([picture], SIDE, seed)
    cells = SIDE // 8
    for _ in range(20):
        crop = sampler.draw()
        assert crop.area_targets.shape == crop.area_weights.shape == (len(AREAS), cells, cells)
        bright = (crop.pixels[..., 0] > (GROUND + BRIGHT) / 2).reshape(cells, 8, cells, 8).mean((1, 3))
        assert np.abs(crop.area_targets[WATER] - bright).mean() < 0.03
        assert not np.delete(crop.area_targets, WATER, axis=0).any()
        assert not np.delete(crop.area_weights, WATER, axis=0).any()
        outside = (crop.pixels == 114).all(-1).reshape(cells, 8, cells, 8).mean((1, 3))
        assert np.abs(crop.area_weights[WATER] - (1 - outside)).mean() < 0.03


def test_unknown_pixels_do_not_count() -> None:
    values = np.full((SIDE * 4, SIDE * 4), 255, np.uint8)
    known = np.ones(len(AREAS), bool)
    sampler = Uncoloured(
        [one_rectangle(SIDE * 4, SIDE * 4, (5, 5, 50, 50), area_values=values, area_known=known)], SIDE, 0
    )
    for _ in range(5):
        crop = sampler.draw()
        assert not crop.area_weights.any()
        assert not crop.area_targets.any()


def test_an_area_that_is_absent_is_known_inside_the_image_only() -> None:
    presence = np.array([-1, 0, 1, -1])
    sampler = Uncoloured([one_rectangle(150, 1200, (20, 20, 90, 90), area_presence=presence)], SIDE, 0)
    for _ in range(10):
        crop = sampler.draw()
        assert crop.area_presence.tolist() == presence.tolist()
        assert set(np.unique(crop.area_weights[1])) <= {0.0, 0.5}
        assert not crop.area_weights[[0, 2, 3]].any()
        outside = (crop.pixels == 114).all(-1).reshape(SIDE // 8, 8, SIDE // 8, 8).mean((1, 3))
        assert np.abs(crop.area_weights[1] * 2 - (1 - outside)).mean() < 0.06


def test_the_same_seed_draws_the_same_crops() -> None:
    images = [one_rectangle(400, 400, (50, 60, 120, 90)), one_rectangle(300, 500, (200, 100, 290, 190))]
    draws = [
        [sampler.draw() for _ in range(4)] for sampler in (CropSampler(images, SIDE, 5), CropSampler(images, SIDE, 5))
    ]
    for a, b in zip(*draws, strict=True):
        assert np.array_equal(a.pixels, b.pixels)
        assert np.array_equal(a.boxes_xyxy, b.boxes_xyxy)
    other = CropSampler(images, SIDE, 6).draw()
    assert not np.array_equal(other.pixels, draws[0][0].pixels)


def test_colours_change_and_places_do_not() -> None:
    pixels = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    pixels[50:100, 40:140] = BRIGHT
    sampler = CropSampler([labelled(pixels, [[40, 50, 140, 100]])], SIDE, 0)
    for _ in range(20):
        changed = sampler._colour(pixels)
        assert changed.dtype == np.uint8
        assert not np.array_equal(changed, pixels)
        level = changed.astype(float).mean(-1)
        inside = level[50:100, 40:140].mean()
        outside = np.r_[level[:45].ravel(), level[105:].ravel()].mean()
        assert inside > outside + 80


def test_rare_classes_are_drawn_more_often() -> None:
    common = [one_rectangle(64, 64, (5, 5, 30, 30)) for _ in range(99)]
    rare = labelled(np.zeros((64, 64, 3), np.uint8), [[5, 5, 30, 30]], classes=np.array([3]))
    p = CropSampler([*common, rare], SIDE, 0).probabilities
    assert p.sum() == pytest.approx(1)
    assert p[-1] == pytest.approx(5 * p[0])  # the square root of 25 % over 1 %


def test_drawn_coasts_know_where_the_water_is() -> None:
    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 250
    land = labelled(red, [], source_set="ucmerced", multilabels=("bare-soil",))
    sea = labelled(red, [], source_set="ucmerced", multilabels=("sea",))
    sampler = Uncoloured([land, sea], SIDE, 0)
    assert sampler.textures == [land], "water is no texture of land"
    redder = 0
    for _ in range(30):
        crop = sampler._coast()
        share = crop.area_targets[WATER]
        assert len(crop.boxes_xyxy) == len(crop.classes) == 0
        assert (crop.area_weights[WATER] == 1).all()
        assert 0.05 < share.mean() < 0.8
        assert crop.area_presence.tolist() == [-1] * len(AREAS)
        wet = np.kron(share == 1, np.ones((8, 8), bool))
        dry = np.kron(share == 0, np.ones((8, 8), bool))
        redness = crop.pixels[..., 0].astype(float) - crop.pixels[..., 2]
        redder += np.median(redness[dry]) > np.median(redness[wet])
    assert redder >= 27


def test_coasts_are_drawn_as_often_as_asked() -> None:
    land = labelled(np.full((64, 64, 3), 90, np.uint8), [], source_set="ucmerced", multilabels=("bare-soil",))
    for share in (0.0, 1.0):
        sampler = Uncoloured([land], 64, 0, coast_share=share)
        assert all(sampler.draw().area_weights.any() == bool(share) for _ in range(10))


def test_the_synthetic_world_is_drawn_as_often_as_asked() -> None:
    real = labelled(np.full((200, 200, 3), 10, np.uint8), [])
    drawn = labelled(np.full((200, 200, 3), 240, np.uint8), [])
    sampler = CropSampler([real], SIDE, 0, coast_share=0.0, world=[drawn], world_share=0.3)
    share = np.mean([np.median(sampler.draw().pixels) > 125 for _ in range(300)])
    assert 0.22 < share < 0.38
    assert CropSampler([real], SIDE, 0).world_share == 0.0
