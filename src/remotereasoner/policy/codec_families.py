"""How each family of large models writes coordinates. Sources: the model cards and ``docs/coordinates.md``.

Every codec is a frozen value. A *grid* is the image as the policy saw it, (height, width) in pixels; an *image* is what
was handed over. Both are scaled per axis, because resizes round height and width on their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.policy.codec import PromptStyle
from remotereasoner.policy.codec_resize import checked_size, smart_resize, span_xy, tiled_canvas
from remotereasoner.types import FloatArray, SizeHw

__all__ = [
    "HUB_MAX_PIXELS",
    "HUB_MIN_PIXELS",
    "QWEN3_MAX_PIXELS",
    "QWEN3_MIN_PIXELS",
    "InternVLCodec",
    "NormalisedCodec",
    "PercentCodec",
    "PixelCodec",
    "Qwen2VLCodec",
    "Qwen3VLCodec",
    "Qwen25VLCodec",
    "UnitCodec",
]

HUB_MIN_PIXELS, HUB_MAX_PIXELS = 3_136, 12_845_056  # what the published Qwen2-VL and Qwen2.5-VL processors are set to
QWEN3_MIN_PIXELS, QWEN3_MAX_PIXELS = 65_536, 16_777_216  # the same for Qwen3-VL

_JSON_FORM = '[{"bbox_2d": [x1, y1, x2, y2], "label": "what"}]'
_LIST_FORM = "[[x1,y1,x2,y2], …]"


@dataclass(frozen=True)
class PixelCodec:
    """Absolute pixels of the image as handed over: models that neither resize nor normalise."""

    style: PromptStyle = "json"

    @property
    def name(self) -> str:
        return "pixels"

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        return checked_size(image_hw)

    def decode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
        return np.asarray(points_xy, dtype=np.float64) * (span_xy(image_hw) / span_xy(checked_size(grid_hw)))

    def encode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
        return np.asarray(points_xy, dtype=np.float64) * (span_xy(grid_hw) / span_xy(checked_size(image_hw)))

    def instruction(self, grid_hw: SizeHw) -> str:
        if self.style == "lists":
            return f"Write {_LIST_FORM} in integer pixels, x1 < x2 and y1 < y2."
        height, width = grid_hw
        return f"The image is {width} pixels wide and {height} high. Write {_JSON_FORM} in these pixels."


@dataclass(frozen=True)
class Qwen25VLCodec(PixelCodec):
    """Absolute pixels of the *resized* image (Qwen2.5-VL). Limits are those of the checkpoint's processor."""

    factor: int = 28
    """Patch size times merge size, pixels."""
    min_pixels: int = HUB_MIN_PIXELS
    max_pixels: int = HUB_MAX_PIXELS

    def __post_init__(self) -> None:
        _check_limits(self.factor, self.min_pixels, self.max_pixels)

    @property
    def name(self) -> str:
        return "qwen2.5-vl"

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        return smart_resize(image_hw, factor=self.factor, min_pixels=self.min_pixels, max_pixels=self.max_pixels)


@dataclass(frozen=True)
class NormalisedCodec:
    """0 to ``scale`` along each axis, whatever the size of the image."""

    scale: float = 1000.0
    style: PromptStyle = "json"

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise UsageError(f"the scale of normalised coordinates must be positive and finite, not {self.scale}")

    @property
    def name(self) -> str:
        return f"0-{self.scale:g}"

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        return checked_size(image_hw)

    def decode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:  # noqa: ARG002
        return np.asarray(points_xy, dtype=np.float64) * (span_xy(image_hw) / self.scale)

    def encode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:  # noqa: ARG002
        return np.asarray(points_xy, dtype=np.float64) * (self.scale / span_xy(checked_size(image_hw)))

    def instruction(self, grid_hw: SizeHw) -> str:  # noqa: ARG002
        form = _LIST_FORM if self.style == "lists" else _JSON_FORM
        kind = "fractions" if self.scale == 1 else "integers"
        return f"Write {form} with {kind} from 0 to {self.scale:g} relative to the image's width and height."


@dataclass(frozen=True)
class UnitCodec(NormalisedCodec):
    """0 to 1 of width and height."""

    scale: float = 1.0


@dataclass(frozen=True)
class PercentCodec(NormalisedCodec):
    """0 to 100 of width and height (GeoChat)."""

    scale: float = 100.0


@dataclass(frozen=True)
class Qwen2VLCodec(NormalisedCodec):
    """0 to 1000 (Qwen2-VL)."""

    factor: int = 28
    min_pixels: int = HUB_MIN_PIXELS
    max_pixels: int = HUB_MAX_PIXELS

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_limits(self.factor, self.min_pixels, self.max_pixels)

    @property
    def name(self) -> str:
        return "qwen2-vl"

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        return smart_resize(image_hw, factor=self.factor, min_pixels=self.min_pixels, max_pixels=self.max_pixels)


@dataclass(frozen=True)
class Qwen3VLCodec(Qwen2VLCodec):
    """0 to 1000 (Qwen3-VL and later): a coarser patch and other limits than Qwen2-VL."""

    factor: int = 32
    min_pixels: int = QWEN3_MIN_PIXELS
    max_pixels: int = QWEN3_MAX_PIXELS

    @property
    def name(self) -> str:
        return "qwen3-vl"


@dataclass(frozen=True)
class InternVLCodec(NormalisedCodec):
    """0 to 1000 (InternVL 2.5 and 3), the image squashed onto a canvas of square tiles."""

    tile_hw: SizeHw = (448, 448)
    min_tiles: int = 1
    max_tiles: int = 12
    """1: the image is squashed onto a single tile."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_size(self.tile_hw)
        if not 1 <= self.min_tiles <= self.max_tiles:
            raise UsageError(f"tiles must be 1 <= min <= max, not {self.min_tiles} to {self.max_tiles}")

    @property
    def name(self) -> str:
        return "internvl"

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        return tiled_canvas(image_hw, tile_hw=self.tile_hw, min_tiles=self.min_tiles, max_tiles=self.max_tiles)


def _check_limits(factor: int, min_pixels: int, max_pixels: int) -> None:
    if factor < 1 or not 1 <= min_pixels <= max_pixels:
        raise UsageError(
            "the processor's limits must be factor >= 1 and 1 <= min_pixels <= max_pixels, "
            f"not factor {factor}, {min_pixels} to {max_pixels}"
        )
