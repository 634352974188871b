"""Hulls on the water, bow along x: cargo, tankers, ferries, yachts, barges."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box, disc
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.thing import Thing

__all__ = ["ship", "wake"]

_WATER = ("sea", "lake", "river", "silt", "shallow")
_STACK: tuple[Bgrn, ...] = (
    (60, 70, 172, 120), (150, 96, 48, 90), (70, 150, 196, 150), (210, 212, 212, 190), (84, 130, 70, 110),
    (60, 64, 112, 80),
)  # fmt: skip


def _hull(length: float, width: float, blunt: float) -> list[tuple[float, float]]:
    a, b = length / 2, width / 2
    bow = a - width * (1.6 - blunt)
    return [(-a, -0.8 * b), (-a + 0.3 * b, -b), (bow, -b), (bow + (a - bow) * 0.6, -0.6 * b), (a, 0),
            (bow + (a - bow) * 0.6, 0.6 * b), (bow, b), (-a + 0.3 * b, b), (-a, 0.8 * b)]  # fmt: skip


def ship(canvas: Canvas, at: Frame, length: float, *, kind: str, avoid: int = SOLID | FLAT | ROAD) -> Thing | None:
    """A ship of ``length`` metres. ``kind``: container, tanker, bulk, ferry, yacht, barge."""
    if not canvas.sees(at, 0.6 * length):
        return None
    dice = canvas.dice
    width = length * {"yacht": 0.3, "barge": 0.16, "ferry": 0.18}.get(kind, 0.15)
    hull_paint: Bgrn = dice.pick(((58, 54, 60, 60), (60, 62, 120, 90), (110, 74, 44, 70), (64, 84, 60, 70)))
    deck: Bgrn = dice.pick(((84, 90, 128, 110), (96, 118, 96, 110), (128, 132, 134, 130), (92, 96, 110, 100)))
    a, b = length / 2, width / 2
    details: list[tuple[np.ndarray, Bgrn]] = []
    white: Bgrn = (232, 234, 234, 220)
    if kind in ("yacht", "ferry"):
        hull_paint, deck = white, (206, 210, 214, 200)
        details = [
            (at.px(_hull(length * 0.9, width * 0.78, 0.0)), deck),
            (at.px(box(-0.5 * a, -0.55 * b, 0.3 * a, 0.55 * b)), white),
            (at.px(box(0.12 * a, -0.5 * b, 0.3 * a, 0.5 * b)), (90, 80, 70, 60)),
        ]
        if kind == "yacht" and dice.chance(0.4):
            details.append((at.px(box(-0.85 * a, -0.6 * b, -0.45 * a, 0.6 * b)), (110, 140, 170, 150)))
    else:
        details.append((at.px(_hull(length * 0.97, width * 0.84, 0.3)), deck))
        house = box(-0.93 * a, -0.8 * b, -0.74 * a, 0.8 * b)
        if kind == "container":
            stacks = max(2, int(length / 17))
            for k in range(stacks):
                x1 = -0.7 * a + (1.42 * a) * k / stacks
                x2 = x1 + 1.42 * a / stacks * 0.9
                lanes = 4 if canvas.gsd < 1.5 else 2
                for lane in range(lanes):
                    if dice.chance(0.9):
                        y1 = -0.78 * b + 1.56 * b * lane / lanes
                        details.append((at.px(box(x1, y1, x2, y1 + 1.5 * b / lanes)), dice.pick(_STACK)))
        elif kind == "tanker":
            details.append((at.px(box(-0.68 * a, -0.07 * b, 0.66 * a, 0.07 * b)), shade(deck, 1.4)))
            details += [(at.px(box(x * a, -0.6 * b, x * a + 1.6, 0.6 * b)), shade(deck, 1.25)) for x in (-0.3, 0, 0.3)]
        else:
            holds = 5 if kind == "bulk" else 3
            for k in range(holds):
                x1 = -0.64 * a + 1.3 * a * k / holds
                fill: Bgrn = dice.pick(((70, 74, 78, 74), (96, 128, 156, 140), (150, 152, 152, 150)))
                details.append((at.px(box(x1, -0.55 * b, x1 + 1.0 * a / holds, 0.55 * b)), fill))
        if kind != "barge":
            details += [(at.px(house), white), (at.px(disc(-0.9 * a, 0, 0.13 * b, points=10)), (50, 54, 90, 60))]
    parts = [(at.px(_hull(length, width, 0.4 if kind in ("tanker", "bulk", "barge") else 0.0)), hull_paint)]
    room = at.px(np.array(_hull(length * 1.03, width * 1.12, 0.3)))
    return canvas.thing(
        "ship", parts, outline=room, details=details, height_m=min(18.0, 0.08 * length), avoid=avoid, min_visible=0.35
    )  # fmt: skip


def wake(canvas: Canvas, at: Frame, length: float) -> None:
    """Foam behind a moving hull, where there is water enough for it; a mark on the water, no part of the ship."""
    if not canvas.ground_is(at.px(box(-2 * length, -0.45 * length, 0.4 * length, 0.45 * length)), _WATER):
        return
    a, w = length / 2, length * 0.15
    foam: Bgrn = (176, 172, 158, 110)
    canvas.mark(at.px([(-a, -0.3 * w), (-a - 1.1 * length, -0.7 * w), (-a - 1.1 * length, 0.7 * w), (-a, 0.3 * w)]),
                (126, 116, 92, 50))  # fmt: skip
    for side in (-1, 1):
        canvas.line(at.px([(a * 0.7, side * 0.3 * w), (-a - 1.4 * length, side * 2.6 * w)]), foam, 0.08 * w)
    canvas.mark(at.px([(-a, -0.2 * w), (-a - 0.6 * length, -0.35 * w), (-a - 0.6 * length, 0.35 * w), (-a, 0.2 * w)]),
                foam)  # fmt: skip
