"""Housing: streets with plots of houses, gardens, pools, solar roofs and parked cars."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, Canvas
from remotereasoner.data.synth.families.streets import street
from remotereasoner.data.synth.geometry import Frame, box
from remotereasoner.data.synth.objects.buildings import flat_roof, house, pool, solar_array
from remotereasoner.data.synth.objects.trees import draws_trees, scatter_trees, tree
from remotereasoner.data.synth.objects.vehicles import vehicle
from remotereasoner.types import FloatArray

__all__ = ["BASES", "draw"]

BASES = ("lawn", "grass", "dry_grass", "soil")


def draw(canvas: Canvas) -> None:
    """Draw one: parallel streets, plots on both sides of each."""
    dice = canvas.dice
    reach = canvas.extent_m
    at = canvas.frame(dice.uniform(0.3, 0.7), dice.uniform(0.3, 0.7), dice.uniform(0, 2 * math.pi))
    plot = dice.uniform(16, 26)
    depth = dice.uniform(26, 38)
    row = 2 * depth + 9
    rich = dice.uniform(0, 0.7)
    sunny = dice.uniform(0.05, 0.7)
    bow = dice.uniform(-1, 1) * 0.0008 if reach > 100 else 0.0
    number = math.ceil(0.75 * reach / row) + 1
    material = dice.pick(("asphalt", "worn_asphalt"))
    lines = []
    for k in range(-number, number + 1):
        x = np.linspace(-1.2 * reach, 1.2 * reach, 40)
        lines.append(np.stack((x, k * row + bow * x * x), 1))
        street(canvas, at.px(lines[-1]), 2, 0.15, markings=dice.chance(0.4), material=material)
    cross = dice.uniform(-0.4, 0.4) * reach
    street(
        canvas,
        at.px(np.linspace((cross, -1.2 * reach), (cross, 1.2 * reach), 20)),
        2,
        0.15,
        markings=False,
        material=material,
    )
    for line in lines:
        for k in range(int(1.9 * reach / plot)):
            left = -0.95 * reach + k * plot
            y = float(np.interp(left + plot / 2, line[:, 0], line[:, 1]))
            tilt = math.atan(2 * bow * left)
            for side in (-1, 1):
                corner = at.at(left + plot / 2, y + side * 4.5, tilt + (0 if side > 0 else math.pi))
                if canvas.sees(corner.at(0, depth / 2), depth):
                    _plot(canvas, corner, plot, depth, rich, sunny)
    scatter_trees(canvas, int(min(40, reach / 3)), on=BASES, radius_m=(1.5, 4.5))


def _plot(canvas: Canvas, at: Frame, width: float, depth: float, rich: float, sunny: float) -> None:
    """A plot: the street along x at y = 0, the garden towards y."""
    dice = canvas.dice
    if dice.chance(0.05):
        return
    length, breadth = min(dice.uniform(11, 17), width - 4), dice.uniform(8, 11)
    middle = dice.uniform(8, 10) + breadth / 2
    home = at.at(dice.uniform(-0.5, 0.5) * (width - length - 2), middle)
    flat = dice.chance(0.12)
    thing = flat_roof(canvas, home, length, breadth, 7) if flat else house(canvas, home, length, breadth)
    if thing is not None and dice.chance(sunny) and canvas.resolves(3.0, 3):
        columns, rows = dice.integer(3, 6), dice.integer(2, 3)
        w, h = columns * 1.7, rows * 1.0
        side = 1 if math.cos(at.angle) * -canvas.sun[1] > 0 else -1  # the slope that faces the sun
        y = breadth * 0.25 * side - h / 2
        solar_array(canvas, home.at(-w / 2, max(-breadth / 2 + 0.5, min(breadth / 2 - h - 0.5, y))), columns, rows)
    drive = (width / 2 - 3.4) * dice.pick((-1, 1))
    canvas.ground("paving", at.px(box(drive - 1.6, -1, drive + 1.6, middle - breadth / 2 - 0.5)))
    if dice.chance(0.55):
        vehicle(canvas, at.at(drive, dice.uniform(2.6, 4.5), dice.pick((-1, 1)) * math.pi / 2))
    if dice.chance(rich):
        size = dice.uniform(7, 11)
        pool(canvas, at.at(dice.uniform(-3, 3), depth - dice.uniform(5, 7)), size, size * dice.uniform(0.42, 0.6))
    if dice.chance(0.3):
        canvas.ground("paving", at.px(box(-4, middle + breadth / 2, 4, middle + breadth / 2 + 3)))
    if draws_trees(canvas):
        for _ in range(dice.integer(0, 3)):
            spot = at.at(dice.uniform(-0.45, 0.45) * width, dice.uniform(0.1, 0.95) * depth)
            crown: FloatArray = spot.px(box(-2, -2, 2, 2))
            if canvas.is_free(crown, FLAT | ROAD):
                tree(canvas, spot.x_px, spot.y_px, dice.uniform(1.4, 3.8))
