"""How a scene is surveyed: :class:`SurveyOptions`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from remotereasoner.errors import UsageError

__all__ = ["DEFAULT_MAX_WINDOWS", "DEFAULT_TILE_PX", "SurveyOptions"]

DEFAULT_TILE_PX = 768  # the embedded model's view
DEFAULT_MAX_WINDOWS = 1024
_MIN_TILE_PX, _MAX_TILE_PX = 16, 8192


@dataclass(frozen=True)
class SurveyOptions:
    """Tile size, overlap and ground resolution, all explicit. Raises :class:`UsageError` for what cannot be done."""

    tile_px: int = DEFAULT_TILE_PX
    """Side of a window, and the longer side of the overview, in pixels as the policy gets them."""
    overlap_px: int | None = None
    """Pixels that neighbouring windows share, in the same pixels; None: a quarter of ``tile_px``. At least 1 where
    objects that touch at a seam shall be told apart."""
    gsd_m: float | None = None
    """Ground resolution of the windows in metres a pixel, no finer than the raster's. None: as fine as the objects
    that the overview shows need; with ``exhaustive`` the raster's own."""
    exhaustive: bool = False
    """Windows over all of the scene, without an overview."""
    max_windows: int = DEFAULT_MAX_WINDOWS
    """More are never asked; see :func:`remotereasoner.tiling.survey.survey` for what happens instead."""
    batch_size: int = 4
    """Windows that go to the policy together. It has no effect on the result."""

    def __post_init__(self) -> None:
        if not _MIN_TILE_PX <= self.tile_px <= _MAX_TILE_PX:
            raise UsageError(f"tile_px must be {_MIN_TILE_PX} to {_MAX_TILE_PX}, got {self.tile_px}")
        if self.overlap_px is not None and not 0 <= self.overlap_px < self.tile_px:
            raise UsageError(
                f"overlap_px must be 0 or more and less than tile_px {self.tile_px}, got {self.overlap_px}"
            )
        if self.gsd_m is not None and not (math.isfinite(self.gsd_m) and self.gsd_m > 0):
            raise UsageError(f"gsd_m must be above 0 metres, got {self.gsd_m}")
        if self.max_windows < 1:
            raise UsageError(f"max_windows must be 1 or more, got {self.max_windows}")
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be 1 or more, got {self.batch_size}")

    @property
    def overlap(self) -> int:
        """``overlap_px``, or what stands for None."""
        return self.tile_px // 4 if self.overlap_px is None else self.overlap_px
