"""How much of a model's text is read (:class:`ParseLimits`), and what a dialect hands on (:class:`Reading`)."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.types import BoxXyxy, PointXy

__all__ = ["ParseLimits", "RawBox", "Reading", "UnreadableError"]


@dataclass(frozen=True)
class ParseLimits:
    """Caps on hostile or broken text. All can be set; the defaults are far above what any answer needs."""

    max_chars: int = 200_000
    """A longer text is ``unparseable`` as a whole."""
    max_depth: int = 16
    """Brackets inside brackets."""
    max_boxes: int = 500
    """Boxes beyond these are dropped and counted."""
    max_label_chars: int = 100
    max_points: int = 32
    """Of one box; further ones are dropped."""
    min_side_px: float = 0.5
    """A box with a shorter side, in pixels of the scene and after clipping, is dropped and counted."""
    duplicate_iou: float = 0.95
    """A box that overlaps an earlier one with the same label by at least this much is dropped and counted."""


@dataclass(frozen=True)
class RawBox:
    """One box as the model wrote it: model coordinates, corners in any order, nothing clipped."""

    xyxy: BoxXyxy
    label: str = ""
    points_xy: tuple[PointXy, ...] = ()
    score: float | None = None
    angle_deg: float = 0.0
    """Turn about the box's centre (GeoChat); the box that encloses the turned one is what counts."""


@dataclass(frozen=True)
class Reading:
    """What one dialect found: no boxes means that the model said so."""

    boxes: tuple[RawBox, ...]
    repaired: bool = False
    """The text deviated from the format asked for."""


class UnreadableError(Exception):
    """A dialect applies but the text breaks it. Never leaves :mod:`remotereasoner.policy.parsing`."""
