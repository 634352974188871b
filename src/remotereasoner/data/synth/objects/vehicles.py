"""Cars, vans, lorries and buses."""

from __future__ import annotations

from remotereasoner.data.synth.canvas import DECK, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.thing import Thing

__all__ = ["SMALLEST_CAR_PX", "draws_vehicles", "vehicle"]

SMALLEST_CAR_PX = 3.0
_COLOURS: tuple[tuple[Bgrn, float], ...] = (
    ((236, 236, 236, 220), 5),
    ((186, 188, 188, 170), 4),
    ((40, 40, 42, 46), 4),
    ((104, 106, 108, 104), 3),
    ((40, 36, 156, 120), 1.6),
    ((140, 76, 38, 80), 1.6),
    ((88, 118, 150, 130), 0.7),
    ((52, 96, 52, 90), 0.4),
    ((60, 190, 224, 180), 0.5),
)
_GLASS: Bgrn = (66, 56, 48, 40)


def draws_vehicles(canvas: Canvas) -> bool:
    """Whether a car is wide enough to be seen; elsewhere none is drawn."""
    return canvas.resolves(1.8, SMALLEST_CAR_PX)


def vehicle(canvas: Canvas, at: Frame, *, kind: str = "car", avoid: int = SOLID | DECK) -> Thing | None:
    """A vehicle along the frame's x axis with its centre at the origin. ``kind``: car, van, lorry or bus."""
    if not draws_vehicles(canvas) or not canvas.sees(at, 9):
        return None
    dice = canvas.dice
    paint = dice.weighted(_COLOURS)
    if kind == "car":
        length, width, height = dice.uniform(4.1, 4.9), dice.uniform(1.75, 1.95), 1.5
        parts = [(at.px(_rounded(length, width)), paint)]
        glass = [
            (box(0.02 * length, -0.42 * width, 0.2 * length, 0.42 * width), _GLASS),
            (box(-0.4 * length, -0.4 * width, -0.29 * length, 0.4 * width), _GLASS),
            (box(-0.28 * length, -0.36 * width, 0.02 * length, 0.36 * width), shade(paint, 1.12)),
        ]
    elif kind == "van":
        length, width, height = dice.uniform(5.2, 6.4), 2.1, 2.4
        paint = (232, 232, 230, 214) if dice.chance(0.6) else paint
        parts = [(at.px(_rounded(length, width)), paint)]
        glass = [(box(0.3 * length, -0.42 * width, 0.4 * length, 0.42 * width), _GLASS)]
    elif kind == "bus":
        length, width, height = 12.0, 2.6, 3.0
        paint = dice.pick(((40, 44, 176, 130), (210, 214, 214, 190), (60, 180, 226, 190)))
        parts = [(at.px(box(-6, -1.3, 6, 1.3)), paint)]
        glass = [
            (box(5.2, -1.2, 5.8, 1.2), _GLASS),
            (box(-3.5, -0.7, -1, 0.7), shade(paint, 0.8)),
            (box(1.2, -0.7, 3.2, 0.7), shade(paint, 0.8)),
        ]
    else:
        length, width, height = dice.uniform(9, 16), 2.5, 3.6
        cargo = dice.pick(((226, 226, 224, 210), (150, 110, 60, 120), (60, 60, 150, 120), (170, 176, 178, 170), paint))
        cab = length / 2 - 2.4
        parts = [
            (at.px(box(-length / 2, -1.25, cab - 0.4, 1.25)), cargo),
            (at.px(box(cab - 0.5, -1.15, length / 2, 1.15)), paint),
        ]
        glass = [(box(length / 2 - 0.9, -1.0, length / 2 - 0.3, 1.0), _GLASS)]
    details = [(at.px(p), c) for p, c in glass] if canvas.gsd < 0.45 else []
    room = at.px(box(-length / 2 - 0.3, -width / 2 - 0.2, length / 2 + 0.3, width / 2 + 0.2))
    return canvas.thing(
        "vehicle", parts, outline=room, details=details, height_m=height, avoid=avoid, min_visible=0.5
    )  # fmt: skip


def _rounded(length: float, width: float) -> list[tuple[float, float]]:
    a, b, c = length / 2, width / 2, 0.18 * width
    return [
        (-a, -b + c), (-a + c, -b), (a - 2 * c, -b), (a, -b + 1.6 * c),
        (a, b - 1.6 * c), (a - 2 * c, b), (-a + c, b), (-a, b - c),
    ]  # fmt: skip
