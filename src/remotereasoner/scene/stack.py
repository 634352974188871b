"""Several single-band files as one scene: Sentinel-2 and Landsat as they are delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine

from remotereasoner.errors import ImageReadError
from remotereasoner.scene.door import Raster, open_raster
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.limits import ReadLimits
from remotereasoner.scene.reading import Part, check_cost, read_band, read_valid
from remotereasoner.scene.render import Layer
from remotereasoner.types import SizeHw

__all__ = ["Member", "inspect_members", "read_member", "reference_member"]


@dataclass(frozen=True)
class Member:
    """One file of a stack, as found when it was looked at first."""

    path: Path
    grid: Grid
    dtype: str
    driver: str
    nodata: float | None
    notes: tuple[str, ...]

    @property
    def pixel_area(self) -> float:
        return abs(self.grid.transform.determinant)


def inspect_members(paths: Sequence[Path], limits: ReadLimits, *, follow_symlinks: bool) -> list[Member]:
    """Open each file once and see that together they are one scene.

    Raises :class:`~remotereasoner.errors.ImageReadError` with the codes ``not_single_band`` and ``grids_differ``: CRS
    and bounds must be the same, to one pixel of the coarsest file: crops of 10 and 20 m bands differ by that.
    """
    members = []
    for path in paths:
        with open_raster(path, limits=limits, follow_symlinks=follow_symlinks) as raster:
            if raster.reader.count != 1:
                raise ImageReadError(
                    "not_single_band",
                    f"{raster.name} has {raster.reader.count} bands: give it alone, or give files of one band each",
                )
            members.append(
                Member(path, raster.grid, raster.dtype, raster.reader.driver, raster.reader.nodata, raster.notes)
            )
    for other in members[1:]:
        _require_same_place(members[0], other)
    return members


def _require_same_place(first: Member, other: Member) -> None:
    if first.grid.crs != other.grid.crs:
        raise ImageReadError("grids_differ", f"{first.grid.name} and {other.grid.name} have different CRSs")
    if first.grid.crs is None and first.grid.transform == Affine.identity() == other.grid.transform:
        if first.grid.size_hw != other.grid.size_hw:
            raise ImageReadError(
                "grids_differ", f"{first.grid.name} and {other.grid.name} have different sizes and no georeference"
            )
        return
    tolerance = max(np.sqrt(first.pixel_area), np.sqrt(other.pixel_area)) * 1.001
    if np.abs(np.subtract(first.grid.bounds, other.grid.bounds)).max() > tolerance:
        raise ImageReadError("grids_differ", f"{first.grid.name} and {other.grid.name} do not cover the same area")
    step = ~first.grid.transform @ other.grid.transform
    if max(abs(step.b), abs(step.d)) > 1e-6 * min(abs(step.a), abs(step.e)) or step.a <= 0 or step.e <= 0:
        raise ImageReadError("grids_differ", f"{first.grid.name} and {other.grid.name} are turned differently")


def reference_member(members: Sequence[Member]) -> Member:
    """The finest, the first of several: its pixels are the scene's."""
    return min(members, key=lambda member: member.pixel_area)


def read_member(
    member: Member, transform: Affine, size_hw: SizeHw, limits: ReadLimits, *, follow_symlinks: bool
) -> tuple[Layer, str | None]:
    """The samples of one file at the scene's pixels, and a note where they were resampled.

    Pixels of the scene whose centre is outside the file are not valid.
    """
    with open_raster(member.path, limits=limits, follow_symlinks=follow_symlinks) as raster:
        to_file = ~raster.grid.transform @ transform
        columns, col_off, col_span = _overlap(to_file.a, to_file.c, size_hw[1], raster.grid.size_hw[1])
        rows, row_off, row_span = _overlap(to_file.e, to_file.f, size_hw[0], raster.grid.size_hw[0])
        part = Part(col_off, row_off, col_span, row_span, (rows.stop - rows.start, columns.stop - columns.start))
        check_cost(raster, part, 1)
        samples = read_band(raster, 1, part)
        valid = read_valid(raster, 1, part, samples)
        layer = Layer(samples, valid)
        if part.size_hw != size_hw:
            full = np.zeros(size_hw, dtype=samples.dtype)
            full[rows, columns] = samples
            inside = np.zeros(size_hw, dtype=np.bool_)
            inside[rows, columns] = True if valid is None else valid
            layer = Layer(full, inside)
        return layer, _note(raster, part)


def _overlap(scale: float, offset: float, scene_px: int, file_px: int) -> tuple[slice, float, float]:
    """Scene pixels along one axis with their centre in the file, and where they begin and how far they reach there."""
    centres = (np.arange(scene_px) + 0.5) * scale + offset
    inside = np.flatnonzero((centres >= 0) & (centres < file_px))
    if not inside.size:
        raise ImageReadError("grids_differ", "one of the files does not reach into this part of the scene")
    start, stop = int(inside[0]), int(inside[-1]) + 1
    begin = max(0.0, start * scale + offset)
    # A window of a millionth less than a whole pixel is that pixel, not a reason to interpolate.
    end = min(float(file_px), stop * scale + offset)
    begin, end = (round(v) if abs(v - round(v)) < 1e-6 else v for v in (begin, end))
    return slice(start, stop), float(begin), float(end - begin)


def _note(raster: Raster, part: Part) -> str | None:
    if part.is_exact or part.decimation > 1.0:
        return None
    return f"{raster.name} interpolated to pixels {part.size_hw[1] / part.width:.3g} times finer"
