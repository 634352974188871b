"""What every segmenter takes and returns: :class:`InstanceMask`, :class:`Segmenter`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from remotereasoner.scene.scene import Scene
from remotereasoner.types import BoolArray, BoxXyxy, PointXy

__all__ = ["InstanceMask", "Segmenter"]


@dataclass(frozen=True, eq=False)
class InstanceMask:
    """One object's mask, cropped to where it is.

    ``mask`` is (h, w) bool; its top left pixel is pixel (``offset_xy``) of the scene. An object without any pixel has
    a mask of shape (0, 0).
    """

    mask: BoolArray
    offset_xy: tuple[int, int]
    score: float
    """In [0, 1]; what it means is the segmenter's business and is documented there."""


class Segmenter(Protocol):
    """Boxes and points to instance masks at the scene's full resolution."""

    @property
    def name(self) -> str:
        """Name with version or weights hash, for provenance."""
        ...

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        """One mask per box, in order; boxes and points in pixels of the scene. Empty in, empty out.

        ``points_xy``: per box its positive points, or None: then a segmenter that wants points uses the box's centre.
        """
        ...
