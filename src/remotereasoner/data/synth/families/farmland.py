"""Farmland: a patchwork of fields with tracks, farms and groves, or circles of centre pivots."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import Canvas
from remotereasoner.data.synth.families.farms import fields, pivot
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, box
from remotereasoner.data.synth.objects.buildings import flat_roof, house

__all__ = ["BASES", "draw"]

BASES = ("dry_grass", "meadow", "grass")


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    at = canvas.frame(0.5, 0.5, dice.uniform(-0.5, 0.5))
    reach = canvas.extent_m
    if reach > 700 and dice.chance(0.5):
        _pivots(canvas, at)
        return
    depth = dice.integer(5, 7)
    gap = max(3.0, 1.0 * canvas.gsd)
    left = fields(canvas, at, 1.5 * reach, 1.5 * reach, depth, gap=gap)
    for place, w, h in left:
        if dice.chance(0.5):
            woods(canvas, blob(dice, place.x_px, place.y_px, 0.45 * min(w, h) / canvas.gsd, 0.3))
    if reach > 300:
        y = dice.uniform(-0.4, 0.4) * reach
        lanes = 2 if canvas.gsd < 5 else max(2, round(1.8 * canvas.gsd / 3.5))
        line = np.linspace((-reach, y), (reach, y + dice.uniform(-0.1, 0.1) * reach), 20)
        street(canvas, at.px(line), lanes, 0.0, material=dice.pick(("asphalt", "track")))
    _farms(canvas, at, [(p, w, h) for p, w, h in left if min(w, h) > 60])


def _farms(canvas: Canvas, at: Frame, left: list[tuple[Frame, float, float]]) -> None:
    dice = canvas.dice
    if not canvas.resolves(9, 4):
        return
    places = [p for p, _, _ in left[:3]] or [at.at(dice.uniform(-0.3, 0.3) * canvas.extent_m, 0)]
    for place in places:
        canvas.ground("gravel", place.px(box(-28, -22, 28, 22)))
        house(canvas, place.at(-16, -10), 15, 10)
        flat_roof(canvas, place.at(12, -8), 30, 14, 8)
        if dice.chance(0.6):
            flat_roof(canvas, place.at(10, 12, math.pi / 2), 15, 24, 8)


def _pivots(canvas: Canvas, at: Frame) -> None:
    """Pivots on the squares of a survey; what is left between them is bare or grazed."""
    dice = canvas.dice
    reach = canvas.extent_m
    pitch = max(reach / 6, min(820.0, reach / dice.uniform(1.2, 3)))
    canvas.ground(dice.pick(("soil", "dry_grass", "sand")), box(0, 0, canvas.side, canvas.side))
    number = math.ceil(0.75 * reach / pitch)
    shift = (dice.uniform(-0.5, 0.5) * pitch, dice.uniform(-0.5, 0.5) * pitch)
    squares = [(i, j) for i in range(-number, number + 1) for j in range(-number, number + 1)]
    for i, j in squares:
        place = at.at(i * pitch + shift[0], j * pitch + shift[1])
        use = dice.uniform(0, 1)
        if use < 0.72:
            pivot(canvas, place, pitch * dice.uniform(0.43, 0.47))
        elif use < 0.9:
            fields(canvas, place, pitch, pitch, 2, gap=max(6.0, canvas.gsd))
    lanes = max(2, round(1.6 * canvas.gsd / 3.5))
    for k in range(-number, number + 1):
        if dice.chance(0.6):
            x = (k + 0.5) * pitch + shift[0]
            street(canvas, at.px(np.linspace((x, -reach), (x, reach), 6)), lanes, 0.0, material="track")
