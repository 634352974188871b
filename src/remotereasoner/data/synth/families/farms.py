"""Fields: a patchwork of crops, with the circles of centre pivots."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import Canvas
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.geometry import Frame, disc, sector
from remotereasoner.data.synth.materials import Bgrn, Material, shade
from remotereasoner.data.synth.thing import Thing

__all__ = ["crop_material", "fields", "pivot"]

_CROPS: tuple[tuple[Bgrn, str, float], ...] = (
    ((58, 118, 84, 200), "vegetation", 4),
    ((70, 138, 104, 208), "vegetation", 3),
    ((52, 92, 66, 180), "vegetation", 2),
    ((88, 158, 164, 180), "vegetation", 1),
    ((74, 126, 122, 176), "vegetation", 2),
    ((104, 150, 176, 176), "land", 2),
    ((86, 114, 140, 150), "land", 3),
    ((70, 92, 116, 126), "land", 1.5),
    ((126, 158, 178, 184), "land", 1),
)


def crop_material(canvas: Canvas, dice: Dice, angle: float) -> Material:
    """A crop with its rows along ``angle``."""
    colour, area, _ = dice.weighted([(c, c[2]) for c in _CROPS])
    period = max(3.0, dice.uniform(2.0, 8.0) / canvas.gsd)
    rows = (round(angle, 3), round(period, 2), round(dice.uniform(2, 9), 1)) if dice.chance(0.7) else None
    texture = dice.pick(("soft", "soft", "patchy", "grain"))
    tint = shade(colour, dice.uniform(0.88, 1.12))
    return Material(tint, texture, "vegetation" if area == "vegetation" else "land", rows, 0.0)


def fields(
    canvas: Canvas, at: Frame, width: float, height: float, depth: int, *, gap: float
) -> list[tuple[Frame, float, float]]:
    """Split a rectangle into fields; returns those left for other use: (frame at the centre, width, height).

    ``gap``: metres of what lies between two fields.
    """
    dice = canvas.dice
    left: list[tuple[Frame, float, float]] = []
    pending = [(0.0, 0.0, width, height, depth)]
    while pending:
        x, y, w, h, n = pending.pop()
        if n == 0 or (n < depth - 1 and dice.chance(0.12)):
            _field(canvas, at.at(x, y), w - gap, h - gap, left)
            continue
        share = dice.uniform(0.35, 0.65)
        if w * dice.uniform(0.7, 1.4) > h:
            cut = w * share
            pending += [(x - (w - cut) / 2, y, cut, h, n - 1), (x + cut / 2, y, w - cut, h, n - 1)]
        else:
            cut = h * share
            pending += [(x, y - (h - cut) / 2, w, cut, n - 1), (x, y + cut / 2, w, h - cut, n - 1)]
    return left


def _field(canvas: Canvas, at: Frame, w: float, h: float, left: list[tuple[Frame, float, float]]) -> None:
    dice = canvas.dice
    reach = math.hypot(w, h) / 2 / canvas.gsd
    inside = -reach < at.x_px < canvas.side + reach and -reach < at.y_px < canvas.side + reach
    if not inside or min(w, h) < 2 * canvas.gsd:
        return
    if dice.chance(0.12):
        left.append((at, w, h))
        return
    sway = 0.04 * min(w, h)
    corners = [(sx * w / 2 + dice.uniform(-sway, sway), sy * h / 2 + dice.uniform(-sway, sway))
               for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]  # fmt: skip
    canvas.ground(crop_material(canvas, dice, at.angle + dice.pick((0.0, math.pi / 2))), at.px(corners))


def pivot(canvas: Canvas, at: Frame, radius: float) -> Thing | None:
    """A circle watered by a turning arm: one crop, or a few as slices."""
    dice = canvas.dice
    circle = at.px(disc(0, 0, radius, points=64))
    greens = [c for c in _CROPS if c[1] == "vegetation"]
    thing = canvas.thing("center_pivot", [(circle, (0, 0, 0, 0))], avoid=0, claim=0, painted=False, min_visible=0.3)
    if thing is None:
        return None

    def crop(from_: list[tuple[Bgrn, str, float]]) -> Material:
        return Material(
            shade(dice.pick(from_)[0], dice.uniform(0.9, 1.1)), dice.pick(("soft", "patchy")), "vegetation", None, 0.0
        )

    canvas.ground(crop(greens), circle)
    if dice.chance(0.45):
        start = dice.uniform(0, 6.3)
        for _ in range(dice.integer(1, 3)):
            end = start + dice.uniform(0.5, 2.0)
            canvas.ground(crop(list(_CROPS)[:6]), at.px(sector(0, 0, radius, start, end, 32)))
            start = end
    arm = dice.uniform(0, 6.3)
    canvas.line(
        at.px([(0, 0), (radius * math.cos(arm), radius * math.sin(arm))]),
        (186, 196, 198, 180),
        max(1.5, 0.35 * canvas.gsd),
    )
    if canvas.gsd < 4:
        for k in np.linspace(0.15, 0.97, 7):  # ruts of the wheels
            canvas.line(
                at.px(disc(0, 0, radius * k, points=48)), (84, 122, 116, 160), max(0.8, 0.22 * canvas.gsd), closed=True
            )
    return thing
