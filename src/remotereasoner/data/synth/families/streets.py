"""Streets with their markings and traffic; used by several families."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import DECK, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, ribbon
from remotereasoner.data.synth.materials import Bgrn, Material
from remotereasoner.data.synth.objects.vehicles import draws_vehicles, vehicle
from remotereasoner.types import FloatArray

__all__ = ["LANE_M", "dashes", "offset_line", "street", "traffic"]

LANE_M = 3.5
_WHITE: Bgrn = (220, 222, 222, 206)
_YELLOW: Bgrn = (72, 180, 208, 170)


def offset_line(line_px: FloatArray, by_px: float) -> FloatArray:
    """A line beside a line."""
    step = np.gradient(line_px, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    return line_px + np.stack((-step[:, 1], step[:, 0]), 1) * by_px


def _along(line_px: FloatArray, at_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points and headings at distances along a line."""
    step = np.diff(line_px, axis=0)
    far = np.concatenate(((0.0,), np.cumsum(np.hypot(step[:, 0], step[:, 1]))))
    x, y = np.interp(at_px, far, line_px[:, 0]), np.interp(at_px, far, line_px[:, 1])
    k = np.clip(np.searchsorted(far, at_px, "right") - 1, 0, len(step) - 1)
    return np.stack((x, y), 1), np.arctan2(step[k, 1], step[k, 0])


def _length(line_px: FloatArray) -> float:
    return float(np.hypot(*np.diff(line_px, axis=0).T).sum())


def dashes(canvas: Canvas, line_px: FloatArray, dash_m: float, gap_m: float, colour: Bgrn = _WHITE) -> None:
    """A broken line."""
    if canvas.gsd > 0.75:
        return
    starts = np.arange(0, _length(line_px) - dash_m / canvas.gsd, (dash_m + gap_m) / canvas.gsd)
    first, _ = _along(line_px, starts)
    last, _ = _along(line_px, starts + dash_m / canvas.gsd)
    for a, b in zip(first, last, strict=True):
        if -9 < a[0] < canvas.side + 9 and -9 < a[1] < canvas.side + 9:
            canvas.line(np.stack((a, b)), colour, max(0.15, 0.21 * canvas.gsd))


def street(
    canvas: Canvas, line_px: FloatArray, lanes: int, busy: float, *, material: str | Material | None = None,
    layer: int = ROAD, avoid: int = SOLID | DECK, markings: bool = True,
) -> None:  # fmt: skip
    """A street along a line: ``lanes`` in all, ``busy``: chance of a vehicle in each place of each lane."""
    dice = canvas.dice
    surface = material or dice.pick(("asphalt", "worn_asphalt"))
    width = lanes * LANE_M + 1.5
    canvas.ground(surface, ribbon(line_px, max(width / canvas.gsd, 1.6)), layer=layer)
    if markings and canvas.gsd < 0.75:
        if lanes > 2:
            for side in (-0.25, 0.25):
                canvas.line(offset_line(line_px, side / canvas.gsd), _YELLOW, 0.21 * canvas.gsd + 0.05)
        else:
            dashes(canvas, line_px, 3, 6)
        for side in (-1, 1):
            canvas.line(offset_line(line_px, side * lanes * LANE_M / 2 / canvas.gsd), _WHITE, 0.21 * canvas.gsd + 0.03)
            for lane in range(1, lanes // 2):
                dashes(canvas, offset_line(line_px, side * lane * LANE_M / canvas.gsd), 3, 9)
    traffic(canvas, line_px, lanes, busy, avoid=avoid)


def traffic(canvas: Canvas, line_px: FloatArray, lanes: int, busy: float, *, avoid: int = SOLID | DECK) -> None:
    """Vehicles that keep to the right of a line."""
    if not draws_vehicles(canvas) or not busy:
        return
    dice = canvas.dice
    total = _length(line_px)
    for lane in range(lanes):
        side = 1 if lane < lanes / 2 else -1
        across = side * (lane % max(1, lanes // 2) + 0.5) * LANE_M / canvas.gsd
        places = np.arange(dice.uniform(0, 10), total, 9.0 / canvas.gsd)
        points, headings = _along(offset_line(line_px, across), places)
        for (x, y), heading in zip(points, headings, strict=True):
            if dice.chance(busy * 0.5) and -20 < x < canvas.side + 20 and -20 < y < canvas.side + 20:
                kind = dice.weighted((("car", 10.0), ("van", 1.5), ("lorry", 1.0), ("bus", 0.3)))
                turn = float(heading) + (0 if side > 0 else math.pi)
                vehicle(canvas, Frame(float(x), float(y), turn, 1 / canvas.gsd), kind=kind, avoid=avoid)
