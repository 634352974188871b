"""Motorway junctions: a road above a road, ramps, traffic on both."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import DECK, ROAD, SOLID, Canvas
from remotereasoner.data.synth.families.streets import LANE_M, street, traffic
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, box, smooth
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.trees import scatter_trees
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("grass", "dry_grass", "lawn", "soil")


def draw(canvas: Canvas) -> None:
    """Draw one: the frame's x axis runs along the lower road."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.35, 0.65), dice.uniform(0.35, 0.65), dice.uniform(0, 2 * math.pi))
    for _ in range(dice.integer(1, 4)):
        x, y = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side)
        woods(canvas, blob(dice, x, y, dice.uniform(0.05, 0.15) * canvas.side, 0.3))
    lower = dice.pick((4, 6, 6, 8)) if reach > 130 else 4
    upper = dice.pick((2, 2, 4, 6)) if reach > 130 else 2
    busy = dice.uniform(0.2, 0.8)
    far = 1.6 * reach
    number = dice.integer(1, 2) if reach > 300 else 1
    crossings = [(k - (number - 1) / 2) * 0.4 * reach for k in range(number)]
    material = dice.pick(("asphalt", "worn_asphalt"))
    half = lower * LANE_M / 2 + 2.0
    slants = [dice.uniform(-0.35, 0.35) for _ in crossings]
    if reach > 200 and dice.chance(0.75):
        _ramps(canvas, at.at(crossings[0], 0), slants[0], (half, upper * LANE_M / 2), material, busy)
    main = at.px(np.linspace((-far, 0.0), (far, 0.0), 16))
    street(canvas, main, lower, 0.0, material=material)
    if canvas.gsd < 1.5:
        canvas.line(main, (86, 120, 110, 140), 1.2)
    decks = []
    for x, slant in zip(crossings, slants, strict=True):
        here = at.at(x, 0, math.pi / 2 + slant)
        decks.append((here, _deck(canvas, here, half, upper, material, far)))
    traffic(canvas, main, lower, busy, avoid=SOLID | DECK)
    for _, line in decks:
        traffic(canvas, line, upper, busy, avoid=SOLID)
    for _ in range(int(min(24, reach / 20))):
        place = at.at(dice.uniform(-0.7, 0.7) * reach, dice.uniform(-0.7, 0.7) * reach)
        flat_roof(canvas, place, dice.uniform(20, 60), dice.uniform(14, 30), 9)
    scatter_trees(canvas, 30, on=BASES)


def _deck(canvas: Canvas, here: Frame, half: float, lanes: int, material: str, far: float) -> FloatArray:
    dice = canvas.dice
    line = here.px(np.linspace((-far, 0.0), (far, 0.0), 16))
    street(canvas, line, lanes, 0.0, material=material)
    length = half * 1.25 + 5
    edge = lanes * LANE_M / 2 + 1.6
    for sign in (-1, 1):  # the banks that carry the road up
        bank = [
            (sign * length, -edge - 7),
            (sign * length * 3, -edge),
            (sign * length * 3, edge),
            (sign * length, edge + 7),
        ]
        canvas.line(here.px(bank), (104, 132, 126, 160), 0.8)
    kerb: Bgrn = dice.pick(((176, 182, 184, 176), (150, 156, 160, 154)))
    outline = here.px(box(-length, -edge, length, edge))
    if canvas.thing("overpass", [(outline, kerb)], avoid=0, claim=DECK, flat=True, min_visible=0.25) is None:
        canvas.unlabelled.add("overpass")
        return line
    canvas.ground(material, outline, layer=ROAD)
    canvas.mark(here.px(box(-length, -edge + 0.9, length, edge - 0.9)), (96, 96, 94, 92))
    away = 6.5
    per_m = np.array(canvas.sun) / canvas.gsd * away
    side = 1 if float(per_m @ (here.px([(0, 1)])[0] - here.px([(0, 0)])[0])) > 0 else -1
    strip = here.px([(-half, side * edge), (half, side * edge)])
    canvas.shade_polygon(np.concatenate((strip, strip[::-1] + per_m)))
    if canvas.gsd < 0.8:
        canvas.line(here.px([(-length, 0), (length, 0)]), (72, 180, 208, 170), 0.3)
    return line


def _ramps(
    canvas: Canvas, at: Frame, slant: float, halves_m: tuple[float, float], material: str, busy: float
) -> None:  # fmt: skip
    """Ramps of a junction at the origin. ``halves_m``: half widths of the lower and the upper road."""
    dice = canvas.dice
    lower, upper = halves_m
    size = min(0.36 * canvas.extent_m, dice.uniform(90, 160))
    along = np.array((-math.sin(slant), math.cos(slant)))  # of the upper road
    aside = np.array((math.cos(slant), math.sin(slant)))
    loops = dice.chance(0.5)
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        if dice.chance(0.15):
            continue
        low = [np.array((sx * size * f, sy * (lower - 2.5))) for f in (1.5, 1.1, 0.75)]
        high = [sy * along * size * f + sx * aside * (upper - 1.5) for f in (0.75, 1.1, 1.5)]
        if loops and sx * sy > 0:  # once around inside the corner, from one road to the other
            r = 0.3 * size
            centre = np.array((sx * (upper + r), sy * (lower + r - 1)))
            start = -sy * math.pi / 2
            t = start + np.linspace(-0.35, 1.5 * math.pi + 0.35, 30)
            ring = np.stack((centre[0] + r * np.cos(t), centre[1] + r * np.sin(t)), 1)
            line = smooth(ring, 1)
        else:
            line = smooth(np.array([*low, (low[2] + high[0]) / 2 * 0.72, *high]), 3)
        street(canvas, at.px(line), 1, busy * 0.5, material=material, markings=False)
