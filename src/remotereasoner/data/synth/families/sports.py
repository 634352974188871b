"""Sports grounds: courts in rows, a running track, diamonds, soccer fields, with paths, trees and a car park."""

from __future__ import annotations

import math

from remotereasoner.data.synth.canvas import ROAD, Canvas
from remotereasoner.data.synth.families.parking import lot
from remotereasoner.data.synth.geometry import Frame, box
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.courts import (
    baseball_diamond,
    basketball_court,
    running_track,
    soccer_field,
    tennis_court,
)
from remotereasoner.data.synth.objects.trees import scatter_trees

__all__ = ["BASES", "draw"]

BASES = ("lawn", "grass", "dry_grass")


def draw(canvas: Canvas) -> None:
    """Draw one. What is large is placed first."""
    dice = canvas.dice
    angle = dice.uniform(0, 2 * math.pi)
    at = canvas.frame(0.5, 0.5, angle)
    reach = canvas.extent_m
    if reach > 60:
        y = dice.pick((-0.42, 0.42)) * reach
        canvas.ground("asphalt", at.px(box(-reach, y, reach, y + 7)), layer=ROAD)

    def somewhere(spread: float = 0.38) -> Frame:
        place = at.at(dice.uniform(-spread, spread) * reach, dice.uniform(-spread, spread) * reach)
        return place.at(0, 0, dice.pick((0, math.pi / 2, math.pi, -math.pi / 2)))

    if reach > 110 and dice.chance(0.6):
        running_track(canvas, somewhere(0.2))
    if reach > 70:
        for _ in range(dice.integer(0, 3)):
            baseball_diamond(canvas, somewhere(), dice.pick((0.67, 1.0)))
        for _ in range(dice.integer(0, 3)):
            soccer_field(canvas, somewhere(), dice.uniform(90, 106), dice.uniform(58, 68))
    groups = max(2, min(8, int(reach / 60)))
    for _ in range(groups):
        corner = somewhere()
        columns, rows = dice.integer(1, 4), dice.integer(1, 2)
        tennis = dice.chance(0.6)
        dx, dy = (36.8, 18.2) if tennis else (32.0, 19.0)
        for i in range(columns):
            for j in range(rows):
                place = corner.at(dx * (j - (rows - 1) / 2), dy * (i - (columns - 1) / 2))
                (tennis_court if tennis else basketball_court)(canvas, place)
    for _ in range(dice.integer(0, 3)):
        flat_roof(canvas, somewhere(0.45), dice.uniform(18, 50), dice.uniform(12, 25), 7)
    if dice.chance(0.5):
        lot(canvas, somewhere(0.45), dice.integer(8, 20), dice.integer(1, 2), 0.6)
    scatter_trees(canvas, int(min(50, 12 + reach / 6)), on=BASES)
