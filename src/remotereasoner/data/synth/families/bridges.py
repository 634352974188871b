"""Bridges: roads across a river, with the town or the fields on both banks."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.families.farms import fields
from remotereasoner.data.synth.families.river import course
from remotereasoner.data.synth.families.streets import LANE_M, street, traffic
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, box
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.objects.buildings import flat_roof, house
from remotereasoner.data.synth.objects.ships import ship
from remotereasoner.data.synth.objects.trees import scatter_trees
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("grass", "meadow", "lawn", "dry_grass")


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.4, 0.6), dice.uniform(0.4, 0.6), dice.uniform(0, 2 * math.pi))
    town = reach < 1600 and dice.chance(0.6)
    if not town and canvas.gsd >= 1:
        fields(canvas, canvas.frame(0.5, 0.5, at.angle), 1.5 * reach, 1.5 * reach, 5, gap=max(4.0, canvas.gsd))
    for _ in range(dice.integer(1, 4)):
        x, y = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side)
        woods(canvas, blob(dice, x, y, dice.uniform(0.05, 0.14) * canvas.side, 0.3))
    width = max(14 * canvas.gsd, min(dice.uniform(0.12, 0.35) * reach, 900.0))
    line = course(canvas, at, width, swing=dice.uniform(0.0, 0.08), bends=dice.integer(1, 2))
    lanes = dice.pick((2, 4, 4, 6)) if reach > 250 else 2
    lanes = max(lanes, math.ceil(3.4 * canvas.gsd / LANE_M))
    number = 1 if reach < 400 else dice.integer(1, 3)
    places = [(k - (number - 1) / 2) * reach * dice.uniform(0.24, 0.34) for k in range(number)]
    for x in places:
        _bridge(canvas, at, x, line, width, lanes, dice.uniform(-0.25, 0.25))
    if town:
        for _ in range(int(min(60, reach / 8))):
            place = at.at(dice.uniform(-0.7, 0.7) * reach, dice.uniform(-0.7, 0.7) * reach, dice.pick((0, math.pi / 2)))
            if not canvas.resolves(8, 4):
                break
            if dice.chance(0.5):
                house(canvas, place, dice.uniform(10, 16), dice.uniform(8, 10))
            else:
                flat_roof(canvas, place, dice.uniform(20, 60), dice.uniform(12, 24), 12)
    for _ in range(dice.integer(0, 3)):
        size = max(dice.uniform(14, 26) * canvas.gsd, 16)
        if size < min(120, 0.8 * width):
            k = dice.integer(0, len(line) - 2)
            heading = math.atan2(*(line[k + 1] - line[k])[::-1])
            place = at.at(float(line[k, 0]), float(line[k, 1]) + dice.uniform(-0.15, 0.15) * width, heading)
            ship(canvas, place, size, kind="yacht" if size < 30 else "barge", avoid=SOLID | ROAD)
    scatter_trees(canvas, 24, on=("grass", "meadow", "lawn", "dry_grass"))


def _bridge(
    canvas: Canvas, at: Frame, x: float, line: FloatArray, width: float, lanes: int, slant: float
) -> None:  # fmt: skip
    """A road across at ``x``; the label is the deck from bank to bank."""
    dice = canvas.dice
    y = float(np.interp(x, line[:, 0], line[:, 1]))
    here = at.at(x, y, math.pi / 2 + slant)
    half = width * 0.5 * 1.22 / max(0.6, math.cos(slant)) + 4
    far = 2.0 * canvas.extent_m
    material = dice.pick(("asphalt", "worn_asphalt"))
    busy = dice.uniform(0.1, 0.6)
    road = np.linspace((-far, 0.0), (far, 0.0), 10)
    street(canvas, here.px(road), lanes, 0.0, material=material)
    edge = (lanes * LANE_M + 4.0) / 2
    kerb: Bgrn = dice.pick(((170, 176, 178, 172), (140, 146, 150, 144), (96, 108, 150, 120)))
    outline = here.px(box(-half, -edge, half, edge))
    canvas.take(outline, FLAT)
    thing = canvas.thing(
        "bridge", [(outline, kerb)], avoid=0, claim=ROAD, flat=True, min_visible=0.25, height_m=12.0
    )  # fmt: skip
    if thing is None:
        canvas.mark(outline, kerb)
        canvas.unlabelled.add("bridge")
    deck = max(0.55, (lanes * LANE_M + 1.2) / (2 * edge)) * edge
    canvas.ground(material, here.px(box(-half, -edge, half, edge)))
    canvas.mark(here.px(box(-half - 1, -deck, half + 1, deck)), (98, 98, 96, 94))
    if canvas.gsd < 0.8:
        canvas.line(here.px([(-half, 0), (half, 0)]), (206, 208, 208, 190), 0.3)
    if canvas.gsd < 3 and dice.chance(0.3):  # the arches or towers of the structure
        for s in (-1, 1):
            canvas.line(
                here.px([(-half * 0.8, s * edge * 0.95), (half * 0.8, s * edge * 0.95)]), (190, 196, 200, 180), 1.5
            )
            for k in (-0.4, 0.4):
                canvas.body(
                    here.px(box(half * k - 2, s * edge - 1.0, half * k + 2, s * edge * 0.9)), (200, 204, 206, 190)
                )
    traffic(canvas, here.px(road), lanes, busy)
