"""River valleys: a river with bars of sand, woods and fields beside it."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, Canvas
from remotereasoner.data.synth.families.farms import fields
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, ribbon, wander
from remotereasoner.types import FloatArray

__all__ = ["BASES", "course", "draw"]

BASES = ("meadow", "grass", "dry_grass")


def course(canvas: Canvas, at: Frame, width_m: float, *, swing: float, bends: int) -> FloatArray:
    """Lay a river along the frame's x axis; returns its middle line in metres of the frame."""
    dice = canvas.dice
    far = 0.85 * canvas.extent_m
    line = wander(dice, (-far, 0), (far, 0), bends, swing * canvas.extent_m)
    t = np.linspace(0, 2 * math.pi, len(line))
    widths = width_m * (1 + 0.18 * np.sin(3 * t + dice.uniform(0, 6)) + 0.1 * np.sin(7 * t + dice.uniform(0, 6)))
    widths = np.maximum(widths, 3.2 * canvas.gsd)
    bank = at.px(line)
    canvas.ground(dice.pick(("sand", "gravel", "meadow")), ribbon(bank, (widths * 1.12 + 2) / canvas.gsd), layer=FLAT)
    if dice.chance(0.6):
        aside = ribbon(at.px(np.add(line, (0, dice.pick((-0.2, 0.2)) * width_m))), widths * 1.1 / canvas.gsd)
        canvas.ground("sand", aside, layer=FLAT)
    canvas.ground(dice.pick(("river", "river", "silt", "lake")), ribbon(bank, widths / canvas.gsd), layer=FLAT)
    return line


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.35, 0.65), dice.uniform(0.35, 0.65), dice.uniform(0, 2 * math.pi))
    if dice.chance(0.6):
        fields(canvas, canvas.frame(0.5, 0.5, at.angle + 0.2), 1.5 * reach, 1.5 * reach, dice.integer(4, 6),
               gap=max(4.0, canvas.gsd))  # fmt: skip
    for _ in range(dice.integer(3, 8)):
        x, y = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side)
        woods(canvas, blob(dice, x, y, dice.uniform(0.04, 0.2) * canvas.side, 0.35))
    width = max(6 * canvas.gsd, min(dice.uniform(0.03, 0.14) * reach, 700.0))
    line = course(canvas, at, width, swing=dice.uniform(0.1, 0.35), bends=dice.integer(2, 5))
    if dice.chance(0.4):
        k = dice.integer(len(line) // 3, 2 * len(line) // 3)
        x, y = at.px(line[k : k + 1])[0]
        canvas.ground("sand", blob(dice, x, y, 0.3 * width / canvas.gsd, 0.2))
        canvas.ground("grass", blob(dice, x, y, 0.2 * width / canvas.gsd, 0.3))
    if dice.chance(0.35):  # an oxbow
        x, y = at.px([(dice.uniform(-0.3, 0.3) * reach, dice.pick((-0.3, 0.3)) * reach)])[0]
        t = np.linspace(0.3, 4.6, 24)
        r = dice.uniform(0.06, 0.1) * canvas.side
        arc = np.stack((x + r * np.cos(t), y + r * np.sin(t)), 1)
        canvas.ground("lake", ribbon(arc, max(4.0, 0.35 * width / canvas.gsd)), layer=FLAT)
