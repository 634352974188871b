"""Tiles of texture, drawn once a process: periodic, uint8, around 128, so that any crop can be multiplied in."""

from __future__ import annotations

import functools
import math

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.dice import Dice
from remotereasoner.types import UInt8Array

__all__ = ["TILE", "crop", "noise_tile", "rows"]

TILE = 1024
_CROWN_PX = {"crowns3": 3, "crowns6": 6, "crowns12": 12, "crowns24": 24}
# name -> (exponent of the amplitude's fall with frequency, standard deviation, stretch along x)
_NOISE = {
    "grain": (0.0, 5.0, 1.0),
    "sensor": (0.0, 24.0, 1.0),
    "soft": (0.9, 8.0, 1.0),
    "patchy": (1.3, 17.0, 1.0),
    "blotch": (1.7, 16.0, 1.0),
    "waves": (0.8, 6.0, 5.0),
}


def _spectrum(name: str) -> UInt8Array:
    fall, deviation, stretch = _NOISE[name]
    rng = np.random.default_rng(sorted(_NOISE).index(name))
    white = rng.standard_normal((TILE, TILE)).astype(np.float32)
    if fall:
        fy = np.fft.fftfreq(TILE)[:, None]
        fx = np.fft.rfftfreq(TILE)[None] * stretch
        weight = np.maximum(np.hypot(fx, fy), 2 / TILE) ** -fall
        white = np.fft.irfft2(np.fft.rfft2(white) * weight, (TILE, TILE)).astype(np.float32)
    white *= deviation / white.std()
    return np.clip(white + 128, 30, 226).astype(np.uint8)


def _crowns(radius_px: int) -> UInt8Array:
    """A closed canopy: a bump around each of many random points, lit from one side by its slope."""
    rng = np.random.default_rng(100 + radius_px)
    seeds = np.full((TILE, TILE), 255, np.uint8)
    count = int(TILE * TILE / (2.2 * radius_px**2))
    seeds[rng.integers(0, TILE, count), rng.integers(0, TILE, count)] = 0
    wrapped = cv2.copyMakeBorder(seeds, 64, 64, 64, 64, cv2.BORDER_WRAP)
    far = cv2.distanceTransform(wrapped, cv2.DIST_L2, 3)[64:-64, 64:-64]
    bump = np.clip(1.2 - far / radius_px, 0, 1.2)
    lit = bump - np.roll(bump, (max(1, radius_px // 3),) * 2, (0, 1))
    shade = 96 + 38 * bump + 55 * lit + rng.normal(0, 4, bump.shape)
    lit_up: UInt8Array = np.clip(shade, 30, 226).astype(np.uint8)
    return lit_up


@functools.cache
def noise_tile(name: str) -> UInt8Array:
    """(TILE, TILE) uint8 of a name in this module."""
    return _crowns(_CROWN_PX[name]) if name in _CROWN_PX else _spectrum(name)


def crop(name: str, height: int, width: int, dice: Dice) -> UInt8Array:
    """(height, width) of a tile at a random place. The array may be a view of the tile: do not write to it."""
    tile = noise_tile(name)
    if height > TILE or width > TILE:
        tile = np.tile(tile, (math.ceil(height / TILE), math.ceil(width / TILE)))
    y = dice.integer(0, tile.shape[0] - height)
    x = dice.integer(0, tile.shape[1] - width)
    return tile[y : y + height, x : x + width]


def rows(height: int, width: int, angle: float, period_px: float, depth: float) -> UInt8Array:
    """Rows of a crop: waves across ``angle``; ``depth`` in grey levels."""
    k = 2 * math.pi / period_px
    x = np.arange(width, dtype=np.float32) * np.float32(k * -math.sin(angle))
    y = np.arange(height, dtype=np.float32) * np.float32(k * math.cos(angle))
    wave = np.outer(np.cos(y), np.cos(x)) - np.outer(np.sin(y), np.sin(x))
    return (128 + depth * wave).astype(np.uint8)
