"""Where to look, and how closely: from the overview's boxes to a level and windows of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.tiling.options import SurveyOptions
from remotereasoner.tiling.sources import Source
from remotereasoner.tiling.windows import Level, WindowPlan, plan_windows
from remotereasoner.types import BoxXyxy

__all__ = ["OBJECT_PX", "Choice", "all_windows", "factor_for", "needed_factor", "windows_at"]

OBJECT_PX = 64.0
"""Short side that objects shall have, in pixels of the window: below, boxes and outlines become guesses."""
_MOST_PLANNED = 4_000_000
_MARGIN, _MARGIN_PX = 0.5, 8.0


@dataclass(frozen=True)
class Choice:
    """A level, the grid of windows over it, and which of them to ask about, ascending."""

    level: Level
    plan: WindowPlan
    indices: tuple[int, ...]
    unstored: int
    """Windows that would have been asked about, but the file holds nothing there."""


def factor_for(source: Source, gsd_m: float | None) -> float:
    """Source pixels per pixel for a ground resolution; 1 for None.

    Raises :class:`UsageError` where the raster has no place on the ground, or has larger pixels than that.
    """
    if gsd_m is None:
        return 1.0
    native = source.grid.ground_sample_distance_m()
    if native is None:
        raise UsageError(
            f"{source.grid.name} has no CRS that gives its pixels a size in metres: leave gsd_m out, "
            "or assign a CRS with rio edit-info --crs"
        )
    factor = gsd_m / native
    if factor < 0.99:
        raise UsageError(f"gsd_m {gsd_m:g} is finer than the raster's {native:.4g} m: nothing is enlarged")
    return factor if factor > 1.01 else 1.0


def needed_factor(boxes: Sequence[BoxXyxy], overview: Level) -> float:
    """Overview or finer: source pixels per pixel so that three quarters of the objects have :data:`OBJECT_PX`.

    ``boxes``: in pixels of the overview, at least one. The result is 1, 2, 4, 8, …, as overviews of rasters are; or
    the overview's own factor where it is fine enough.
    """
    sides = np.array([min(x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes])
    lower = float(np.percentile(sides, 25))
    if lower >= OBJECT_PX:
        return overview.factor
    factor = max(1.0, lower * overview.factor / OBJECT_PX)
    return float(2 ** math.floor(math.log2(factor) + 1e-9))


def windows_at(
    source: Source,
    factor: float,
    options: SurveyOptions,
    *,
    boxes: Sequence[BoxXyxy] | None = None,
    overview: Level | None = None,
) -> Choice:
    """Windows of the level with that factor: those around ``boxes``, in pixels of ``overview``, or all."""
    level = Level.of(source.grid.size_hw, factor)
    plan = plan_windows(level.size_hw, options.tile_px, options.overlap)
    if boxes is None or overview is None:
        if len(plan) > _MOST_PLANNED:
            raise UsageError(
                f"{len(plan)} windows of {options.tile_px} px with {options.overlap} px overlap: give larger tiles, "
                "less overlap or a coarser gsd_m"
            )
        wanted: Sequence[int] = range(len(plan))
    else:
        wanted = plan.touching([_around(box, overview, level) for box in boxes])
    stored = tuple(index for index in wanted if source.is_stored(level, plan.window(index)))
    return Choice(level, plan, stored, len(wanted) - len(stored))


def _around(box: BoxXyxy, overview: Level, level: Level) -> BoxXyxy:
    """The box with a margin, from pixels of the overview to those of ``level``."""
    x1, y1, x2, y2 = box
    dx, dy = _MARGIN * (x2 - x1) + _MARGIN_PX, _MARGIN * (y2 - y1) + _MARGIN_PX
    scale_x, scale_y = (a / b for a, b in zip(overview.scale_xy, level.scale_xy, strict=True))
    return (x1 - dx) * scale_x, (y1 - dy) * scale_y, (x2 + dx) * scale_x, (y2 + dy) * scale_y


def all_windows(source: Source, factor: float, options: SurveyOptions) -> Choice:
    """All windows at exactly this resolution.

    Raises :class:`UsageError`, before anything is asked, where they are more than ``max_windows``.
    """
    choice = windows_at(source, factor, options)
    if len(choice.indices) > options.max_windows:
        raise UsageError(
            f"{source.grid.name} has {len(choice.indices)} windows of {options.tile_px} px with {options.overlap} px "
            f"overlap at this resolution, and max_windows is {options.max_windows}: allow more, give a coarser "
            "resolution (gsd_m) or a part of the scene"
        )
    return choice
