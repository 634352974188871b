"""From files to a :class:`~remotereasoner.scene.scene.Scene`: :func:`open_scene`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
from pyproj import CRS

from remotereasoner.errors import UsageError
from remotereasoner.scene.bands import Bands, band_name_of_file, choose_bands
from remotereasoner.scene.door import Raster, open_raster
from remotereasoner.scene.limits import DEFAULT_LIMITS, ReadLimits
from remotereasoner.scene.reading import Part, check_cost, palette, read_band, read_planes, read_valid
from remotereasoner.scene.render import Layer, Rgb, StretchChoice, choose_stretch, expand_palette, render
from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.scene.stack import inspect_members, read_member, reference_member
from remotereasoner.scene.stretch import Limits
from remotereasoner.scene.window import choose_window, output_size, scene_transform
from remotereasoner.types import BoundsXyxy, UInt8Array, WindowPx

__all__ = ["RasterPath", "is_palette", "open_scene", "raster_bands", "raster_notes", "read_layers", "read_rgb"]

RasterPath = str | os.PathLike[str]


def open_scene(
    source: RasterPath | Sequence[RasterPath],
    *,
    bands: Sequence[int | str] | None = None,
    window: WindowPx | tuple[int, int, int, int] | None = None,
    bounds: BoundsXyxy | None = None,
    bounds_crs: str | CRS | None = None,
    max_side_px: int | None = None,
    percentiles: tuple[float, float] = (2.0, 98.0),
    stretch: StretchChoice = "auto",
    limits: ReadLimits = DEFAULT_LIMITS,
    follow_symlinks: bool = True,
) -> Scene:
    """Read a raster, or a part of it, as RGB with its place on the map.

    ``source``: a file, or several single-band files of one scene, of which the finest chosen one gives the pixels.
    ``bands``: one (grey) or three numbers or names, of several files their positions or the names in their names; None
    chooses natural colour where the file tells, see :func:`~remotereasoner.scene.bands.choose_bands`.
    ``window``: (col_off, row_off, width, height) in pixels of the source; or ``bounds``: (west, south, east, north) in
    ``bounds_crs`` (``"EPSG:4326"``, …; None: the raster's own). Parts outside the raster are cut off.
    ``max_side_px``: the longer side of the scene at most; pixels are averaged, from overviews where there are any.
    ``stretch``: ``auto`` leaves uint8 as it is and stretches all else between ``percentiles``, taken over the valid
    samples of the part that is read; what was done is in :attr:`Scene.rendering`.
    Pixels are as stored: an EXIF rotation is noted, not applied. ``limits`` and ``follow_symlinks`` as for
    :func:`~remotereasoner.scene.door.open_raster`.

    Raises :class:`~remotereasoner.errors.ImageReadError` (see ``code``),
    :class:`~remotereasoner.errors.CoordinateError` for a window or bounds that cannot be used and
    :class:`~remotereasoner.errors.UsageError` for other parameters.
    """
    low, high = percentiles
    if not 0.0 <= low < high <= 100.0:
        raise UsageError(f"percentiles must be two rising numbers in [0, 100], got {percentiles}")
    paths = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not paths:
        raise UsageError("source is an empty list: give at least one file")
    if len(paths) > 1:
        return _open_stack(
            [Path(path) for path in paths],
            bands=bands,
            window=window,
            bounds=bounds,
            bounds_crs=bounds_crs,
            max_side_px=max_side_px,
            percentiles=percentiles,
            stretch=stretch,
            limits=limits,
            follow_symlinks=follow_symlinks,
        )
    with open_raster(paths[0], limits=limits, follow_symlinks=follow_symlinks) as raster:
        chosen = raster_bands(raster, bands)
        where = choose_window(raster.grid, window=window, bounds=bounds, bounds_crs=bounds_crs)
        size_hw = output_size(where, max_side_px)
        part = Part(where.col_off, where.row_off, where.width, where.height, size_hw)
        check_cost(raster, part, len(set(chosen)))
        how = choose_stretch(stretch, [raster.dtype])
        rgb, how = read_rgb(raster, chosen, part, how, percentiles)
        rendering = Rendering(
            source=raster.name,
            driver=raster.reader.driver,
            bands=chosen,
            band_names=tuple(raster.band_names[band - 1] for band in chosen),
            dtype=raster.dtype,
            stretch=how,
            limits=rgb.limits,
            percentiles=percentiles if how == "percentile" else None,
            window=where,
            source_hw=raster.grid.size_hw,
            source_nodata=raster.reader.nodata,
            notes=(*raster.notes, *raster_notes(raster, is_palette=is_palette(raster, chosen))),
        )
        transform = scene_transform(raster.grid.transform, where, size_hw)
        return Scene(rgb.pixels, rgb.valid, transform, raster.grid.crs, rendering)


def raster_bands(raster: Raster, requested: Sequence[int | str] | None = None) -> Bands:
    """The bands to render of one file: ``requested``, or the natural choice."""
    return choose_bands(
        requested,
        names=raster.band_names,
        colours=[interpretation.name for interpretation in raster.reader.colorinterp],
        sensor=raster.name,
    )


def is_palette(raster: Raster, bands: Bands) -> bool:
    """Whether ``bands`` are one band with a palette, which is expanded and never stretched."""
    return len(set(bands)) == 1 and palette(raster, bands[0]) is not None


def read_rgb(
    raster: Raster,
    bands: Bands,
    part: Part,
    how: Literal["none", "percentile"],
    percentiles: tuple[float, float],
    *,
    known: Sequence[Limits] | None = None,
    out: UInt8Array | None = None,
) -> tuple[Rgb, Literal["none", "percentile"]]:
    """One part of an open raster as RGB, and how it was stretched in the end; see :func:`~.render.render`.

    ``out``: (h, w, 3) uint8 to write the pixels into, strided or not; None: a new array.
    """
    table = palette(raster, bands[0]) if len(set(bands)) == 1 else None
    if table is not None:
        samples = read_band(raster, bands[0], part, smooth=False)
        return expand_palette(Layer(samples, read_valid(raster, bands[0], part, samples)), table, out=out), "none"
    as_read = out is not None and how == "none" and len(set(bands)) == len(bands)
    planes = out.transpose(2, 0, 1) if out is not None and as_read else None
    return render(read_layers(raster, bands, part, out=planes), how, percentiles, known=known, out=out), how


def read_layers(raster: Raster, bands: Bands, part: Part, *, out: npt.NDArray[Any] | None = None) -> list[Layer]:
    """One layer per channel; channels of the same band share theirs. ``out`` as for :func:`~.reading.read_planes`."""
    used = list(dict.fromkeys(bands))
    if raster.dtype.startswith("complex"):
        planes = [read_band(raster, band, part) for band in used]
    else:
        planes = list(read_planes(raster, used, part, out=out))
    layers = {
        band: Layer(plane, read_valid(raster, band, part, plane)) for band, plane in zip(used, planes, strict=True)
    }
    return [layers[band] for band in bands]


def raster_notes(raster: Raster, *, is_palette: bool) -> list[str]:
    """What else makes the pixels other than the file's samples."""
    notes = []
    if is_palette:
        notes.append("palette expanded")
    if raster.dtype.startswith("complex"):
        notes.append("magnitude of complex samples")
    orientation = str(raster.reader.tags().get("EXIF_Orientation", "1")).strip()
    if orientation not in ("0", "1"):
        notes.append(f"EXIF orientation {orientation[:2]} not applied: pixels are as stored")
    return notes


def _open_stack(
    paths: list[Path],
    *,
    bands: Sequence[int | str] | None,
    window: WindowPx | tuple[int, int, int, int] | None,
    bounds: BoundsXyxy | None,
    bounds_crs: str | CRS | None,
    max_side_px: int | None,
    percentiles: tuple[float, float],
    stretch: StretchChoice,
    limits: ReadLimits,
    follow_symlinks: bool,
) -> Scene:
    names = [band_name_of_file(path) for path in paths]
    chosen = choose_bands(bands, names=names, colours=[""] * len(paths), sensor=paths[0].name)
    used = sorted(set(chosen))
    members = dict(
        zip(used, inspect_members([paths[k - 1] for k in used], limits, follow_symlinks=follow_symlinks), strict=True)
    )
    reference = reference_member(list(members.values()))
    where = choose_window(reference.grid, window=window, bounds=bounds, bounds_crs=bounds_crs)
    size_hw = output_size(where, max_side_px)
    transform = scene_transform(reference.grid.transform, where, size_hw)
    dtypes = [member.dtype for member in members.values()]
    how = choose_stretch(stretch, dtypes)
    layers, notes = {}, []
    for band, member in members.items():
        layers[band], note = read_member(member, transform, size_hw, limits, follow_symlinks=follow_symlinks)
        notes += [*member.notes, *([note] if note else [])]
    rgb = render([layers[band] for band in chosen], how, percentiles)
    rendering = Rendering(
        source=", ".join(members[band].grid.name for band in used),
        driver=reference.driver,
        bands=chosen,
        band_names=tuple(names[band - 1] for band in chosen),
        dtype="/".join(dict.fromkeys(dtypes)),
        stretch=how,
        limits=rgb.limits,
        percentiles=percentiles if how == "percentile" else None,
        window=where,
        source_hw=reference.grid.size_hw,
        source_nodata=reference.nodata,
        notes=tuple(notes),
    )
    return Scene(rgb.pixels, rgb.valid, transform, reference.grid.crs, rendering)
