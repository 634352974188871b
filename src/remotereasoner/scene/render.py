"""From samples to RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from remotereasoner.errors import UsageError
from remotereasoner.scene.stretch import Limits, percentile_limits, stretch_into
from remotereasoner.types import BoolArray, UInt8Array

__all__ = [
    "UNSTRETCHED",
    "Layer",
    "Rgb",
    "StretchChoice",
    "any_valid",
    "blank",
    "choose_stretch",
    "expand_palette",
    "render",
]

StretchChoice = Literal["auto", "none", "percentile"]
UNSTRETCHED: Limits = (0.0, 255.0)


@dataclass(frozen=True)
class Layer:
    """One band as read: (H, W) samples, and where they are data; ``valid`` None: everywhere."""

    samples: npt.NDArray[Any]
    valid: BoolArray | None


@dataclass(frozen=True)
class Rgb:
    """(H, W, 3) uint8, 0 where not valid; (H, W) bool; per channel what became 0 and 255."""

    pixels: UInt8Array
    valid: BoolArray
    limits: tuple[Limits, Limits, Limits]


def choose_stretch(stretch: StretchChoice, dtypes: Sequence[str]) -> Literal["none", "percentile"]:
    """``auto``: uint8 is shown as it is, all else by percentiles. Raises for ``none`` where samples are not uint8."""
    if stretch not in ("auto", "none", "percentile"):
        raise UsageError(f"stretch must be auto, none or percentile, got {stretch!r}")
    is_uint8 = set(dtypes) == {"uint8"}
    if stretch == "none" and not is_uint8:
        raise UsageError(
            f"stretch none needs uint8 samples, these are {', '.join(sorted(set(dtypes)))}: use percentile"
        )
    if stretch == "auto":
        return "none" if is_uint8 else "percentile"
    return stretch


def render(layers: Sequence[Layer], stretch: Literal["none", "percentile"], percentiles: tuple[float, float]) -> Rgb:
    """Three layers, or one for grey, to RGB. Layers of the same object are stretched once."""
    height, width = layers[0].samples.shape
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    limits: list[Limits] = []
    for channel, layer in enumerate(layers):
        earlier = next((k for k in range(channel) if layers[k] is layer), None)
        if earlier is not None:
            pixels[:, :, channel] = pixels[:, :, earlier]
            limits.append(limits[earlier])
        elif stretch == "none":
            pixels[:, :, channel] = layer.samples
            limits.append(UNSTRETCHED)
        else:
            limits.append(percentile_limits(layer.samples, layer.valid, percentiles))
            stretch_into(pixels[:, :, channel], layer.samples, limits[-1])
    valid = any_valid([layer.valid for layer in layers], (height, width))
    blank(pixels, valid)
    return Rgb(pixels, valid, (limits[0], limits[1], limits[2]))


def expand_palette(layer: Layer, table: UInt8Array) -> Rgb:
    """A palette band to RGB by its (n, 4) RGBA table; transparent colours are not valid."""
    pixels = table[:, :3][layer.samples]
    valid = table[:, 3][layer.samples] > 0
    if layer.valid is not None:
        valid &= layer.valid
    blank(pixels, valid)
    return Rgb(pixels, valid, (UNSTRETCHED,) * 3)


def any_valid(masks: Sequence[BoolArray | None], size_hw: tuple[int, int]) -> BoolArray:
    """Where at least one band has data: a single dark channel equal to nodata must not make a hole."""
    result = np.zeros(size_hw, dtype=np.bool_)
    for mask in masks:
        if mask is None:
            return np.ones(size_hw, dtype=np.bool_)
        result |= mask
    return result


def blank(pixels: UInt8Array, valid: BoolArray) -> None:
    """Set what is not valid to 0, so that what is stored there cannot matter."""
    if not valid.all():
        pixels[~valid] = 0
