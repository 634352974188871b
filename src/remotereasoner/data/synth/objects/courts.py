"""Sports grounds with their markings, by the rules' dimensions in metres."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box, disc, sector
from remotereasoner.data.synth.materials import Bgrn, Material, shade
from remotereasoner.data.synth.thing import Thing
from remotereasoner.types import FloatArray

__all__ = ["baseball_diamond", "basketball_court", "running_track", "soccer_field", "tennis_court"]

_WHITE: Bgrn = (236, 238, 238, 220)
_HARD: tuple[tuple[Bgrn, Bgrn], ...] = (  # inside, around
    ((150, 104, 58, 84), (94, 128, 76, 110)),
    ((104, 132, 66, 110), (84, 104, 60, 90)),
    ((146, 100, 60, 84), (150, 120, 84, 100)),
    ((92, 112, 176, 140), (86, 128, 80, 110)),
    ((84, 96, 160, 140), (84, 96, 160, 140)),
)
_ALL = SOLID | FLAT | ROAD


def _lines(canvas: Canvas, at: Frame, lines: list[tuple[FloatArray, bool]], width_m: float = 0.1) -> None:
    # Real lines are 5 to 12 cm wide; where a pixel is larger they show as one faint pixel, and then not at all.
    if canvas.gsd > 0.8:
        return
    strength = min(1.0, 0.45 + 0.3 * width_m / canvas.gsd)
    colour = shade(_WHITE, 0.62 + 0.38 * strength)
    for points, closed in lines:
        canvas.line(at.px(points), colour, max(width_m, 0.21 * canvas.gsd), closed=closed)


def tennis_court(canvas: Canvas, at: Frame) -> Thing | None:
    """23.77 by 10.97 m; the label is the coloured surface of 26 by 12.5 m around the lines."""
    inside, around = canvas.dice.pick(_HARD)
    surface = at.px(box(-18.2, -9.0, 18.2, 9.0))
    thing = canvas.thing(
        "tennis_court", [(at.px(box(-13, -6.25, 13, 6.25)), inside)], outline=surface,
        avoid=_ALL, claim=FLAT, flat=True, min_visible=0.5,
    )  # fmt: skip
    if thing is None:
        return None
    canvas.ground(Material(around, "grain"), surface)
    net = np.array(((0, -6.0), (0, 6.0)))
    _lines(canvas, at, [
        (box(-11.89, -5.49, 11.89, 5.49), True), (box(-11.89, -4.12, 11.89, 4.12), True),
        (box(-6.4, -4.12, 6.4, 4.12), True), (np.array(((-6.4, 0.0), (6.4, 0.0))), False), (net, False),
    ])  # fmt: skip
    return thing


def basketball_court(canvas: Canvas, at: Frame) -> Thing | None:
    """28 by 15 m with its border."""
    inside: Bgrn = canvas.dice.pick(((96, 118, 84, 110), (72, 96, 170, 140), (150, 104, 62, 90), (112, 114, 114, 110)))
    key: Bgrn = canvas.dice.pick(((70, 74, 160, 120), (150, 104, 62, 90), shade(inside, 0.8), inside))
    thing = canvas.thing(
        "basketball_court", [(at.px(box(-15, -8.3, 15, 8.3)), inside)],
        details=[(at.px(box(s * 14, -2.45, s * 8.2, 2.45)), key) for s in (-1, 1)],
        avoid=_ALL, claim=FLAT, flat=True, min_visible=0.5,
    )  # fmt: skip
    if thing is not None:
        t = np.linspace(-1.4, 1.4, 16)
        for s in (-1, 1):
            arc = np.stack((s * (12.4 - 6.75 * np.cos(t)), 6.75 * np.sin(t)), 1)
            lane = box(min(s * 14, s * 8.2), -2.45, max(s * 14, s * 8.2), 2.45)
            _lines(canvas, at, [(arc, False), (lane, True)])
        middle = np.array(((0, -7.5), (0, 7.5)))
        _lines(canvas, at, [(box(-14, -7.5, 14, 7.5), True), (middle, False), (disc(0, 0, 1.8), True)])
    return thing


def soccer_field(canvas: Canvas, at: Frame, length: float, width: float, *, avoid: int = _ALL) -> Thing | None:
    """Mown in stripes, with the lines of the laws of the game."""
    a, b = length / 2, width / 2
    green: Bgrn = canvas.dice.pick(((58, 124, 88, 200), (62, 132, 96, 206), (70, 120, 92, 120)))
    n = canvas.dice.pick((8, 10, 12, 16))
    stripes = [(at.px(box(-a + length * k / n, -b, -a + length * (k + 1) / n, b)), shade(green, 1.1))
               for k in range(0, n, 2)]  # fmt: skip
    thing = canvas.thing(
        "soccer_field", [(at.px(box(-a, -b, a, b)), green)], details=stripes, avoid=avoid, claim=FLAT, flat=True
    )
    if thing is not None:
        goals: list[tuple[FloatArray, bool]] = []
        for s in (-1, 1):
            for depth, half in ((16.5, 20.15), (5.5, 9.16)):
                goals.append((box(min(s * a, s * (a - depth)), -half, max(s * a, s * (a - depth)), half), True))
        _lines(canvas, at, [(box(-a + 0.3, -b + 0.3, a - 0.3, b - 0.3), True), (np.array(((0, -b), (0, b))), False),
                            (disc(0, 0, 9.15), True), *goals], 0.12)  # fmt: skip
    return thing


def _oval(straight: float, radius: float) -> FloatArray:
    t = np.linspace(-math.pi / 2, math.pi / 2, 24)
    right = np.stack((straight / 2 + radius * np.cos(t), radius * np.sin(t)), 1)
    return np.concatenate((right, -right))


def running_track(canvas: Canvas, at: Frame) -> Thing | None:
    """A 400 m track: 84.39 m straights, 36.5 m radius, eight lanes; often with a soccer field inside."""
    dice = canvas.dice
    red: Bgrn = dice.pick(((76, 84, 168, 140), (84, 98, 176, 150), (150, 106, 72, 90), (104, 120, 150, 140)))
    outer = at.px(_oval(84.39, 46.5))
    thing = canvas.thing(
        "ground_track_field", [(outer, red)], details=[(at.px(_oval(84.39, 36.5)), (60, 118, 86, 195))],
        avoid=_ALL, claim=FLAT, flat=True, min_visible=0.3,
    )  # fmt: skip
    if thing is None:
        return None
    _lines(canvas, at, [(_oval(84.39, 36.5 + 1.22 * k), True) for k in range(9)], 0.1)
    if dice.chance(0.6):
        soccer_field(canvas, at, 100, 62, avoid=0)
    return thing


def baseball_diamond(canvas: Canvas, at: Frame, scale: float = 1.0) -> Thing | None:
    """Home plate at the origin, second base along x. The label is the infield's fan of dirt."""
    base = 27.43 * scale
    centre = base / math.sqrt(2)
    dirt: Bgrn = canvas.dice.pick(((92, 126, 172, 180), (84, 116, 156, 170), (110, 146, 186, 190)))
    grass: Bgrn = (58, 116, 86, 196)
    field = at.px(sector(-8 * scale, 0, 104 * scale, -math.pi / 4, math.pi / 4))
    t = np.linspace(-1.75, 1.75, 20)
    arc = np.stack((centre + 0.15 * base + 1.06 * base * np.cos(t), 1.06 * base * np.sin(t)), 1)
    fan = np.concatenate((((-5.0 * scale, 3.0 * scale), (-5.0 * scale, -3.0 * scale)), arc))
    infield = np.array(((3.0, 0.0), (centre, 3 - centre), (2 * centre - 3, 0.0), (centre, centre - 3)))
    thing = canvas.thing(
        "baseball_diamond", [(at.px(fan), dirt)],
        details=[(at.px(infield), grass), (at.px(disc(centre * 0.95, 0, 2.7 * scale, points=14)), dirt)],
        outline=field, avoid=_ALL, claim=FLAT, flat=True, min_visible=0.5,
    )  # fmt: skip
    if thing is not None:
        canvas.ground("lawn", field)
        ends = [np.array(((0, 0), (70 * scale, s * 70 * scale))) for s in (-1, 1)]
        _lines(canvas, at, [(e, False) for e in ends], 0.15)
    return thing
