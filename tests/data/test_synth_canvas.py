from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.data.synth.canvas import FLAT, SOLID, Canvas
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.geometry import Frame, blob, box, disc, ribbon

PINK = (201, 101, 251, 151)


def canvas(side: int = 128) -> Canvas:
    return Canvas(side, 1.0, Dice("test"), "grass")


@pytest.mark.parametrize("flat", [True, False])
def test_the_mask_is_what_was_painted(flat: bool) -> None:
    """Also for several parts, slanted, and cut by each side of the frame."""
    dice = Dice("shapes")
    for number in range(40):
        c = canvas()
        at = Frame(dice.uniform(-5, 133), dice.uniform(-5, 133), dice.uniform(0, 6.3), 1.0)
        parts = [(at.px(box(-20, -3, 20, 3)), PINK), (at.px(disc(4, 2, 9, 5)), PINK)]
        thing = c.thing("ship", parts, flat=flat, min_visible=0.0)
        painted = (c.render() == PINK).all(2)
        mask = np.zeros((128, 128), bool)
        if thing is not None:
            x1, y1, x2, y2 = thing.box
            mask[y1:y2, x1:x2] = thing.mask > 0
        assert np.array_equal(painted, mask), number


def test_taken_places_are_left_alone() -> None:
    c = canvas()
    square = box(20, 20, 60, 60)
    assert c.thing("building", [(square, PINK)]) is not None
    assert c.thing("building", [(square + 10, PINK)]) is None
    assert c.thing("building", [(square + 50, PINK)]) is not None
    assert c.thing("tennis_court", [(square + 10, PINK)], avoid=FLAT) is not None
    assert len(c.things) == 3
    assert not c.is_free(square, SOLID)
    assert c.is_free(box(200, 200, 240, 240), SOLID)


def test_too_little_or_too_small_is_not_drawn() -> None:
    c = canvas()
    before = c.render()
    c = canvas()
    assert c.thing("ship", [(box(-100, 10, 5, 30), PINK)], min_visible=0.4) is None
    assert c.thing("ship", [(box(10, 10, 60, 11), PINK)]) is None
    assert c.thing("ship", [(box(300, 10, 360, 40), PINK)]) is None
    assert np.array_equal(c.render(), before)


def test_buildings_cut_areas_and_vehicles_do_not() -> None:
    c = canvas()
    c.thing("building", [(box(10, 10, 40, 40), PINK)])
    c.thing("vehicle", [(box(60, 60, 90, 90), PINK)])
    vegetation = c.areas()["vegetation"] > 0
    assert not vegetation[15:35, 15:35].any()
    assert vegetation[65:85, 65:85].all()


def test_shadows_fall_away_from_one_sun() -> None:
    c = canvas()
    grass = c.render()
    c = canvas()
    c.thing("building", [(box(50, 50, 70, 70), PINK)], height_m=15)
    dark = c.render().sum(2).astype(int) < grass.sum(2).astype(int) - 60
    dark[49:72, 49:72] = False
    ys, xs = np.nonzero(dark)
    assert len(ys) > 50
    shift = np.array((xs.mean() - 60, ys.mean() - 60))
    sun = np.array(c.sun)
    assert shift @ sun / (np.linalg.norm(shift) * np.linalg.norm(sun)) > 0.9


def test_a_frame_turns_and_scales() -> None:
    at = Frame(10, 20, np.pi / 2, 2.0)
    assert np.allclose(at.px([(3, 0), (0, 3)]), [(10, 26), (4, 20)])
    assert np.allclose(at.at(3, 0).px([(0, 0)]), [(10, 26)])


def test_outlines() -> None:
    line = np.array(((0.0, 0.0), (10.0, 0.0), (20.0, 0.0)))
    assert np.allclose(sorted(ribbon(line, 4).tolist()), sorted([[x, y] for x in (0, 10, 20) for y in (-2, 2)]))
    around = blob(Dice("b"), 5, 6, 10, 0.2)
    assert np.abs(np.hypot(*(around - (5, 6)).T) - 10).max() < 4
