"""Boxes in scene pixels: sorted, clipped, dropped, counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from remotereasoner.policy.boxes import SceneBoxes, scene_boxes
from remotereasoner.policy.codec_families import PercentCodec, PixelCodec, Qwen25VLCodec, UnitCodec
from remotereasoner.policy.parsing.limits import ParseLimits, RawBox
from remotereasoner.types import BoxXyxy

HW = (400, 600)


def clean(*boxes: BoxXyxy | RawBox, codec: PixelCodec | PercentCodec | None = None, **limits: float) -> SceneBoxes:
    raw = [box if isinstance(box, RawBox) else RawBox(box) for box in boxes]
    return scene_boxes(raw, codec or PixelCodec(), grid_hw=HW, image_hw=HW, limits=ParseLimits(**limits))


def test_none_in_none_out() -> None:
    assert clean() == SceneBoxes()


@pytest.mark.parametrize(
    ("box", "kept", "clipped"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40), 0),
        ((30, 40, 10, 20), (10, 20, 30, 40), 0),
        ((-5, 20, 30, 40), (0, 20, 30, 40), 1),
        ((10, 20, 700, 500), (10, 20, 600, 400), 1),
        ((0, 0, 600, 400), (0, 0, 600, 400), 0),
        ((0, 0, 600 + 1e-9, 400), (0, 0, 600, 400), 0),
        ((-1e308, -1e308, 1e308, 1e308), (0, 0, 600, 400), 1),
    ],
)
def test_sorted_and_clipped(box: BoxXyxy, kept: BoxXyxy, clipped: int) -> None:
    found = clean(box)
    assert (found.boxes_xyxy, found.clipped) == ((kept,), clipped)


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (5, 5, 9, 5), (5, 5, 5.49, 9), (600, 0, 700, 9), (-9, 0, 0, 9), (math.nan, 1, 9, 9)]
)
def test_useless_boxes_are_counted(box: BoxXyxy) -> None:
    found = clean(box, (10, 20, 30, 40))
    assert (found.boxes_xyxy, found.dropped_degenerate, found.clipped) == (((10, 20, 30, 40),), 1, 0)


def test_half_a_pixel_is_enough_and_the_limit_can_be_set() -> None:
    assert clean((5, 5, 5.5, 5.5)).dropped_degenerate == 0
    assert clean((5, 5, 7, 7), min_side_px=3).dropped_degenerate == 1


def test_duplicates_are_counted_by_label() -> None:
    a, near, far = (0.0, 0.0, 100.0, 100.0), (0.0, 0.0, 100.0, 96.0), (0.0, 0.0, 100.0, 94.0)
    assert clean(a, a, near, far).dropped_duplicate == 2
    found = clean(RawBox(a, "x"), RawBox(a, "y"), RawBox(near, "x"))
    assert (found.labels, found.dropped_duplicate) == (("x", "y"), 1)
    assert clean(a, near, duplicate_iou=0.99).dropped_duplicate == 0


def test_over_limit_is_counted_after_the_useless_ones() -> None:
    boxes = [(float(i), 0.0, i + 1.0, 9.0) for i in range(50)]
    found = clean((1, 1, 1, 1), boxes[0], *boxes, max_boxes=20)
    assert len(found.boxes_xyxy) == 20
    assert (found.dropped_degenerate, found.dropped_duplicate, found.dropped_over_limit) == (1, 1, 30)


def test_points_follow_their_box_and_stay_inside() -> None:
    found = clean(
        RawBox((5, 5, 5, 5), points_xy=((1, 1),)),
        RawBox((10, 20, 30, 40), points_xy=((15, 25), (601, 5), (-1, 5), (600, 400))),
        RawBox((50, 20, 80, 40)),
    )
    assert found.points_xy == (((15, 25), (600, 400)), ())
    assert clean((10, 20, 30, 40)).points_xy == ()


def test_scales_of_both_axes_differ() -> None:
    found = scene_boxes(
        [RawBox((1988, 0, 994, 196), points_xy=((1491, 98),))],
        Qwen25VLCodec(),
        grid_hw=(392, 1988),
        image_hw=(600, 3000),
        limits=ParseLimits(),
    )
    np.testing.assert_allclose(found.boxes_xyxy, [(1500, 0, 3000, 300)])
    np.testing.assert_allclose(found.points_xy, [[(2250, 150)]])


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0, (280, 190, 320, 210)),
        (90, (290, 180, 310, 220)),
        (-90, (290, 180, 310, 220)),
        (180, (280, 190, 320, 210)),
        (45, (300 - 30 / 2**0.5, 200 - 30 / 2**0.5, 300 + 30 / 2**0.5, 200 + 30 / 2**0.5)),
    ],
)
def test_turned_boxes_are_enclosed(angle: float, expected: BoxXyxy) -> None:
    upright = (280 / 6, 190 / 4, 320 / 6, 210 / 4)
    found = clean(RawBox(upright, angle_deg=angle), codec=PercentCodec())
    np.testing.assert_allclose(found.boxes_xyxy, [expected], atol=1e-9)


def test_fractions() -> None:
    found = scene_boxes([RawBox((0.5, 0.25, 1, 1))], UnitCodec(), grid_hw=HW, image_hw=HW, limits=ParseLimits())
    assert found.boxes_xyxy == ((300, 100, 600, 400),)
