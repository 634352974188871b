"""Coordinates of each model family to and from pixels of the image that was handed over (placeholder contract)."""

from __future__ import annotations

from typing import Protocol

from remotereasoner.types import FloatArray, SizeHw

__all__ = ["CoordinateCodec"]


class CoordinateCodec(Protocol):
    """How one model family writes coordinates."""

    @property
    def name(self) -> str: ...

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        """Size of the image as the policy sees it (its processor's own resize)."""
        ...

    def decode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
        """(N, 2) model coordinates to (N, 2) pixels of the image. Not clipped."""
        ...

    def encode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
        """(N, 2) pixels of the image to (N, 2) model coordinates, not rounded."""
        ...

    def instruction(self, grid_hw: SizeHw) -> str:
        """The clause of the region prompt that says how to write boxes."""
        ...
