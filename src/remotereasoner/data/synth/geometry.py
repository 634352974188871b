"""Outlines as (N, 2) float arrays of (x, y), and the frame that places metres on pixels."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remotereasoner.data.synth.dice import Dice
from remotereasoner.types import FloatArray

__all__ = ["Frame", "blob", "box", "disc", "ribbon", "sector", "smooth", "wander"]


@dataclass(frozen=True)
class Frame:
    """A frame in metres: its origin in pixels, its x axis turned by ``angle`` radians (clockwise, as y points down)."""

    x_px: float
    y_px: float
    angle: float
    px_per_m: float

    def px(self, points_m: FloatArray | Sequence[tuple[float, float]]) -> FloatArray:
        """(N, 2) metres to (N, 2) pixels."""
        points = np.asarray(points_m, np.float64)
        c, s = math.cos(self.angle) * self.px_per_m, math.sin(self.angle) * self.px_per_m
        x, y = points[:, 0], points[:, 1]
        found = np.empty(points.shape)
        found[:, 0] = x * c - y * s + self.x_px
        found[:, 1] = x * s + y * c + self.y_px
        return found

    def at(self, x_m: float, y_m: float, angle: float = 0.0) -> Frame:
        """A frame at a point of this one, turned by ``angle`` against it."""
        c, s = math.cos(self.angle) * self.px_per_m, math.sin(self.angle) * self.px_per_m
        return Frame(
            self.x_px + x_m * c - y_m * s, self.y_px + x_m * s + y_m * c, self.angle + angle, self.px_per_m
        )  # fmt: skip


def box(x1: float, y1: float, x2: float, y2: float) -> FloatArray:
    """A rectangle along the axes."""
    return np.array(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), np.float64)


@functools.cache
def _circle(points: int) -> FloatArray:
    t = np.arange(points) * (2 * math.pi / points)
    return np.stack((np.cos(t), np.sin(t)), 1)


@functools.cache
def _waves(points: int) -> FloatArray:
    """(4, 2, points): sine and cosine of 2 to 5 waves around."""
    t = np.arange(points) * (2 * math.pi / points)
    return np.array([(np.sin(k * t), np.cos(k * t)) for k in range(2, 6)])


def disc(x: float, y: float, a: float, b: float | None = None, points: int = 24) -> FloatArray:
    """An ellipse with half axes ``a``, ``b``."""
    return np.asarray(_circle(points) * (a, a if b is None else b) + (x, y))


def sector(x: float, y: float, radius: float, start: float, end: float, points: int = 16) -> FloatArray:
    """A slice of a disc from angle ``start`` to ``end``, its tip at (x, y)."""
    t = np.linspace(start, end, points)
    return np.concatenate((((x, y),), np.stack((x + radius * np.cos(t), y + radius * np.sin(t)), 1)))


def blob(dice: Dice, x: float, y: float, radius: float, rough: float = 0.2, points: int = 28) -> FloatArray:
    """A round outline with low waves; ``rough``: their height as a share of the radius."""
    weights, r = _waves(points), np.full(points, radius, np.float64)
    for order in range(4):
        high, turn = dice.uniform(0.3, 1) * rough / (order + 2) * 1.6 * radius, dice.uniform(0, 6.3)
        r += (high * math.cos(turn)) * weights[order, 0] + (high * math.sin(turn)) * weights[order, 1]
    return np.asarray(_circle(points) * r[:, None] + (x, y))


def smooth(points: FloatArray, rounds: int = 3, *, closed: bool = False) -> FloatArray:
    """Chaikin's corner cutting; an open line keeps its ends."""
    line = np.asarray(points, np.float64)
    for _ in range(rounds):
        after = np.roll(line, -1, 0) if closed else line[1:]
        before = line if closed else line[:-1]
        cut = np.empty((2 * len(before), 2))
        cut[0::2] = 0.75 * before + 0.25 * after
        cut[1::2] = 0.25 * before + 0.75 * after
        line = cut if closed else np.concatenate((line[:1], cut, line[-1:]))
    return line


def wander(dice: Dice, start: tuple[float, float], end: tuple[float, float], bends: int, swing: float) -> FloatArray:
    """A smooth line from ``start`` to ``end`` that swings aside by up to ``swing`` at ``bends`` places."""
    a, b = np.array(start, np.float64), np.array(end, np.float64)
    along = b - a
    across = np.array((-along[1], along[0])) / (np.hypot(*along) or 1.0)
    points = [a]
    side = 1 if dice.chance(0.5) else -1
    for k in range(1, bends + 1):
        points.append(a + along * (k / (bends + 1)) + across * side * dice.uniform(0.3, 1) * swing)
        side = -side if dice.chance(0.8) else side
    points.append(b)
    return smooth(np.array(points), 3)


def ribbon(line: FloatArray, width: float | FloatArray) -> FloatArray:
    """The outline of a band of ``width`` along ``line``."""
    step = np.gradient(line, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    half = np.broadcast_to(np.asarray(width, np.float64) / 2, (len(line),))[:, None]
    normal = np.stack((-step[:, 1], step[:, 0]), 1) * half
    return np.concatenate((line + normal, (line - normal)[::-1]))
