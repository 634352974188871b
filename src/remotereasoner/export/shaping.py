"""Outlines as the user wants them before they are written: right angles for buildings, fewer vertices for maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shapely import MultiPolygon

from remotereasoner.errors import UsageError
from remotereasoner.export.ground_frame import largest_stretch
from remotereasoner.export.right_angles import RightAngled, with_right_angles
from remotereasoner.export.simplify import simplify_outlines
from remotereasoner.types import FloatArray

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["Shaped", "shape_result"]


@dataclass(frozen=True, eq=False)
class Shaped:
    """``result`` with the outlines to write. Its masks and measurements are still those of the answer."""

    result: Result
    simplified_m: float | None
    """The tolerance; None where outlines are those of the masks."""
    right_angles: tuple[RightAngled | None, ...]
    """Per finding: the attempt at right angles, refused or not; None where none was made."""


def shape_result(result: Result, *, simplify_m: float | None = None, right_angles_iou: float | None = None) -> Shaped:
    """Right angles first (``right_angles_iou``: the least IoU accepted), then the rest within ``simplify_m`` metres.

    Borders between neighbours stay shared under simplification; right angles are each outline's own. Raises
    :class:`~remotereasoner.errors.UsageError` for impossible numbers and for scenes without a CRS, and
    :class:`~remotereasoner.errors.CoordinateError` for findings outside the projection.
    """
    if simplify_m is not None and not (math.isfinite(simplify_m) and simplify_m >= 0):
        raise UsageError(f"the tolerance of simplification must be 0 m or more, got {simplify_m}")
    if right_angles_iou is not None and not 0 < right_angles_iou <= 1:
        raise UsageError(f"the least IoU of right angles must be over 0 and at most 1, got {right_angles_iou}")
    untouched = Shaped(result, simplify_m, (None,) * result.count)
    if simplify_m is None and right_angles_iou is None:
        return untouched
    if not result.grid.is_georeferenced:
        raise UsageError("outlines are shaped in metres, and this scene has no CRS for them: leave that out")
    if not result.findings:
        return untouched
    to_metres = largest_stretch(result.grid, result.findings)
    outlines = list(result.polygons)
    attempts: list[RightAngled | None] = [None] * len(outlines)
    if right_angles_iou is not None:
        attempts = [None if one.is_empty else with_right_angles(one, right_angles_iou, to_metres) for one in outlines]
    done = [attempt is not None and attempt.changed for attempt in attempts]
    outlines = [one if attempt is None else attempt.polygons for one, attempt in zip(outlines, attempts, strict=True)]
    if simplify_m is not None:
        outlines = _simplify_others(outlines, done, simplify_m, to_metres)
    findings = (replace(finding, polygons=one) for finding, one in zip(result.findings, outlines, strict=True))
    return Shaped(replace(result, findings=tuple(findings)), simplify_m, tuple(attempts))


def _simplify_others(
    outlines: Sequence[MultiPolygon], done: Sequence[bool], tolerance_m: float, to_metres: FloatArray
) -> list[MultiPolygon]:
    thin = iter(
        simplify_outlines([one for one, ready in zip(outlines, done, strict=True) if not ready], tolerance_m, to_metres)
    )
    return [one if ready else next(thin) for one, ready in zip(outlines, done, strict=True)]
