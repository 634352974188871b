"""From samples to RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from remotereasoner.errors import UsageError
from remotereasoner.scene.stretch import Limits, interleave_into, percentile_limits, stretch_into
from remotereasoner.types import BoolArray, UInt8Array

__all__ = [
    "Layer",
    "Rgb",
    "StretchChoice",
    "choose_stretch",
    "expand_palette",
    "render",
]

StretchChoice = Literal["auto", "none", "percentile"]
_UNSTRETCHED: Limits = (0.0, 255.0)


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


def render(
    layers: Sequence[Layer],
    stretch: Literal["none", "percentile"],
    percentiles: tuple[float, float],
    *,
    known: Sequence[Limits] | None = None,
    out: UInt8Array | None = None,
) -> Rgb:
    """Three layers to RGB, three times the same one for grey, which is then stretched once.

    ``known``: what becomes 0 and 255 in each channel, where the percentiles of these samples shall not decide it:
    windows of one scene are rendered alike. ``out``: (H, W, 3) uint8 to write into, strided or not; None: a new array.
    """
    height, width = layers[0].samples.shape
    pixels = np.empty((height, width, 3), dtype=np.uint8) if out is None else out
    if stretch == "none":
        limits = [_UNSTRETCHED] * 3
        interleave_into(pixels, [layer.samples for layer in layers])
    else:
        limits = []
        for channel, layer in enumerate(layers):
            earlier = next((k for k in range(channel) if layers[k] is layer), None)
            if earlier is not None:
                pixels[:, :, channel] = pixels[:, :, earlier]
                limits.append(limits[earlier])
            else:
                own = known[channel] if known is not None else None
                limits.append(own or percentile_limits(layer.samples, layer.valid, percentiles))
                stretch_into(pixels[:, :, channel], layer.samples, limits[-1])
    valid = _any_valid([layer.valid for layer in layers], (height, width))
    _blank(pixels, valid)
    return Rgb(pixels, valid, (limits[0], limits[1], limits[2]))


def expand_palette(layer: Layer, table: UInt8Array, *, out: UInt8Array | None = None) -> Rgb:
    """A palette band to RGB by its (n, 4) RGBA table; transparent colours are not valid. ``out`` as for ``render``."""
    pixels = table[:, :3][layer.samples]
    if out is not None:
        out[...] = pixels
        pixels = out
    valid = table[:, 3][layer.samples] > 0
    if layer.valid is not None:
        valid &= layer.valid
    _blank(pixels, valid)
    return Rgb(pixels, valid, (_UNSTRETCHED,) * 3)


def _any_valid(masks: Sequence[BoolArray | None], size_hw: tuple[int, int]) -> BoolArray:
    """Where at least one band has data: a single dark channel equal to nodata must not make a hole."""
    result = np.zeros(size_hw, dtype=np.bool_)
    for mask in masks:
        if mask is None or mask.all():  # most rasters end here, with their first band
            return np.ones(size_hw, dtype=np.bool_)
        result |= mask
    return result


def _blank(pixels: UInt8Array, valid: BoolArray) -> None:
    """Set what is not valid to 0, so that what is stored there cannot matter."""
    if not valid.all():
        pixels[~valid] = 0
