"""Single trees, seen as crowns with a lit and a dark side."""

from __future__ import annotations

import math

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import blob
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.thing import Thing

__all__ = ["draws_trees", "scatter_trees", "tree"]

_GREENS: tuple[Bgrn, ...] = ((44, 84, 60, 168), (50, 96, 72, 178), (40, 72, 52, 150), (56, 98, 88, 170))


def draws_trees(canvas: Canvas) -> bool:
    """Whether single crowns are large enough to be drawn one by one."""
    return canvas.gsd <= 1.0


def tree(
    canvas: Canvas, x_px: float, y_px: float, radius_m: float, *, avoid: int = SOLID | FLAT | ROAD
) -> Thing | None:
    """A crown around a point."""
    r = radius_m / canvas.gsd
    dice = canvas.dice
    green = shade(dice.pick(_GREENS), dice.uniform(0.85, 1.15))
    reach = math.hypot(*canvas.sun) or 1.0
    sx, sy = -canvas.sun[0] / reach, -canvas.sun[1] / reach
    crown = blob(dice, x_px, y_px, r, 0.14, 18)
    if not canvas.is_free(crown, avoid):
        return None
    details = [(blob(dice, x_px + 0.16 * r * sx, y_px + 0.16 * r * sy, 0.74 * r, 0.16, 14), green)]
    if r > 8:
        details.append((blob(dice, x_px + 0.3 * r * sx, y_px + 0.3 * r * sy, 0.45 * r, 0.2, 12), shade(green, 1.16)))
        for _ in range(4 if r > 14 else 2):
            t, q = dice.uniform(0, 6.3), dice.uniform(0.15, 0.55) * r
            spot = blob(dice, x_px + q * math.cos(t), y_px + q * math.sin(t), 0.17 * r, 0.2, 8)
            lit = math.cos(t) * sx + math.sin(t) * sy
            details.append((spot, shade(green, 1.08 + 0.2 * lit)))
    return canvas.thing(
        "tree", [(crown, shade(green, 0.74))], details=details, height_m=radius_m * 1.5, avoid=0, min_visible=0.5
    )  # fmt: skip


def scatter_trees(
    canvas: Canvas, number: int, *, on: tuple[str, ...] = (), radius_m: tuple[float, float] = (2, 5)
) -> None:
    """Trees at random free places, on the given materials only where any are given."""
    if not draws_trees(canvas):
        return
    dice = canvas.dice
    for _ in range(number):
        x, y, r = dice.uniform(0, canvas.side), dice.uniform(0, canvas.side), dice.uniform(*radius_m)
        if on and not canvas.ground_is(blob(dice, x, y, r / canvas.gsd, 0.0, 8), on):
            continue
        tree(canvas, x, y, r)
