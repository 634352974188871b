"""Wind farms: turbines on fields or heath, with their long shadows, pads and tracks."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import ROAD, SOLID, Canvas
from remotereasoner.data.synth.families.farms import fields
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.families.woods import woods
from remotereasoner.data.synth.geometry import Frame, blob, box, disc, wander
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.thing import Thing

__all__ = ["BASES", "draw", "turbine"]

BASES = ("meadow", "dry_grass", "grass", "soil")


def draw(canvas: Canvas) -> None:
    """Draw one."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(0.5, 0.5, dice.uniform(0, 2 * math.pi))
    if dice.chance(0.6):
        fields(canvas, at, 1.5 * reach, 1.5 * reach, dice.integer(3, 5), gap=max(4.0, canvas.gsd))
    for _ in range(dice.integer(0, 3)):
        x, y = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side)
        woods(canvas, blob(dice, x, y, dice.uniform(0.04, 0.12) * canvas.side, 0.3))
    blade = max(dice.uniform(32, 60), 9 * canvas.gsd)
    spacing = max(4.4 * blade, reach / 6)
    wind = dice.uniform(0, 2 * math.pi)
    rows = max(1, math.ceil(0.7 * reach / spacing))
    shift = (dice.uniform(-0.3, 0.3) * spacing, dice.uniform(-0.3, 0.3) * spacing)
    for j in range(-rows, rows + 1):
        y = j * spacing + shift[1]
        road = wander(dice, (-reach, y + 0.15 * spacing), (reach, y + 0.15 * spacing), 3, 0.05 * spacing)
        if dice.chance(0.8):
            lanes = max(1, math.ceil(1.5 * canvas.gsd / 3.5))
            street(canvas, at.px(road), lanes, 0.0, material="track", markings=False)
        for i in range(-rows, rows + 1):
            if dice.chance(0.85):
                x = i * spacing + shift[0] + dice.uniform(-0.1, 0.1) * spacing
                spot = at.at(x, y + dice.uniform(-0.1, 0.05) * spacing)
                turbine(canvas, Frame(spot.x_px, spot.y_px, wind, spot.px_per_m), blade)


def turbine(canvas: Canvas, at: Frame, blade: float) -> Thing | None:
    """A turbine from above and a little aside: the rotor is a flat ellipse that the wind turns across x."""
    dice = canvas.dice
    white: Bgrn = (240, 242, 242, 226)
    tower = blade * dice.uniform(1.5, 1.9)
    lean = dice.uniform(0.22, 0.45)
    turn = dice.uniform(0, 2 * math.pi)
    wide = max(0.055 * blade, 1.1 * canvas.gsd)

    def blades(squash: float, x0: float) -> list[np.ndarray]:
        found = []
        for k in range(3):
            a = turn + k * 2 * math.pi / 3
            tip = np.array((x0 + squash * blade * math.cos(a), blade * math.sin(a)))
            root = np.array((x0, 0.0))
            along = (tip - root) / max(1e-9, float(np.hypot(*(tip - root))))
            across = np.array((-along[1], along[0])) * wide
            bulge = root + along * 0.3 * blade * squash + across * 0.5
            found.append(np.array((root - across * 0.5, root + across * 0.5, bulge, tip, root - across * 0.3)))
        return found

    hub = 0.1 * blade
    parts = [(at.px(p), white) for p in blades(lean + 0.25, hub)]
    parts.append(
        (
            at.px(box(-0.08 * blade, -max(0.03 * blade, 0.6 * canvas.gsd), hub, max(0.03 * blade, 0.6 * canvas.gsd))),
            (226, 230, 232, 214),
        )
    )
    room = at.px(disc(0, 0, blade * 1.05, points=20))
    if not canvas.is_free(room, SOLID):
        return None
    thing = canvas.thing("wind_turbine", parts, outline=room, avoid=SOLID, min_visible=0.55)
    if thing is None:
        return None
    canvas.ground("gravel", at.px(disc(0, 0, max(8.0, 1.6 * canvas.gsd), points=16)), layer=ROAD)
    canvas.ground("gravel", at.px(box(6, -9, 34, 9)), layer=ROAD)
    per_m = np.array(canvas.sun) / canvas.gsd
    foot, top = np.array((at.x_px, at.y_px)), np.array((at.x_px, at.y_px)) + per_m * tower
    side = np.array((-per_m[1], per_m[0])) / max(1e-9, float(np.hypot(*per_m)))
    half = max(0.025 * blade / canvas.gsd, 0.5)
    canvas.shade_polygon(
        np.array((foot - side * half * 1.4, foot + side * half * 1.4, top + side * half, top - side * half))
    )
    # The rotor's shadow: what is across the wind stays across, what is up goes along the sun's direction.
    across = np.array((-math.sin(at.angle), math.cos(at.angle))) / canvas.gsd
    for k in range(3):
        a = turn + k * 2 * math.pi / 3
        tip = top + blade * (math.sin(a) * across + math.cos(a) * per_m)
        normal = np.array((-(tip - top)[1], (tip - top)[0]))
        normal = normal / max(1e-9, float(np.hypot(*normal))) * max(0.5, 0.5 * wide / canvas.gsd)
        canvas.shade_polygon(np.array((top - normal, top + normal, tip)))
    return thing
