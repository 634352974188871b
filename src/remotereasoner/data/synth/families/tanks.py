"""Tank farms: rows of round tanks within dykes, pipes between them."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box, disc
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.trees import scatter_trees
from remotereasoner.data.synth.objects.vehicles import vehicle
from remotereasoner.data.synth.thing import Thing

__all__ = ["BASES", "draw", "tank"]

BASES = ("gravel", "soil", "yard", "dry_grass")
_PAINTS: tuple[tuple[Bgrn, float], ...] = (
    ((234, 236, 236, 220), 5), ((200, 204, 206, 190), 3), ((150, 160, 164, 150), 1.5), ((110, 140, 170, 150), 0.7),
    ((120, 150, 120, 150), 0.6),
)  # fmt: skip


def tank(canvas: Canvas, at: Frame, radius: float, paint: Bgrn) -> Thing | None:
    """A tank with a fixed or a floating roof."""
    if not canvas.sees(at, 1.2 * radius):
        return None
    dice = canvas.dice
    rim, points = shade(paint, 0.82), 32
    details = []
    reach = math.hypot(*canvas.sun) or 1.0
    towards = np.array(canvas.sun) / reach / canvas.gsd * radius
    if dice.chance(0.4):  # a floating roof lies lower: the wall's shadow falls on it
        details = [(at.px(disc(0, 0, 0.93 * radius, points=points)), shade(paint, 0.55))]
        low = at.px(disc(0, 0, 0.8 * radius, points=points)) + 0.12 * towards
        details += [(low, shade(paint, 0.92)), (at.px(disc(0, 0, 0.1 * radius, points=10)), shade(paint, 0.75))]
    else:
        details = [(at.px(disc(0, 0, 0.95 * radius, points=points)), paint)]
        ring = disc(0, 0, 0.94 * radius, points=points)
        for k in range(0, points, 4):
            wedge = np.concatenate((((0.0, 0.0),), ring[np.arange(k, k + 5) % points]))
            px = at.px(wedge)
            outward = px[3] - px[0]
            lit = -float(outward @ towards) / max(1e-9, np.hypot(*outward) * np.hypot(*towards))
            details.append((px, shade(paint, 0.94 + 0.07 * lit)))
    return canvas.thing(
        "storage_tank", [(at.px(disc(0, 0, radius, points=points)), rim)], details=details,
        outline=at.px(disc(0, 0, radius * 1.08, points=points)), height_m=dice.uniform(9, 16), avoid=SOLID | ROAD,
    )  # fmt: skip


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    at = canvas.frame(0.5, 0.5, dice.uniform(0, 2 * math.pi))
    reach = canvas.extent_m
    radius = min(max(dice.uniform(7, 34), reach / 40), 0.16 * reach)
    while not canvas.resolves(2 * radius, 6):
        radius *= 1.3
    pitch = radius * dice.uniform(2.6, 3.4)
    block = dice.integer(2, 4)
    lane = 8.0
    step = pitch * block + lane + 10
    paint = dice.weighted(_PAINTS)
    floor = dice.pick(("gravel", "soil", "grass", "paving"))
    number = math.ceil(0.75 * reach / step)
    shift = (dice.uniform(-0.5, 0.5) * step, dice.uniform(-0.5, 0.5) * step)
    for i in range(-number, number + 1):
        x = i * step + shift[0]
        canvas.ground("asphalt", at.px(box(x - lane / 2, -2 * reach, x + lane / 2, 2 * reach)), layer=ROAD)
        y = i * step + shift[1]
        canvas.ground("asphalt", at.px(box(-2 * reach, y - lane / 2, 2 * reach, y + lane / 2)), layer=ROAD)
    for i in range(-number, number + 1):
        for j in range(-number, number + 1):
            x, y = i * step + shift[0], j * step + shift[1]
            use = dice.uniform(0, 1)
            if use < 0.74:
                if dice.chance(0.2):
                    paint = dice.weighted(_PAINTS)
                _block(canvas, at.at(x + step / 2, y + step / 2), step - lane - 4, radius, pitch, block, paint, floor)
            elif use < 0.86:
                flat_roof(canvas, at.at(x + step / 2, y + step / 2), 0.6 * step, 0.35 * step, 9)
            if dice.chance(0.5):
                vehicle(canvas, at.at(x + dice.uniform(0.1, 0.9) * step, y + 2, 0), kind=dice.pick(("lorry", "car")))
    scatter_trees(canvas, 12, on=BASES)


def _block(
    canvas: Canvas, at: Frame, side: float, radius: float, pitch: float, number: int, paint: Bgrn, floor: str
) -> None:
    dice = canvas.dice
    if not canvas.sees(at, 0.75 * side):
        return
    half = side / 2
    canvas.ground(floor, at.px(box(-half, -half, half, half)))
    canvas.line(at.px(box(-half, -half, half, half)), (150, 160, 166, 160), 1.5, closed=True)
    canvas.shadow(at.px(box(-half, half - 1, half, half)), 1.5)
    small = dice.chance(0.3)
    r, gap, n = (
        (radius * 0.45, pitch * 0.5, number * 2) if small and canvas.resolves(radius, 6) else (radius, pitch, number)
    )
    start = -gap * (n - 1) / 2
    for i in range(n):
        canvas.line(at.px([(start + gap * i, start), (start + gap * i, half)]), (176, 180, 182, 170), 0.9)
        for j in range(n):
            if dice.chance(0.85):
                tank(canvas, at.at(start + gap * i, start + gap * j), dice.jitter(r, 0.03), paint)
    canvas.take(at.px(box(-half, -half, half, half)), FLAT)
