"""Dams: a wall across a valley, the reservoir above it, the river below."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, SOLID, Canvas
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, box, ribbon, smooth, wander
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.ships import ship
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("meadow", "dry_grass", "rock", "grass")


def draw(canvas: Canvas) -> None:
    """Draw one: the frame's x axis runs down the valley, the wall crosses it near the origin."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.4, 0.6), dice.uniform(0.4, 0.6), dice.uniform(0, 2 * math.pi))
    for _ in range(dice.integer(4, 9)):
        x, y = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side)
        woods(canvas, blob(dice, x, y, dice.uniform(0.08, 0.24) * canvas.side, 0.35))
    span = min(dice.uniform(0.3, 0.6) * reach, 1500.0)
    river = max(5 * canvas.gsd, 0.12 * span)
    below = wander(dice, (0, 0), (reach, dice.uniform(-0.2, 0.2) * reach), 3, 0.08 * reach)
    canvas.ground(dice.pick(("gravel", "rock")), at.px(ribbon(below, river * 1.7)), layer=FLAT)
    canvas.ground("river", at.px(ribbon(below, river)), layer=FLAT)
    bare = max(2 * canvas.gsd, 0.03 * span)
    lake = _lake(canvas, span, reach)
    middle = np.array((0.0, 0.0))
    canvas.ground(dice.pick(("sand", "soil", "rock")), at.px(middle + (lake - middle) * (1 + bare / span)), layer=FLAT)
    canvas.ground(dice.pick(("lake", "lake", "shallow")), at.px(lake), layer=FLAT)
    _wall(canvas, at, span, river)
    for _ in range(dice.integer(0, 3)):
        size = max(16 * canvas.gsd, 12.0)
        if size < 40:
            place = at.at(-dice.uniform(0.1, 0.5) * reach, dice.uniform(-0.2, 0.2) * span, dice.uniform(0, 6.3))
            if canvas.ground_is(
                place.px([(-size, -size), (size, -size), (size, size), (-size, size)]), ("lake", "shallow")
            ):
                ship(canvas, place, size, kind="yacht", avoid=SOLID)


def _lake(canvas: Canvas, span: float, reach: float) -> FloatArray:
    dice = canvas.dice
    half = span / 2
    far = -1.1 * reach
    xs = np.linspace(0, far, 9)
    up = [(float(x), half * (1 + (0 if i == 0 else dice.uniform(-0.25, 0.55)))) for i, x in enumerate(xs)]
    down = [(float(x), -half * (1 + (0 if i == 0 else dice.uniform(-0.25, 0.55)))) for i, x in enumerate(xs)]
    return np.concatenate((smooth(np.array(up), 3), smooth(np.array(down), 3)[::-1]))


def _wall(canvas: Canvas, at: Frame, span: float, river: float) -> None:
    """An arch of concrete, or a bank of earth and rock with a road along its crest."""
    dice = canvas.dice
    half = span / 2 * 1.12 + 3 * canvas.gsd
    y = np.linspace(-half, half, 24)
    arch = dice.chance(0.55)
    bow = -dice.uniform(0.1, 0.28) * span if arch else 0.0
    crest = np.stack((bow * (1 - (y / half) ** 2), y), 1)
    thick = max(0.03 * span, 3.4 * canvas.gsd, 9.0)
    back = max(thick * (1.6 if arch else 4.0), 6 * canvas.gsd)
    face: Bgrn = (176, 184, 188, 180) if arch else dice.pick(((118, 130, 138, 150), (84, 118, 112, 160)))
    foot = crest + np.stack((thick + back * (1 - (np.abs(y) / half) ** 1.6), np.zeros_like(y)), 1)
    outline = np.concatenate((np.subtract(crest, (thick / 2, 0)), foot[::-1]))
    top = at.px(ribbon(crest, thick))
    body = at.px(outline)
    canvas.ground("paving" if arch else "gravel", body, layer=FLAT)
    details: list[tuple[np.ndarray, Bgrn]] = []
    if not arch and canvas.gsd < 6:
        for k in (0.35, 0.6, 0.85):
            berm = crest + np.stack((thick / 2 + (foot[:, 0] - crest[:, 0] - thick / 2) * k, np.zeros_like(y)), 1)
            details.append((at.px(ribbon(berm[2:-2], 2.0 + 0.6 * canvas.gsd)), shade(face, 1.12)))
    bays = dice.integer(3, 7)
    lip = bow
    w = min(0.2 * span, max(river, 8 * canvas.gsd))
    spill = [
        (lip + thick * 0.4, -w / 2),
        (lip + thick + back * 0.96, -w / 2),
        (lip + thick + back * 0.96, w / 2),
        (lip + thick * 0.4, w / 2),
    ]
    if dice.chance(0.8):
        details.append((at.px(spill), dice.pick(((196, 190, 176, 120), (160, 164, 166, 150)))))
        for k in range(bays + 1) if canvas.gsd < 3 else ():
            yy = -w / 2 + w * k / bays
            details.append(
                (at.px(box(lip + thick * 0.4, yy - 0.8, lip + thick + back * 0.9, yy + 0.8)), (150, 158, 162, 156))
            )
    thing = canvas.thing(
        "dam", [(body, face), (top, (188, 194, 196, 190))], details=details, avoid=0, claim=SOLID, flat=True,
        min_visible=0.1,
    )  # fmt: skip
    if thing is None:
        canvas.unlabelled.add("dam")
    canvas.mark(top, (188, 194, 196, 190))
    canvas.line(at.px(crest), (110, 110, 108, 106), max(5.0, 0.8 * canvas.gsd))
    if canvas.resolves(thick, 2):
        canvas.shade_polygon(
            np.concatenate((at.px(np.add(crest, (thick / 2, 0))), at.px(np.add(crest, (thick * 0.9, 0)))[::-1]))
        )
    house = at.at(thick + back + 0.1 * span, dice.pick((-1, 1)) * (river * 0.9 + 0.06 * span))
    if canvas.resolves(0.07 * span, 4):
        flat_roof(canvas, house, max(18.0, 0.14 * span), max(10.0, 0.07 * span), 14, avoid=SOLID)
    for sign in (-1, 1):
        road = wander(dice, (0, sign * half), (dice.uniform(0.1, 0.6) * span, sign * canvas.extent_m), 2, 0.05 * span)
        street(canvas, at.px(road), max(2, math.ceil(2 * canvas.gsd / 3.5)), 0.2, avoid=SOLID | FLAT)
