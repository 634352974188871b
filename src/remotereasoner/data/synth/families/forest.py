"""Forest with clearings, tracks and lakes."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth.canvas import ROAD, Canvas
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import blob, box, wander
from remotereasoner.data.synth.objects.buildings import house
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("meadow", "dry_grass", "grass")


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    side = canvas.side
    woods(canvas, box(-2, -2, side + 2, side + 2))
    for _ in range(dice.integer(1, 4)):
        x, y, r = dice.uniform(0, side), dice.uniform(0, side), dice.uniform(0.05, 0.18) * side
        canvas.ground(dice.pick(("meadow", "dry_grass", "soil")), blob(dice, x, y, r, 0.35))
        for _ in range(dice.integer(0, 2)):
            woods(canvas, blob(dice, x + dice.uniform(-r, r), y + dice.uniform(-r, r), 0.3 * r, 0.3))
    if dice.chance(0.7):
        ends = [(-20.0, dice.uniform(0, 1) * side), (side + 20.0, dice.uniform(0, 1) * side)]
        line = wander(dice, ends[0], ends[1], dice.integer(2, 5), 0.1 * side)
        lanes = 1 if canvas.gsd < 3 else max(1, round(1.7 * canvas.gsd / 3.5))
        street(canvas, line, lanes, 0.0, material=dice.pick(("track", "worn_asphalt")), markings=False)
    if dice.chance(0.5):
        x, y, r = dice.uniform(0.2, 0.8) * side, dice.uniform(0.2, 0.8) * side, dice.uniform(0.06, 0.2) * side
        outline = blob(dice, x, y, r, 0.4)
        shore = _enlarged(outline, 1 + 3 / r)
        if canvas.is_free(shore, ROAD):  # a road across water would be a bridge
            canvas.ground("sand", shore)
            canvas.ground("lake", outline)
    if canvas.gsd <= 1.5:
        for _ in range(2):
            at = canvas.frame(dice.uniform(0.1, 0.9), dice.uniform(0.1, 0.9), dice.uniform(0, 6.3))
            if canvas.ground_is(at.px(box(-9, -7, 9, 7)), ("meadow", "dry_grass", "soil")):
                house(canvas, at, 12, 9)


def _enlarged(outline: FloatArray, factor: float) -> FloatArray:
    """The outline scaled about its middle."""
    middle = outline.mean(0)
    return np.asarray(middle + (outline - middle) * factor)
