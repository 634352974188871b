"""Roofs, solar panels on them, pools beside them."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box, disc
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.thing import Thing

__all__ = ["flat_roof", "house", "pool", "solar_array"]

_TILES: tuple[tuple[Bgrn, float], ...] = (
    ((72, 88, 158, 150), 3),
    ((88, 96, 110, 110), 3),
    ((66, 66, 70, 66), 3),
    ((110, 124, 138, 130), 2),
    ((126, 146, 168, 160), 1),
    ((76, 104, 134, 130), 1.5),
)
_FLATS: tuple[tuple[Bgrn, float], ...] = (
    ((196, 200, 202, 190), 4),
    ((160, 164, 166, 160), 3),
    ((118, 120, 122, 116), 2),
    ((222, 224, 224, 210), 2),
    ((120, 140, 156, 150), 1),
    ((150, 120, 90, 100), 0.6),
    ((96, 112, 168, 140), 0.6),
)
_ALL = SOLID | FLAT | ROAD


def _lit(canvas: Canvas, at: Frame, side: int) -> float:
    """Brightness of a roof's slope that faces ``side`` along the frame's y axis."""
    facing = (-math.sin(at.angle) * side, math.cos(at.angle) * side)
    towards = -(facing[0] * canvas.sun[0] + facing[1] * canvas.sun[1]) / max(1e-6, math.hypot(*canvas.sun))
    return 1.0 + 0.24 * towards


def house(canvas: Canvas, at: Frame, length: float, width: float, *, avoid: int = _ALL) -> Thing | None:
    """A house with a gable or hipped roof along x, some with a wing."""
    if not canvas.sees(at, length + width):
        return None
    dice = canvas.dice
    if not canvas.is_free(at.px(box(-length / 2, -width / 2, length / 2, width / 2)), avoid):
        return None
    paint = dice.weighted(_TILES)
    a, b, hip = length / 2, width / 2, (0.0 if dice.chance(0.55) else width * 0.45)
    north, south = shade(paint, _lit(canvas, at, -1)), shade(paint, _lit(canvas, at, 1))
    halves = [
        (at.px([(-a, -b), (a, -b), (a - hip, 0), (-a + hip, 0)]), north),
        (at.px([(-a, b), (a, b), (a - hip, 0), (-a + hip, 0)]), south),
    ]
    parts = [(at.px(box(-a, -b, a, b)), south)]
    details = list(halves)
    if hip:
        turned = at.at(0, 0, math.pi / 2)
        details += [
            (at.px([(a, -b), (a - hip, 0), (a, b)]), shade(paint, _lit(canvas, turned, -1))),
            (at.px([(-a, -b), (-a + hip, 0), (-a, b)]), shade(paint, _lit(canvas, turned, 1))),
        ]
    if dice.chance(0.4):
        w, end = dice.uniform(0.3, 0.42) * length, b + dice.uniform(0.35, 0.6) * width
        x = dice.pick((-a, a - w))
        turned = at.at(0, 0, math.pi / 2)
        parts.append((at.px(box(x, 0, x + w, end)), south))
        details += [
            (at.px([(x, b * 0.2), (x + w / 2, 0), (x + w / 2, end), (x, end)]), shade(paint, _lit(canvas, turned, 1))),
            (at.px([(x + w, b * 0.2), (x + w / 2, 0), (x + w / 2, end), (x + w, end)]),
             shade(paint, _lit(canvas, turned, -1))),
        ]  # fmt: skip
    if canvas.gsd < 0.35:
        details.append((at.px(box(0.3 * a, -0.2, 0.3 * a + 0.9, 0.6)), (78, 84, 96, 90)))
    room = at.px(box(-a - 1, -b - 1, a + 1, b * (2.3 if len(parts) > 1 else 1) + 1))
    return canvas.thing(
        "building", parts, outline=room, details=details, height_m=dice.uniform(5, 8), avoid=avoid, min_visible=0.15
    )  # fmt: skip


def flat_roof(
    canvas: Canvas, at: Frame, length: float, width: float, height: float = 9.0, *, avoid: int = _ALL
) -> Thing | None:
    """A block with a parapet, boxes of machinery and skylights."""
    if not canvas.sees(at, length + width):
        return None
    dice = canvas.dice
    if not canvas.is_free(at.px(box(-length / 2, -width / 2, length / 2, width / 2)), avoid):
        return None
    paint = dice.weighted(_FLATS)
    a, b = length / 2, width / 2
    rim = min(0.8, 0.06 * width)
    details = [(at.px(box(-a + rim, -b + rim, a - rim, b - rim)), paint)]
    dark = shade(paint, 0.72)
    for _ in range(dice.integer(1, 5)):
        s = dice.uniform(0.04, 0.09) * width + 0.6
        x, y = dice.uniform(-a + 2 * s, a - 2 * s), dice.uniform(-b + 2 * s, b - 2 * s)
        lean = np.array(canvas.sun) * 1.5
        details += [
            (at.px(box(x - s, y - s, x + s, y + s)) + np.clip(lean, -2, 2) * min(1, 0.5 / canvas.gsd), dark),
            (at.px(box(x - s, y - s, x + s, y + s)), shade(paint, 1.15)),
        ]
    if length > 40 and dice.chance(0.5):
        n = int(length / 9)
        details += [(at.px(box(x, -0.5 * b, x + 2, 0.5 * b)), shade(paint, 1.12))
                    for x in np.linspace(-0.85 * a, 0.8 * a, n)]  # fmt: skip
    parts = [(at.px(box(-a, -b, a, b)), shade(paint, 1.14))]
    room = at.px(box(-a - 1.5, -b - 1.5, a + 1.5, b + 1.5))
    return canvas.thing(
        "building", parts, outline=room, details=details, height_m=height, avoid=avoid, min_visible=0.1
    )  # fmt: skip


def solar_array(
    canvas: Canvas, at: Frame, columns: int, rows: int, cell: tuple[float, float] = (1.7, 1.0)
) -> Thing | None:
    """Modules in ``rows`` by ``columns`` from the origin on, along x and y; on a roof or on racks."""
    w, h = columns * cell[0], rows * cell[1]
    blue: Bgrn = canvas.dice.pick(((96, 62, 40, 40), (76, 50, 38, 36), (116, 78, 44, 44)))
    edge = shade(blue, 1.75)
    details = []
    if canvas.resolves(cell[1], 3):
        details += [(at.px(box(x, 0, x + 0.09, h)), edge) for x in np.arange(1, columns) * cell[0]]
        details += [(at.px(box(0, y, w, y + 0.09)), edge) for y in np.arange(1, rows) * cell[1]]
    return canvas.thing(
        "solar_panel", [(at.px(box(0, 0, w, h)), blue)], details=details, avoid=0, claim=0, min_visible=0.3
    )  # fmt: skip


def pool(canvas: Canvas, at: Frame, length: float, width: float) -> Thing | None:
    """A swimming pool with its rim of stone, rectangular, round or bent."""
    if not canvas.sees(at, length):
        return None
    dice = canvas.dice
    a, b = length / 2, width / 2
    if not canvas.is_free(at.px(box(-a, -b, a, b)), _ALL):
        return None
    rim: Bgrn = dice.pick(((196, 208, 214, 200), (160, 178, 190, 180)))
    water: Bgrn = dice.pick(((214, 190, 92, 40), (196, 170, 70, 36), (180, 176, 96, 40)))
    kind = dice.pick(("box", "box", "round", "kidney"))
    if kind == "box":
        parts = [(at.px(box(-a - 0.7, -b - 0.7, a + 0.7, b + 0.7)), rim)]
        details = [(at.px(box(-a, -b, a, b)), water)]
    elif kind == "round":
        parts = [(at.px(disc(0, 0, a + 0.6, b + 0.6)), rim)]
        details = [(at.px(disc(0, 0, a, b)), water)]
    else:
        two = ((-0.4 * a, 0.0, 0.6 * a, b), (0.4 * a, 0.35 * b, 0.55 * a, 0.75 * b))
        parts = [(at.px(disc(x, y, p + 0.6, q + 0.6)), rim) for x, y, p, q in two]
        details = [(at.px(disc(x, y, p, q)), water) for x, y, p, q in two]
    if canvas.gsd < 0.3:
        details.append((at.px(box(-0.6 * a, -0.5 * b, -0.2 * a, -0.1 * b)), shade(water, 1.08)))
    room = at.px(box(-a - 1.5, -b - 1.5, a + 1.5, b + 1.5))
    return canvas.thing(
        "swimming_pool", parts, outline=room, details=details, avoid=_ALL, claim=FLAT, flat=True, min_visible=0.4
    )  # fmt: skip
