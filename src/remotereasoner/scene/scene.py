"""The value that carries pixels, validity, georeference and how they came about: :class:`Scene` (contract)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from affine import Affine
from pyproj import CRS

from remotereasoner.types import BoolArray, SizeHw, UInt8Array, WindowPx

__all__ = ["Rendering", "Scene"]


@dataclass(frozen=True)
class Rendering:
    """How pixels were made from the source: goes into the provenance, because it changes the answer."""

    source: str
    """File name(s) without folders."""
    driver: str
    bands: tuple[int, ...]
    """1-based band numbers rendered as R, G, B."""
    band_names: tuple[str | None, ...]
    dtype: str
    stretch: Literal["none", "percentile"]
    limits: tuple[tuple[float, float], ...]
    """Per rendered band, the source values that become 0 and 255."""
    percentiles: tuple[float, float] | None
    window: WindowPx
    """Part of the source that was read."""
    source_hw: SizeHw
    source_nodata: float | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """``pixels`` (H, W, 3) uint8 RGB; ``valid`` (H, W) bool; ``transform`` from scene pixel corners to ``crs``."""

    pixels: UInt8Array
    valid: BoolArray
    transform: Affine
    crs: CRS | None
    rendering: Rendering

    @property
    def size_hw(self) -> SizeHw:
        return self.pixels.shape[0], self.pixels.shape[1]
