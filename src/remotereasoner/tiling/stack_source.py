"""Several single-band files of one scene as a survey's source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pyproj import CRS

from remotereasoner.scene.grid import Grid
from remotereasoner.scene.limits import ReadLimits
from remotereasoner.scene.opening import open_scene
from remotereasoner.scene.reading import Part
from remotereasoner.scene.render import render
from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.scene.stack import Member, inspect_members, read_member, reference_member
from remotereasoner.scene.window import choose_window, scene_transform
from remotereasoner.tiling.parts import part_scene, part_transform
from remotereasoner.tiling.windows import Level
from remotereasoner.types import BoundsXyxy, WindowPx

__all__ = ["StackSource"]

_LIMITS_SIDE_PX = 1024


class StackSource:
    """See :class:`~remotereasoner.tiling.sources.Source`. Files are opened anew for each window."""

    def __init__(
        self, members: Sequence[Member], channels: Sequence[int], region: WindowPx, shown: Rendering, limits: ReadLimits
    ) -> None:
        self._members = members
        self._channels = channels
        self._region = region
        self._limits = limits
        self._whole = reference_member(members).grid
        self._grid = Grid(
            scene_transform(self._whole.transform, region, (region.height, region.width)),
            self._whole.crs,
            (region.height, region.width),
            self._whole.name,
        )
        self._rendering = shown

    @classmethod
    def of(
        cls,
        paths: Sequence[Path],
        *,
        bands: Sequence[int | str] | None,
        window: WindowPx | tuple[int, int, int, int] | None,
        bounds: BoundsXyxy | None,
        bounds_crs: str | CRS | None,
        limits: ReadLimits,
    ) -> StackSource:
        """Raises as :func:`~remotereasoner.scene.opening.open_scene`, of which a small reading says how to render."""
        where = {"window": window, "bounds": bounds, "bounds_crs": bounds_crs}
        small = open_scene(paths, bands=bands, max_side_px=_LIMITS_SIDE_PX, limits=limits, **where)  # type: ignore[arg-type]
        used = sorted(set(small.rendering.bands))
        members = inspect_members([paths[band - 1] for band in used], limits, follow_symlinks=True)
        region = choose_window(reference_member(members).grid, window=window, bounds=bounds, bounds_crs=bounds_crs)
        finest = reference_member(members)
        resampled = tuple(
            f"{member.grid.name} resampled to the pixels of {finest.grid.name}"
            for member in members
            if member.grid.size_hw != finest.grid.size_hw
        )
        shown = replace(small.rendering, window=region, notes=(*small.rendering.notes, *resampled))
        return cls(members, [used.index(band) for band in small.rendering.bands], region, shown, limits)

    @property
    def grid(self) -> Grid:
        """See :class:`~remotereasoner.tiling.sources.Source`."""
        return self._grid

    @property
    def rendering(self) -> Rendering:
        """See :class:`~remotereasoner.tiling.sources.Source`."""
        return self._rendering

    def is_stored(self, level: Level, window: WindowPx) -> bool:
        """See :class:`~remotereasoner.tiling.sources.Source`."""
        del level, window
        return True

    def read(self, level: Level, window: WindowPx) -> Scene:
        """See :class:`~remotereasoner.tiling.sources.Source`."""
        part: Part = level.part(window, self._region)
        transform = part_transform(self._whole, part)
        layers = [
            read_member(member, transform, part.size_hw, self._limits, follow_symlinks=True)[0]
            for member in self._members
        ]
        shown = self._rendering
        rgb = render(
            [layers[channel] for channel in self._channels],
            shown.stretch,
            shown.percentiles or (0.0, 100.0),
            known=shown.limits,
        )
        return part_scene(self._whole, shown, part, rgb.pixels, rgb.valid)
