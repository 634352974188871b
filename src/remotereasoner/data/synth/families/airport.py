"""Airports: a runway with its taxiway, and planes on the apron before a terminal."""

from __future__ import annotations

import math

import numpy as np

from remotereasoner.data.synth.canvas import FLAT, ROAD, SOLID, Canvas
from remotereasoner.data.synth.geometry import Frame, box, ribbon, smooth
from remotereasoner.data.synth.materials import Bgrn
from remotereasoner.data.synth.objects.aircraft import airplane
from remotereasoner.data.synth.objects.buildings import flat_roof
from remotereasoner.data.synth.objects.trees import scatter_trees
from remotereasoner.data.synth.objects.vehicles import vehicle

__all__ = ["BASES", "draw"]

BASES = ("grass", "dry_grass", "meadow")
_WHITE: Bgrn = (226, 228, 228, 210)
_YELLOW: Bgrn = (70, 190, 216, 170)


def draw(canvas: Canvas) -> None:
    """Draw one. The frame's x axis runs along the runway, y towards the apron."""
    dice = canvas.dice
    wide = canvas.extent_m > 900
    length = dice.uniform(2000, 3600)
    across = dice.uniform(170, 230)
    angle = dice.uniform(0, 2 * math.pi)
    focus = (dice.uniform(-0.3, 0.3) * length, dice.uniform(0.3, 0.8) * across) if wide else (
        dice.uniform(-250, 250), across + dice.uniform(40, 120)
    )  # fmt: skip
    if not wide and dice.chance(0.25):
        focus = (dice.pick((-0.46, 0.46)) * length, dice.uniform(-20, 40))
    middle = canvas.frame(dice.uniform(0.4, 0.6), dice.uniform(0.4, 0.6), angle)
    at = middle.at(-focus[0], -focus[1])
    _runway(canvas, at, length)
    taxi = 23.0
    canvas.ground("runway", at.px(box(-length / 2, across - 60, length / 2, across - 60 + taxi)), layer=ROAD)
    canvas.line(at.px([(-length / 2, across - 60 + taxi / 2), (length / 2, across - 60 + taxi / 2)]), _YELLOW, 0.4)
    for x in np.linspace(-0.48, 0.48, dice.integer(4, 7)) * length:
        slant = dice.pick((0, 60, -60))
        line = smooth(np.array(((x, 0), (x, 30), (x + slant, across - 70), (x + slant, across - 50))), 2)
        canvas.ground("runway", at.px(ribbon(line, taxi)), layer=ROAD)
        canvas.line(at.px(line), _YELLOW, 0.4)
    _apron(canvas, at, across - 40, dice.uniform(700, 1100))
    if dice.chance(0.5) and canvas.resolves(35, 4):
        planes = dice.integer(1, 2)
        for _ in range(planes):
            x = focus[0] + dice.uniform(-0.4, 0.4) * canvas.extent_m
            airplane(canvas, at.at(x, across - 60 + taxi / 2, dice.pick((0.0, math.pi))), dice.uniform(32, 60))
    scatter_trees(canvas, 14, on=BASES)


def _runway(canvas: Canvas, at: Frame, length: float) -> None:
    half = canvas.dice.pick((15.0, 22.5, 22.5, 30.0))
    outline = at.px(box(-length / 2, -half, length / 2, half))
    canvas.ground("runway", at.px(box(-length / 2 - 60, -half - 7, length / 2 + 60, half + 7)), layer=ROAD)
    paving: Bgrn = (82, 82, 80, 80)
    if canvas.thing("runway", [(outline, paving)], avoid=0, claim=ROAD, flat=True, min_visible=0.0) is None:
        canvas.unlabelled.add("runway")
    if canvas.gsd > 6:
        return
    for x in np.arange(-length / 2 + 120, length / 2 - 120, 50):
        canvas.mark(at.px(box(x, -0.45, x + 30, 0.45)), _WHITE) if canvas.gsd < 1 else canvas.line(
            at.px([(x, 0), (x + 30, 0)]), _WHITE, 0.9
        )
    for side in (-1, 1):
        canvas.line(at.px([(-length / 2, side * (half - 1)), (length / 2, side * (half - 1))]), _WHITE, 0.9)
        end = side * (length / 2 - 6)
        for y in np.linspace(-half + 3, half - 3, 12):
            if abs(y) > 1.5:
                bar = box(min(end, end - side * 30), y - 0.9, max(end, end - side * 30), y + 0.9)
                canvas.mark(at.px(bar), _WHITE)
        for y in (-10.0, 10.0):
            spot = side * (length / 2 - 310)
            canvas.mark(at.px(box(min(spot, spot - side * 45), y - 3, max(spot, spot - side * 45), y + 3)), _WHITE)
        for k in range(8):  # tyre marks where planes touch down
            x = side * (length / 2 - 250 - 25 * k)
            canvas.line(at.px([(x, -3.0 + k % 3), (x - side * 180, -3.0 + k % 3)]), (58, 58, 58, 56), 0.8)
            canvas.line(at.px([(x, 3.0 - k % 3), (x - side * 180, 3.0 - k % 3)]), (58, 58, 58, 56), 0.8)


def _apron(canvas: Canvas, at: Frame, y: float, length: float) -> None:
    dice = canvas.dice
    depth = dice.uniform(110, 170)
    canvas.ground("apron", at.px(box(-length / 2, y, length / 2, y + depth)), layer=ROAD)
    for x in np.arange(-length / 2, length / 2, 7.5) if canvas.gsd < 0.6 else ():
        canvas.line(at.px([(x, y), (x, y + depth)]), (138, 144, 146, 146), 0.2)
    front = y + depth
    terminal = dice.chance(0.7)
    if terminal:
        flat_roof(canvas, at.at(0, front + 22), length * 0.55, 40, 16, avoid=SOLID)
        canvas.ground("lot", at.px(box(-length / 2, front + 46, length / 2, front + 100)), layer=FLAT)
        canvas.ground("asphalt", at.px(box(-length, front + 100, length, front + 112)), layer=ROAD)
    hangars = (-0.42, 0.42) if terminal else (-0.4, -0.2, 0.0, 0.2, 0.4)
    for share in hangars:
        flat_roof(canvas, at.at(share * length, front + 36), dice.uniform(50, 80), 55, 18, avoid=SOLID)
    big = dice.uniform(34, 42) if dice.chance(0.6) else dice.uniform(55, 68)
    pitch = big * dice.uniform(1.08, 1.35)
    nose_in = terminal or dice.chance(0.5)
    for x in np.arange(-length / 2 + pitch, length / 2 - pitch / 2, pitch):
        canvas.line(at.px([(x, y + 10), (x, front - 8)]), _YELLOW, 0.3)
        if dice.chance(0.72) and canvas.resolves(big, 6):
            stand = at.at(x, front - 8 - big / 2, (1 if nose_in else -1) * math.pi / 2 + dice.uniform(-0.03, 0.03))
            airplane(canvas, stand, dice.jitter(big, 0.08))
            if terminal and abs(x) < 0.26 * length:  # the bridge to the plane: drawn, not a class of ours
                canvas.line(at.px([(x - 6, front), (x - 4, front - 0.25 * big)]), (176, 180, 182, 170), 3)
        elif dice.chance(0.5):
            vehicle(canvas, at.at(x, front - 15, dice.uniform(0, 6)), kind=dice.pick(("van", "lorry", "car")))
    if canvas.gsd <= 0.5 and dice.chance(0.5):
        row = y + 18
        for x in np.arange(-length / 2 + 10, length / 2, 14):
            if dice.chance(0.5):
                airplane(canvas, at.at(x, row, -math.pi / 2), dice.uniform(8, 11), small=True)
    for _ in range(8):
        x = dice.uniform(-length / 2, length / 2)
        vehicle(canvas, at.at(x, front + dice.pick((104, 109)), dice.pick((0, math.pi))))
