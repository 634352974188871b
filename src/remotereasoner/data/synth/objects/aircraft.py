"""Airliners and small planes, nose along x."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth.canvas import SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame
from remotereasoner.data.synth.materials import Bgrn, shade
from remotereasoner.data.synth.thing import Thing

__all__ = ["airplane"]

_WHITE: Bgrn = (240, 242, 242, 230)
_LIVERIES: tuple[tuple[Bgrn, float], ...] = (
    (_WHITE, 6),
    ((206, 208, 208, 200), 2),
    ((150, 98, 60, 110), 0.8),
    ((70, 70, 176, 130), 0.6),
    ((128, 138, 132, 120), 0.6),
)


def _both(points: list[tuple[float, float]]) -> list[np.ndarray]:
    one = np.array(points)
    return [one, one * (1, -1)]


def airplane(canvas: Canvas, at: Frame, length: float, *, small: bool = False) -> Thing | None:
    """A plane of ``length`` metres with its middle at the origin; ``small``: straight wings and a propeller."""
    if not canvas.sees(at, 0.75 * length):
        return None
    paint = canvas.dice.weighted(_LIVERIES)
    a, r = length / 2, length * (0.055 if small else 0.052)
    hull = [
        (a, 0), (a - 0.6 * r, 0.55 * r), (a - 2 * r, r), (-0.35 * a, r), (-a, 0.25 * r),
        (-a, -0.25 * r), (-0.35 * a, -r), (a - 2 * r, -r), (a - 0.6 * r, -0.55 * r),
    ]  # fmt: skip
    if small:
        span = 0.66 * length
        wings = _both([(0.22 * length, 0), (0.2 * length, span), (0.06 * length, span), (0.04 * length, 0)])
        tails = _both([(-0.4 * length, 0), (-0.4 * length, 0.2 * length), (-0.49 * length, 0.2 * length), (-a, 0)])
        engines: list[np.ndarray] = []
    else:
        span, sweep = 0.47 * length, 0.26 * length
        root, tip = 0.15 * length, 0.15 * length - sweep
        wings = _both(
            [(root, 0.6 * r), (tip, span), (tip - 0.045 * length, span), (root - 0.24 * length, 0.36 * span),
             (root - 0.27 * length, 0.6 * r)]
        )  # fmt: skip
        tails = _both(
            [
                (-0.39 * length, 0),
                (-0.47 * length, 0.17 * length),
                (-0.505 * length, 0.17 * length),
                (-0.48 * length, 0),
            ]
        )
        places = (0.33,) if length < 60 or canvas.dice.chance(0.5) else (0.27, 0.52)
        engines = []
        for share in places:
            x, y = root - sweep * share + 0.015 * length, span * share
            near, far = y - 0.019 * length, y + 0.019 * length
            front, back = x + 0.05 * length, x - 0.03 * length
            engines += _both([(front, near), (front, far), (back, far), (back, near)])
    wing_paint = shade(paint, 0.86)
    parts = [(at.px(p), shade(paint, 0.7)) for p in engines]
    parts += [(at.px(p), wing_paint) for p in (*wings, *tails)]
    parts.append((at.px(hull), paint))
    fin = [(-0.36 * length, 0.1 * r), (-a, 0.22 * r), (-a, -0.22 * r), (-0.36 * length, -0.1 * r)]
    details = [(at.px(fin), shade(canvas.dice.pick([c for c, _ in _LIVERIES]), 0.85))]
    if canvas.resolves(r, 2):
        cockpit = [(a - 0.9 * r, 0.5 * r), (a - 1.5 * r, 0.6 * r), (a - 1.5 * r, -0.6 * r), (a - 0.9 * r, -0.5 * r)]
        details.append((at.px(cockpit), (60, 54, 50, 46)))
    around = np.array([(a, 0), (0.1 * length, span), (-0.2 * length, span), (-a, 0.2 * length),
                       (-a, -0.2 * length), (-0.2 * length, -span), (0.1 * length, -span)])  # fmt: skip
    shapes = [p for p, _ in parts]
    thing = canvas.thing("airplane", parts, outline=at.px(around * 1.04), details=details, avoid=SOLID)
    if thing is not None:
        for shape in shapes:
            canvas.shadow(shape, length * 0.11, length * 0.05)
    return thing
