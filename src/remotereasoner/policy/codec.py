"""Coordinates of each model family to and from pixels of the image that was handed over: the contract.

The families are in :mod:`~remotereasoner.policy.codec_families` and :mod:`~remotereasoner.policy.codec_embedded`; which
one fits a checkpoint is decided in :mod:`~remotereasoner.policy.codec_choice`.
"""

from __future__ import annotations

from typing import Literal, Protocol

from remotereasoner.types import FloatArray, SizeHw

__all__ = ["CoordinateCodec", "PromptStyle"]

PromptStyle = Literal["json", "lists", "references"]
"""How boxes are asked for: a JSON list of ``bbox_2d`` objects; bare lists of four numbers, in the wording that the
published RemoteReasoner checkpoint expects; references to objects that the embedded model was shown."""


class CoordinateCodec(Protocol):
    """How one model family writes coordinates."""

    @property
    def name(self) -> str: ...

    @property
    def style(self) -> PromptStyle:
        """How :func:`~remotereasoner.policy.prompts.build_prompt` asks this policy for boxes."""
        ...

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
