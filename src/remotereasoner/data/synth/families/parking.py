"""Parking lots: bays in rows, lanes between them, before a large shop."""

from __future__ import annotations

import math

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.geometry import Frame, box
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.trees import scatter_trees, tree
from remotereasoner.data.synth.objects.vehicles import vehicle
from remotereasoner.data.synth.thing import Thing

__all__ = ["BASES", "draw", "lot"]

BASES = ("grass", "lawn", "paving", "dry_grass")
_BAY, _DEEP, _LANE = 2.6, 5.2, 6.5
_WHITE: Bgrn = (214, 216, 216, 200)


def lot(canvas: Canvas, at: Frame, bays: int, rows: int, full: float) -> Thing | None:
    """A lot around the origin: ``rows`` double rows of ``bays`` along x, a share ``full`` of them taken."""
    width, depth = bays * _BAY + 4, rows * (2 * _DEEP + _LANE) + 2
    a, b = width / 2, depth / 2
    dice = canvas.dice
    outline = at.px(box(-a, -b, a, b))
    colour: Bgrn = dice.pick(((104, 104, 102, 100), (84, 84, 82, 80), (128, 128, 126, 122)))
    thing = canvas.thing(
        "parking_lot", [(outline, colour)], avoid=SOLID | FLAT | ROAD, claim=FLAT, flat=True, min_visible=0.15
    )
    if thing is None:
        return None
    for row in range(rows):
        y0 = -b + 1 + row * (2 * _DEEP + _LANE)
        for y1, y2, turn in ((y0, y0 + _DEEP, 1), (y0 + _DEEP + _LANE, y0 + 2 * _DEEP + _LANE, -1)):
            for k in range(bays + 1):
                x = -a + 2 + k * _BAY
                canvas.line(at.px([(x, y1), (x, y2)]), _WHITE, 0.12)
                if k < bays and dice.chance(full):
                    nose = turn * math.pi / 2 * dice.pick((1, 1, -1))
                    place = at.at(
                        x + _BAY / 2, (y1 + y2) / 2 + dice.uniform(-0.3, 0.3), nose + dice.uniform(-0.03, 0.03)
                    )
                    vehicle(canvas, place, kind="van" if dice.chance(0.08) else "car")
    return thing


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.4, 0.6), dice.uniform(0.4, 0.6), dice.uniform(0, 2 * math.pi))
    rows = max(1, min(4, int(reach / 40)))
    bays = max(6, min(46, int(0.75 * reach / _BAY)))
    full = dice.uniform(0.25, 0.9)
    depth = rows * (2 * _DEEP + _LANE) + 2
    lot(canvas, at, bays, rows, full)
    street(canvas, at.px([(-2 * reach, -depth / 2 - 8), (2 * reach, -depth / 2 - 8)]), 2, 0.35)
    shop = min(dice.uniform(40, 110), 0.7 * reach)
    flat_roof(canvas, at.at(dice.uniform(-0.1, 0.1) * reach, depth / 2 + 8 + shop * 0.25), shop, shop * 0.45, 8)
    for side in (-1, 1):
        x = side * (bays * _BAY / 2 + 25)
        flat_roof(canvas, at.at(x, depth / 2 + 20), 22, 18, 6)
        lot(canvas, at.at(x + side * 14, -depth / 2 - 34), max(6, bays // 2), 1, dice.uniform(0.2, 0.9))
    for k in range(12):
        place = at.at((k - 5.5) * 9, -depth / 2 - 14)
        if dice.chance(0.7) and canvas.gsd <= 1:
            tree(canvas, place.x_px, place.y_px, dice.uniform(1.8, 3.2))
    scatter_trees(canvas, 16, on=("grass", "lawn", "dry_grass"))
