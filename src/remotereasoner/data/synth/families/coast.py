"""Coasts: sea, surf, beach or rocks, and what lies behind; islands, and ships far out."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, Canvas
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, smooth
from remotereasoner.data.synth.objects.buildings import flat_roof, house
from remotereasoner.data.synth.objects.ships import ship, wake
from remotereasoner.data.synth.objects.trees import scatter_trees
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("grass", "dry_grass", "meadow")


def _shore(canvas: Canvas) -> FloatArray:
    dice = canvas.dice
    reach = canvas.extent_m
    x = np.linspace(-1.2, 1.2, 26) * reach
    y = np.zeros_like(x)
    for order in (1, 2, 4, 7):
        y += reach * dice.uniform(0.02, 0.1) / order * np.sin(order * 2.2 * x / reach + dice.uniform(0, 6.3))
    return smooth(np.stack((x, y), 1), 2)


def _side(shore: FloatArray, shift: float, far: float) -> FloatArray:
    """The outline of all that lies beyond the shore, moved by ``shift`` along y; the sea is towards -y."""
    line = np.add(shore, (0, shift))
    return np.concatenate((line, ((line[-1, 0], -far), (line[0, 0], -far))))


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.35, 0.65), dice.uniform(0.35, 0.65), dice.uniform(0, 2 * math.pi))
    shore = _shore(canvas)
    far = 3 * reach
    for _ in range(dice.integer(2, 6)):
        x, y = at.px([(dice.uniform(-0.7, 0.7) * reach, dice.uniform(0.15, 0.7) * reach)])[0]
        woods(canvas, blob(dice, x, y, dice.uniform(0.05, 0.2) * canvas.side, 0.3))
    beach = max(4 * canvas.gsd, min(dice.uniform(0.02, 0.07) * reach, 120.0))
    rocky = dice.chance(0.3)
    canvas.ground("rock" if rocky else "sand", at.px(_side(shore, beach, far)), layer=FLAT)
    if not rocky:
        canvas.ground("surf", at.px(_side(shore, 0, far)))
        canvas.ground("shallow", at.px(_side(shore, -max(2 * canvas.gsd, 0.12 * beach), far)))
        if dice.chance(0.7):  # a second line of breakers
            wave = np.add(shore, (0, -0.8 * beach))
            canvas.line(at.px(wave), (206, 204, 194, 140), max(1.2 * canvas.gsd, 0.05 * beach))
        canvas.ground("sea", at.px(_side(shore, -1.6 * beach, far)))
    else:
        canvas.ground("sea", at.px(_side(shore, 0, far)))
    _islands(canvas, at)
    if canvas.resolves(9, 4):
        for _ in range(dice.integer(0, 12)):
            place = at.at(
                dice.uniform(-0.6, 0.6) * reach, beach + dice.uniform(0.06, 0.5) * reach, dice.uniform(-0.4, 0.4)
            )
            if dice.chance(0.7):
                house(canvas, place, dice.uniform(10, 15), dice.uniform(8, 10))
            else:
                flat_roof(canvas, place, dice.uniform(20, 50), dice.uniform(14, 22), 12)
    for _ in range(dice.integer(0, 5)):
        size = max(dice.uniform(12, 30) * canvas.gsd, 14.0)
        if size > 330:
            continue
        place = at.at(dice.uniform(-0.6, 0.6) * reach, -dice.uniform(0.2, 0.6) * reach, dice.uniform(0, 6.3))
        outline = place.px([(-size, -size), (size, -size), (size, size), (-size, size)])
        kind = "yacht" if size < 30 else dice.pick(("container", "tanker", "bulk", "ferry"))
        if (
            canvas.ground_is(outline, ("sea",))
            and ship(canvas, place, size, kind=kind) is not None
            and dice.chance(0.7)
        ):
            wake(canvas, place, size)
    scatter_trees(canvas, 20, on=BASES)


def _islands(canvas: Canvas, at: Frame) -> None:
    dice = canvas.dice
    for _ in range(dice.integer(0, 2)):
        x, y = at.px([(dice.uniform(-0.5, 0.5) * canvas.extent_m, -dice.uniform(0.25, 0.5) * canvas.extent_m)])[0]
        r = dice.uniform(0.03, 0.08) * canvas.side
        outline = blob(dice, x, y, r, 0.35)
        middle = outline.mean(0)
        for scale, material in ((1.25, "shallow"), (1.0, "sand"), (0.8, "grass")):
            canvas.ground(material, middle + (outline - middle) * scale, layer=FLAT)
