"""Drawn shapes: outlines filled with one real or made texture over another, with exact masks.

Coastlines and lakes are fractal: noise whose amplitude falls as 1/f^b (midpoint-displacement terrain and its level
sets, Mandelbrot), thresholded, or as the radius of a closed curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from remotereasoner.types import BoolArray, UInt8Array

__all__ = ["drawn_crop", "fractal_field"]

Float64Array = npt.NDArray[np.float64]


def drawn_crop(
    textures: Sequence[UInt8Array], size: int, span: float, rng: np.random.Generator
) -> tuple[str, UInt8Array, BoolArray, BoolArray]:
    """One drawn crop: (``drawn_coast`` or ``drawn_shape``, rgb (S, S, 3), target (S, S), counted (S, S)).

    The target's box is about 1/``span`` of the crop, centred. Outside ``counted`` the label says nothing.
    """
    counted = np.ones((size, size), bool)
    choice = rng.random()
    if choice < 0.45:
        name, target = "drawn_coast", _coast(size, rng)
        low, high = _middle(size, span, rng)
        counted[:] = False
        counted[low:high, low:high] = True
        share = target[low:high, low:high].mean()
        if not 0.1 < share < 0.9:
            target[:, size // 2 :] = False
            target[:, : size // 2] = True
        front, back = (_water(size, rng), _texture(textures, size, rng))
        if rng.random() < 0.15:  # the land is asked for
            front, back = back, front
    elif choice < 0.65:
        name, target = "drawn_coast", _outline(_blob(size, span, rng), size)
        front, back = _water(size, rng), _texture(textures, size, rng)
        if rng.random() < 0.4:  # an island
            front, back = back, front
    else:
        name, target = "drawn_shape", _outline(_figure(size, span, rng), size)
        front, back = _texture(textures, size, rng), _texture(textures, size, rng)
        if rng.random() < 0.5:
            front = _tinted(front, rng)
    return name, _composite(front, back, target, rng), target, counted


def fractal_field(size: int, exponent: float, rng: np.random.Generator) -> Float64Array:
    """(S, S) noise with amplitude 1/f^exponent, mean 0, deviation 1; not periodic at the crop's edges."""
    grid = 2 * size
    frequency = np.hypot(np.fft.fftfreq(grid)[:, None], np.fft.rfftfreq(grid)[None, :])
    frequency[0, 0] = 1.0
    spectrum = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    spectrum *= frequency**-exponent
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(grid, grid))[:size, :size]
    result: Float64Array = (field - field.mean()) / (field.std() + 1e-9)
    return result


def _middle(size: int, span: float, rng: np.random.Generator) -> tuple[int, int]:
    half = size / span / 2 * rng.uniform(0.85, 1.1)
    return round(size / 2 - half), round(size / 2 + half)


def _coast(size: int, rng: np.random.Generator) -> BoolArray:
    """Water on one side of a fractal level line, with bays, islands and creeks."""
    slope = rng.uniform(0, 2 * math.pi)
    axis = np.linspace(-1, 1, size)
    ramp = axis[None, :] * math.cos(slope) + axis[:, None] * math.sin(slope)
    field = fractal_field(size, rng.uniform(1.3, 2.3), rng) + ramp * rng.uniform(0, 3)
    result: BoolArray = field < rng.normal(0, 0.4)
    return result


def _blob(size: int, span: float, rng: np.random.Generator) -> Float64Array:
    """(N, 2) closed curve whose radius is fractal in the angle: a lake or an island."""
    angle = np.arange(256) * (2 * math.pi / 256)
    radius = np.ones(256)
    decay = rng.uniform(1.0, 1.8)
    strength = rng.uniform(0.1, 0.45)
    for harmonic in range(2, 40):
        radius += strength * harmonic**-decay * rng.normal() * np.cos(harmonic * angle + rng.uniform(0, 2 * math.pi))
    curve = np.stack([np.cos(angle), rng.uniform(0.35, 1.0) * np.sin(angle)], 1) * np.maximum(radius, 0.15)[:, None]
    return _placed(curve, size, span, rng)


def _figure(size: int, span: float, rng: np.random.Generator) -> Float64Array:
    """(N, 2) outline of a rectangle, a letter L, an ellipse, a star-shaped polygon or a winged cross."""
    kind = int(rng.integers(5))
    ratio = rng.uniform(0.25, 1.0)
    if kind == 0:
        curve = np.array([[-1, -ratio], [1, -ratio], [1, ratio], [-1, ratio]])
    elif kind == 1:
        cut_x, cut_y = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5) * ratio
        curve = np.array([[-1, -ratio], [1, -ratio], [1, cut_y], [cut_x, cut_y], [cut_x, ratio], [-1, ratio]])
    elif kind == 2:
        angle = np.arange(48) * (2 * math.pi / 48)
        curve = np.stack([np.cos(angle), ratio * np.sin(angle)], 1)
    elif kind == 3:
        count = int(rng.integers(5, 14))
        angle = np.sort(rng.uniform(0, 2 * math.pi, count))
        curve = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(0.35, 1.0, count)[:, None]
    else:
        body, wing, sweep = rng.uniform(0.06, 0.16), rng.uniform(0.5, 1.0), rng.uniform(0.0, 0.5)
        half = [(-1, 0), (-0.9, body), (-0.1, body), (sweep, wing), (sweep + 0.15, wing), (0.3, body), (0.8, body)]
        half += [(0.95, 0.35), (1.0, 0.33), (0.95, 0)]
        curve = np.array(half + [(x, -y) for x, y in half[::-1]])
    return _placed(curve, size, span, rng)


def _placed(curve: Float64Array, size: int, span: float, rng: np.random.Generator) -> Float64Array:
    """Turn a curve and fit its box into the middle of the crop."""
    turn = rng.uniform(0, 2 * math.pi)
    curve = curve @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    low, high = curve.min(0), curve.max(0)
    placed: Float64Array = (curve - (low + high) / 2) * (size / span / (high - low).max()) + size / 2
    return placed


def _outline(curve: Float64Array, size: int) -> BoolArray:
    canvas = Image.new("L", (size * 4, size * 4))
    ImageDraw.Draw(canvas).polygon([(x * 4 - 0.5, y * 4 - 0.5) for x, y in curve.tolist()], fill=1)
    result: BoolArray = np.asarray(canvas).reshape(size, 4, size, 4).sum((1, 3)) >= 8
    return result


def _texture(textures: Sequence[UInt8Array], size: int, rng: np.random.Generator) -> Float64Array:
    """A piece of a real image at a random scale and orientation, or coloured noise; (S, S, 3)."""
    if rng.random() < 0.15:
        base = rng.uniform(30, 220, 3)
        noise = fractal_field(size, rng.uniform(0.2, 1.5), rng)[..., None] * rng.uniform(3, 25)
        return np.asarray(base + noise, np.float64)
    image = textures[int(rng.integers(len(textures)))]
    side = int(min(image.shape[:2]) * rng.uniform(0.25, 1.0))
    y, x = int(rng.integers(image.shape[0] - side + 1)), int(rng.integers(image.shape[1] - side + 1))
    piece = Image.fromarray(image[y : y + side, x : x + side]).resize((size, size), Image.Resampling.BILINEAR)
    turned: Float64Array = np.rot90(np.asarray(piece), int(rng.integers(4))).astype(np.float64)
    return turned


def _tinted(texture: Float64Array, rng: np.random.Generator) -> Float64Array:
    """The same structure around another colour."""
    tinted: Float64Array = (texture - texture.mean((0, 1))) * rng.uniform(0.2, 0.8) + rng.uniform(20, 235, 3)
    return tinted


def _water(size: int, rng: np.random.Generator) -> Float64Array:
    """Dark blue to turquoise or brown water with slow shading, ripples and sometimes glint; (S, S, 3)."""
    palette = np.array(
        [[15, 30, 50], [20, 50, 70], [40, 80, 100], [60, 120, 130], [40, 60, 45], [90, 95, 75], [5, 8, 12]]
    )
    first, second = palette[rng.integers(len(palette), size=2)].astype(np.float64)
    shade = 1 / (1 + np.exp(-2 * fractal_field(size, 2.2, rng)))[..., None]
    color = first * shade + second * (1 - shade) if rng.random() < 0.5 else np.broadcast_to(first, (size, size, 3))
    ripple = fractal_field(size, rng.uniform(0, 0.8), rng)[..., None] * rng.uniform(0.5, 6)
    glint = (fractal_field(size, 0.6, rng)[..., None] > 2.2) * rng.uniform(0, 60) * (rng.random() < 0.2)
    return np.asarray(color + rng.normal(0, 6, 3) + ripple + glint, np.float64)


def _composite(front: Float64Array, back: Float64Array, target: BoolArray, rng: np.random.Generator) -> UInt8Array:
    """Front where the target is, with a soft edge; sometimes a bright or dark rim (surf, shadow)."""
    radius = int(rng.integers(0, 3))
    alpha = target.astype(np.float64)
    for _ in range(radius):
        padded = np.pad(alpha, 1, mode="edge")
        alpha = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] + 2 * alpha) / 6
    mixed = front * alpha[..., None] + back * (1 - alpha[..., None])
    if rng.random() < 0.25:
        mixed += (4 * alpha * (1 - alpha))[..., None] * rng.uniform(-60, 80)
    return np.clip(mixed, 0, 255).astype(np.uint8)
