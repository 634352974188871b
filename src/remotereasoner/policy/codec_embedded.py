"""How the embedded model writes places: references to the objects that its tower proposed, not digits.

``<|obj_3|>`` is the fourth proposal of an image; ``<|obj_3|>-<|obj_7|>`` are the proposals 3 to 7, both included.
The boxes they stand for travel beside the text, in :attr:`remotereasoner.policy.base.Completion.references`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.policy.codec import PromptStyle
from remotereasoner.policy.codec_resize import checked_size, span_xy
from remotereasoner.types import FloatArray, SizeHw

__all__ = ["EmbeddedReferenceCodec", "reference", "write_references"]


def reference(index: int) -> str:
    """The token that stands for proposal ``index``, counted from 0."""
    if index < 0:
        raise UsageError(f"object references count from 0, not {index}")
    return f"<|obj_{index}|>"


def write_references(indices: Iterable[int]) -> str:
    """The answer that names these proposals: ``[]`` for none, runs as ranges, ascending, each once.

    >>> write_references([7, 1, 2, 3, 9])
    '<|obj_1|>-<|obj_3|> <|obj_7|> <|obj_9|>'
    """
    runs: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if runs and index == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    parts: list[str] = []
    for first, last in runs:
        parts.append(reference(first) if first == last else f"{reference(first)}-{reference(last)}")
    return " ".join(parts) if parts else "[]"


@dataclass(frozen=True)
class EmbeddedReferenceCodec:
    """Coordinates are pixels of the image as the tower saw it, scaled per axis to the image that was handed over."""

    view_hw: SizeHw | None = None
    """Size that every image is squashed to, (height, width); None: the tower takes the image as it is."""

    def __post_init__(self) -> None:
        if self.view_hw is not None:
            checked_size(self.view_hw)

    @property
    def name(self) -> str:
        return "embedded"

    @property
    def style(self) -> PromptStyle:
        return "references"

    def grid_hw(self, image_hw: SizeHw) -> SizeHw:
        return checked_size(image_hw) if self.view_hw is None else self.view_hw

    def decode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
        return np.asarray(points_xy, dtype=np.float64) * (span_xy(image_hw) / span_xy(checked_size(grid_hw)))

    def encode_xy(self, points_xy: FloatArray, *, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
        return np.asarray(points_xy, dtype=np.float64) * (span_xy(grid_hw) / span_xy(checked_size(image_hw)))

    def instruction(self, grid_hw: SizeHw) -> str:  # noqa: ARG002 - the protocol's
        # No reference is spelled out here: in this model's vocabulary it would be the object itself.
        return "Mark it."
