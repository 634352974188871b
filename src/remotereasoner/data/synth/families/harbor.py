"""Ports: quays with cargo ships, marinas with yachts along jetties."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.ships import ship, wake
from remotereasoner.data.synth.objects.vehicles import vehicle

__all__ = ["BASES", "draw"]

BASES = ("sea", "river", "lake")
_STACK: tuple[Bgrn, ...] = (
    (60, 70, 172, 120), (150, 96, 48, 90), (70, 150, 196, 150), (206, 208, 208, 190), (84, 130, 70, 110),
    (60, 64, 112, 80),
)  # fmt: skip


def draw(canvas: Canvas) -> None:
    """Draw one: a marina where the scene is small or by chance, else a port."""
    small = canvas.extent_m < 160 or (canvas.gsd <= 0.8 and canvas.dice.chance(0.5))
    angle = canvas.dice.uniform(0, 2 * math.pi)
    shore = canvas.frame(canvas.dice.uniform(0.4, 0.6), canvas.dice.uniform(0.4, 0.6), angle)
    (_marina if small else _port)(canvas, shore)


def _land(canvas: Canvas, at: Frame, y: float, material: str) -> None:
    far = 3 * canvas.extent_m
    canvas.ground(material, at.px(box(-far, y, far, far)), layer=FLAT)


def _port(canvas: Canvas, at: Frame) -> None:
    dice = canvas.dice
    reach = canvas.extent_m
    edge = dice.uniform(0.05, 0.3) * reach
    at = at.at(0, edge)
    _land(canvas, at, 0, "yard")
    fits = min(320.0, max(40.0, 0.5 * reach))
    quay = max(14.0, 0.025 * reach) if reach > 1500 else dice.uniform(25, 40)
    finger = dice.chance(0.6)
    _quay(canvas, at, -0.9 * reach, -quay * 0.2, 0.9 * reach, quay)
    if finger:
        width = dice.uniform(0.06, 0.1) * reach + quay
        out = dice.uniform(0.3, 0.42) * reach
        for x in (-0.3 * reach, 0.22 * reach):
            _quay(canvas, at, x, -out, x + width, -quay * 0.2 - canvas.gsd)
            _stacks(canvas, at, x + width * 0.2, -out * 0.95, x + width * 0.8, -out * 0.25)
            for side in (-1, 1):
                y = -out
                while y < -0.2 * out:
                    size, kind = _size(canvas, fits)
                    beam = size * 0.15
                    place = at.at(x + (width + beam * 0.62 if side > 0 else -beam * 0.62), y + size / 2, math.pi / 2)
                    if y + size < -beam and dice.chance(0.75):
                        ship(canvas, place, size, kind=kind)
                    y += size * dice.uniform(1.1, 1.6)
    else:
        x = -0.7 * reach
        while x < 0.7 * reach:
            size, kind = _size(canvas, fits)
            if dice.chance(0.8):
                ship(canvas, at.at(x + size / 2, -quay * 0.2 - size * 0.1 - canvas.gsd), size, kind=kind)
            x += size * dice.uniform(1.1, 1.8)
    _yard(canvas, at, quay, reach)
    for _ in range(dice.integer(1, 4)):
        size, kind = _size(canvas, fits)
        afloat = at.at(dice.uniform(-0.6, 0.6) * reach, dice.uniform(-0.75, -0.2) * reach, dice.uniform(0, 6.3))
        if ship(canvas, afloat, size, kind=kind) is not None and dice.chance(0.5):
            wake(canvas, afloat, size)


def _size(canvas: Canvas, fits: float) -> tuple[float, str]:
    dice = canvas.dice
    kind = dice.pick(("container", "tanker", "bulk", "bulk", "ferry", "barge"))
    least = max(20.0, 22 * canvas.gsd)
    longest = {"ferry": 160.0, "barge": 90.0}.get(kind, 320.0)
    return max(least, min(dice.uniform(0.4, 1.0) * longest, fits)), kind


def _quay(canvas: Canvas, at: Frame, x1: float, y1: float, x2: float, y2: float) -> None:
    outline = at.px(box(x1, y1, x2, y2))
    canvas.thing(
        "harbor", [(outline, (158, 164, 168, 166))], avoid=0, claim=FLAT, flat=True, min_visible=0.0, height_m=3
    )  # fmt: skip
    canvas.line(outline, (126, 130, 134, 130), 1.0, closed=True)


def _stacks(canvas: Canvas, at: Frame, x1: float, y1: float, x2: float, y2: float) -> None:
    """Containers on land: rows of coloured boxes, drawn only where one can be told from the next."""
    if canvas.gsd > 3 or canvas.extent_m < 100:
        return
    dice = canvas.dice
    for y in np.arange(y1, y2 - 6, 13.6 + 4.0 * (canvas.gsd < 1)):
        for x in np.arange(x1, x2 - 12, 13.2):
            if dice.chance(0.93):
                cell = at.px(box(x, y, x + 12.2, y + 12.5))
                if canvas.is_free(cell, SOLID):
                    canvas.shadow(cell, 6)
                    for k in range(5):
                        canvas.body(at.px(box(x, y + 2.5 * k, x + 12.2, y + 2.5 * k + 2.4)), dice.pick(_STACK))
                    canvas.take(cell, SOLID)


def _yard(canvas: Canvas, at: Frame, quay: float, reach: float) -> None:
    dice = canvas.dice
    canvas.ground("asphalt", at.px(box(-2 * reach, quay, 2 * reach, quay + max(9.0, 2 * canvas.gsd))))
    for x in np.arange(-0.7, 0.7, 0.2) * reach:
        if dice.chance(0.55):
            size = min(0.16 * reach, dice.uniform(50, 140))
            if canvas.resolves(size * 0.35, 4):
                flat_roof(canvas, at.at(x, quay + 20 + size * 0.3), size, size * 0.4, 12, avoid=SOLID)
        else:
            _stacks(canvas, at, x - 0.08 * reach, quay + 15, x + 0.08 * reach, quay + min(0.25 * reach, 90))
    for _ in range(14):
        lane = at.at(dice.uniform(-0.7, 0.7) * reach, quay + dice.pick((2.5, 6.5)), dice.pick((0, math.pi)))
        vehicle(canvas, lane, kind=dice.pick(("lorry", "lorry", "van", "car")))


def _marina(canvas: Canvas, at: Frame) -> None:
    dice = canvas.dice
    at = at.at(0, dice.uniform(0.15, 0.35) * canvas.extent_m)
    _land(canvas, at, 0, dice.pick(("paving", "grass", "lawn")))
    canvas.ground("paving", at.px(box(-3 * canvas.extent_m, -1, 3 * canvas.extent_m, 8)))
    berth = dice.uniform(8, 15)
    gap = berth * 2 + dice.uniform(12, 20)
    out = min(dice.uniform(60, 140), 0.75 * canvas.extent_m)
    wood: Bgrn = dice.pick(((150, 166, 176, 170), (176, 184, 188, 180), (104, 124, 140, 140)))
    for x in np.arange(-math.ceil(canvas.extent_m / gap), math.ceil(canvas.extent_m / gap) + 1) * gap:
        parts = [(at.px(box(x - 1.2, -out, x + 1.2, -1.0)), wood)]
        pitch = berth * 0.36 + 0.6
        fingers = np.arange(-out + 1, -8, 2 * pitch)
        parts += [(at.px(box(x - berth * 0.8, y - 0.4, x + berth * 0.8, y + 0.4)), wood) for y in fingers]
        if canvas.thing("harbor", parts, avoid=0, claim=FLAT, height_m=1, min_visible=0.15) is None:
            continue
        for y in fingers:
            for side in (-1, 1):
                for nudge in (0.5, 1.5):
                    if dice.chance(0.72):
                        size = berth * dice.uniform(0.62, 0.9)
                        place = at.at(x + side * (1.6 + size / 2), y + nudge * pitch, 0 if side > 0 else math.pi)
                        ship(canvas, place, size, kind="yacht", avoid=SOLID | FLAT)
    for _ in range(3):
        size = dice.uniform(8, 16)
        afloat = at.at(dice.uniform(-0.5, 0.5) * canvas.extent_m, -out - dice.uniform(10, 60), dice.uniform(0, 6.3))
        if ship(canvas, afloat, size, kind="yacht") is not None:
            wake(canvas, afloat, size)
    for x in np.arange(-0.7, 0.7, 0.28) * canvas.extent_m:
        flat_roof(canvas, at.at(x, 22), dice.uniform(14, 24), 12, 6, avoid=SOLID)
    for _ in range(10):
        vehicle(canvas, at.at(dice.uniform(-0.7, 0.7) * canvas.extent_m, 11, math.pi / 2))
