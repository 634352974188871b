"""Roads: a crossing, a roundabout or a bend, with traffic, houses and trees beside them."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, Canvas
from remotereasoner.data.synth.families.streets import LANE_M, dashes, street, traffic
from remotereasoner.data.synth.geometry import Frame, box, disc, wander
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.objects.buildings import flat_roof, house
from remotereasoner.data.synth.objects.trees import scatter_trees
from remotereasoner.data.synth.objects.vehicles import draws_vehicles, vehicle

__all__ = ["BASES", "draw"]

BASES = ("grass", "lawn", "dry_grass", "paving", "soil")
_WHITE: Bgrn = (220, 222, 222, 206)


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.35, 0.65), dice.uniform(0.35, 0.65), dice.uniform(0, 2 * math.pi))
    kind = dice.weighted((("crossing", 4.0), ("roundabout", 4.0 if reach > 60 else 0.0), ("bend", 2.0)))
    busy = dice.uniform(0.2, 0.8)
    if kind == "bend":
        far = 0.9 * reach
        line = wander(
            dice, (-far, dice.uniform(-0.2, 0.2) * reach), (far, dice.uniform(-0.2, 0.2) * reach), 3, 0.2 * reach
        )
        street(canvas, at.px(line), dice.pick((2, 2, 4)), busy)
    elif kind == "crossing":
        _crossing(canvas, at, busy)
    else:
        _roundabout(canvas, at, busy)
    for _ in range(int(min(40, reach / 5))):
        place = at.at(dice.uniform(-0.7, 0.7) * reach, dice.uniform(-0.7, 0.7) * reach)
        if dice.chance(0.7):
            house(canvas, place, dice.uniform(9, 16), dice.uniform(7, 10))
        else:
            flat_roof(canvas, place, dice.uniform(15, 40), dice.uniform(10, 24), 9)
    scatter_trees(canvas, 30, on=("grass", "lawn", "dry_grass", "soil"))


def _crossing(canvas: Canvas, at: Frame, busy: float) -> None:
    dice = canvas.dice
    reach = canvas.extent_m
    lanes = dice.pick((2, 4, 4, 6)) if reach > 60 else 2
    minor = dice.pick((2, 4)) if reach > 60 else 2
    far = 1.5 * reach
    half, other = lanes * LANE_M / 2 + 0.75, minor * LANE_M / 2 + 0.75
    arms = [(half, 0.0, minor), (-half, 0.0, minor), (0.0, other, lanes), (0.0, -other, lanes)]
    material = dice.pick(("asphalt", "worn_asphalt"))
    canvas.ground(material, at.px(box(-other, -half, other, half)), layer=ROAD)
    for dx, dy, _ in arms:
        along_x = dy != 0.0
        start, number = (other, lanes) if along_x else (half, minor)
        sign = 1 if dx + dy > 0 else -1
        ends = ((sign * start, 0), (sign * far, 0)) if along_x else ((0, sign * start), (0, sign * far))
        street(canvas, at.px(np.linspace(ends[0], ends[1], 12)), number, busy, material=material)
        if canvas.gsd <= 0.5:
            for k in np.arange(-number * LANE_M / 2 + 0.5, number * LANE_M / 2, 1.1):
                stripe = box(sign * (start + 1), k, sign * (start + 4), k + 0.55)
                canvas.mark(at.px(stripe if along_x else stripe[:, ::-1]), _WHITE)
    for _ in range(4):
        place = at.at(dice.uniform(-other, other) * 0.7, dice.uniform(-half, half) * 0.7, dice.pick((0, math.pi / 2)))
        if dice.chance(busy * 0.5):
            vehicle(canvas, place)


def _roundabout(canvas: Canvas, at: Frame, busy: float) -> None:
    dice = canvas.dice
    reach = canvas.extent_m
    outer = min(dice.uniform(17, 38), 0.3 * reach)
    lanes = 2 if outer > 22 else 1
    inner = outer - lanes * 4.2 - 1.5
    material = dice.pick(("asphalt", "worn_asphalt"))
    number = dice.integer(3, 5)
    turn = dice.uniform(0, 6.3)
    for k in range(number):
        a = turn + (k + dice.uniform(-0.12, 0.12)) * 2 * math.pi / number
        ends = [(r * math.cos(a), r * math.sin(a)) for r in np.linspace(outer * 0.95, 1.5 * reach, 14)]
        street(canvas, at.px(ends), 2, busy, material=material)
        island = at.at(outer * 1.02 * math.cos(a), outer * 1.02 * math.sin(a), a)
        if canvas.gsd <= 0.6:
            canvas.mark(island.px([(0, -1.2), (9, 0), (0, 1.2)]), (132, 140, 144, 150))
    ring = at.px(disc(0, 0, outer, points=48))
    canvas.ground(material, ring, layer=ROAD)
    circle = [(ring, (0, 0, 0, 0))]
    if canvas.thing("roundabout", circle, avoid=0, claim=0, painted=False, min_visible=0.4) is None:
        canvas.unlabelled.add("roundabout")
    canvas.ground(dice.pick(("lawn", "grass", "paving")), at.px(disc(0, 0, inner, points=36)), layer=FLAT)
    canvas.line(at.px(disc(0, 0, inner, points=36)), (170, 176, 178, 170), 0.5, closed=True)
    if dice.chance(0.5):
        canvas.ground("paving", at.px(disc(0, 0, inner * 0.4, points=24)))
    lane = at.px(disc(0, 0, (inner + outer) / 2, points=48))
    if lanes == 2:
        dashes(canvas, lane, 2, 3)
    if draws_vehicles(canvas):
        for k in range(lanes):
            path = at.px(disc(0, 0, inner + 2.6 + 4.2 * k, points=48)[::-1])
            traffic(canvas, np.concatenate((path, path[:1])), 1, busy * 0.6)
