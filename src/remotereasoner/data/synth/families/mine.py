"""Open-pit mines: terraces down to a floor, a haul road, heaps, and a works yard."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, SOLID, Canvas
from remotereasoner.data.synth.families.farms import fields
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import blob, box, wander
from remotereasoner.data.synth.materials import Bgrn, Material, shade
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("dry_grass", "meadow", "soil", "grass")
_STONE: tuple[Bgrn, ...] = (
    (138, 158, 172, 176), (112, 138, 168, 172), (96, 122, 168, 170), (166, 176, 182, 184), (104, 110, 118, 120)
)  # fmt: skip


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(0.5, 0.5, dice.uniform(0, 2 * math.pi))
    if dice.chance(0.4):
        fields(canvas, at, 1.5 * reach, 1.5 * reach, 5, gap=max(4.0, canvas.gsd))
    for _ in range(dice.integer(2, 7)):
        x, y = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side)
        woods(canvas, blob(dice, x, y, dice.uniform(0.05, 0.2) * canvas.side, 0.35))
    stone = dice.pick(_STONE)
    number = 1 if dice.chance(0.65) else 2
    pits = []
    for k in range(number):
        share = dice.uniform(0.2, 0.32) if number == 1 else dice.uniform(0.13, 0.19)
        x = (0.5 + dice.uniform(-0.12, 0.12)) if number == 1 else (0.27 + 0.46 * k)
        y = 0.5 + dice.uniform(-0.14, 0.14)
        pits.append((x * canvas.side, y * canvas.side, min(share, 1500 / reach) * canvas.side))
    px, py, pr = pits[0]
    road = wander(
        dice,
        (px, py),
        (dice.pick((-20.0, canvas.side + 20.0)), dice.uniform(0, 1) * canvas.side),
        3,
        0.08 * canvas.side,
    )
    lanes = max(3, math.ceil(2.0 * canvas.gsd / 3.5))
    street(canvas, road, lanes, 0.0, material="track", markings=False)
    for x, y, r in pits:
        _pit(canvas, x, y, r, stone)
    for _ in range(dice.integer(1, 3)):
        _heap(canvas, dice.uniform(0.08, 0.92) * canvas.side, dice.uniform(0.08, 0.92) * canvas.side, 0.3 * pr, stone)
    yard = canvas.frame(dice.uniform(0.1, 0.9), dice.pick((0.08, 0.92)), at.angle)
    if canvas.resolves(16, 4):
        canvas.ground("gravel", yard.px(box(-60, -40, 60, 40)))
        for k in (-1, 0, 1):
            flat_roof(canvas, yard.at(38.0 * k, 0), 28, 18, 10, avoid=SOLID | FLAT)


def _pit(canvas: Canvas, x: float, y: float, radius: float, stone: Bgrn) -> None:
    dice = canvas.dice
    rim = blob(dice, x, y, radius, 0.22, 40)
    thing = canvas.thing(
        "mine", [(rim, (0, 0, 0, 0))], avoid=0, claim=SOLID | FLAT, painted=False, min_visible=0.2
    )  # fmt: skip
    if thing is None:
        canvas.unlabelled.add("mine")
    lit = -np.array(canvas.sun) / max(1e-6, math.hypot(*canvas.sun))
    steps = max(4, min(10, int(radius / 7)))
    # The floor lies towards one side of the rim, as it does where the seam dips.
    lean = np.array((dice.uniform(-0.25, 0.25), dice.uniform(-0.25, 0.25))) * radius
    middle = rim.mean(0)
    floor = dice.uniform(0.25, 0.45)
    for k in range(steps):
        scale = 1 - (1 - floor) * k / steps
        ring: FloatArray = middle + lean * (1 - scale) + (rim - middle) * scale
        tread = shade(stone, dice.uniform(0.9, 1.06) * (1 - 0.012 * k))
        face = shade(stone, 0.74)
        canvas.ground(Material(face, "patchy", "land", None, 0.0), ring)
        # the step's face is dark on the side of the sun and bright opposite
        inner = middle + lean * (1 - scale) + (rim - middle) * (scale - 0.35 * (1 - floor) / steps)
        canvas.ground(Material(tread, "soft", "land", None, 0.0), inner)
        depth = 0.3 * (1 - floor) * radius / steps
        canvas.shade_polygon(inner, outside=inner - lit * depth)
    end: FloatArray = middle + lean * (1 - floor) + (rim - middle) * floor * 0.9
    canvas.ground(Material(shade(stone, 0.92), "patchy", "land", None, 0.0), end)
    if dice.chance(0.5):
        pond = end.mean(0) + (end - end.mean(0)) * dice.uniform(0.3, 0.6)
        canvas.ground(
            Material(dice.pick(((150, 150, 84, 40), (110, 124, 92, 40), (84, 76, 60, 20))), "waves", "water"), pond
        )
    # the haul road winds down along the terraces
    n = len(rim)
    start = dice.integer(0, n - 1)
    turns = dice.uniform(0.6, 1.3)
    points = []
    for k in range(int(n * turns)):
        scale = 1 - (1 - floor) * k / (n * turns)
        points.append(middle + lean * (1 - scale) + (rim[(start + k) % n] - middle) * (scale - 0.02))
    if len(points) > 3:
        canvas.line(np.array(points), shade(stone, 1.16), max(14.0, 1.3 * canvas.gsd))


def _heap(canvas: Canvas, x: float, y: float, radius: float, stone: Bgrn) -> None:
    dice = canvas.dice
    outline = blob(dice, x, y, radius, 0.3)
    if not canvas.is_free(outline, SOLID):
        return
    canvas.shadow(outline, 0.12 * radius * canvas.gsd)
    canvas.light(outline)
    middle = outline.mean(0)
    for k, factor in enumerate((0.82, 0.9, 0.98)):
        material = Material(shade(stone, factor), "patchy", "land", None, 0.0)
        canvas.ground(material, middle + (outline - middle) * (1 - 0.22 * k))
