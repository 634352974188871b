"""What a raster file is, without reading its pixels: :func:`raster_info`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from remotereasoner.errors import CoordinateError
from remotereasoner.scene.bands import Bands
from remotereasoner.scene.door import Raster, open_raster
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.limits import DEFAULT_LIMITS, ReadLimits
from remotereasoner.scene.opening import RasterPath, raster_bands
from remotereasoner.scene.render import choose_stretch
from remotereasoner.types import BoundsXyxy, SizeHw

__all__ = ["BandInfo", "RasterInfo", "raster_info"]


@dataclass(frozen=True)
class BandInfo:
    """One band; ``number`` counts from 1."""

    number: int
    name: str | None
    dtype: str
    nodata: float | None
    colour: str
    """GDAL's colour interpretation: ``red``, ``gray``, ``alpha``, ``palette``, ``undefined``, …"""


@dataclass(frozen=True)
class RasterInfo:
    """Facts of one file; all of it comes from the header."""

    name: str
    """File name without folders."""
    driver: str
    size_hw: SizeHw
    bands: tuple[BandInfo, ...]
    crs: str | None
    """``EPSG:32618`` where there is a code, else the CRS's name."""
    crs_wkt: str | None
    transform: tuple[float, float, float, float, float, float]
    """a, b, c, d, e, f: x = a column + b row + c, y = d column + e row + f."""
    bounds: BoundsXyxy | None
    """(west, south, east, north) on the map; None without a CRS."""
    bounds_lonlat: BoundsXyxy | None
    """The same in WGS84 degrees; west > east across the antimeridian."""
    gsd_m: float | None
    """Size of a pixel on the ground at the centre, in metres."""
    block_hw: SizeHw
    overviews: tuple[int, ...]
    default_bands: Bands
    """What open_scene renders as red, green and blue when it is not told."""
    default_stretch: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and text; a nodata value that JSON cannot carry becomes text (``"nan"``)."""
        plain = asdict(self)
        for band in plain["bands"]:
            if band["nodata"] is not None and not math.isfinite(band["nodata"]):
                band["nodata"] = str(band["nodata"])
        listed: dict[str, Any] = _listed(plain)
        return listed


def raster_info(path: RasterPath, *, limits: ReadLimits = DEFAULT_LIMITS, follow_symlinks: bool = True) -> RasterInfo:
    """Look at a raster file through the same door as :func:`~remotereasoner.scene.opening.open_scene`.

    Raises :class:`~remotereasoner.errors.ImageReadError`.
    """
    with open_raster(path, limits=limits, follow_symlinks=follow_symlinks) as raster:
        reader, grid = raster.reader, raster.grid
        bands = raster_bands(raster)
        return RasterInfo(
            name=raster.name,
            driver=reader.driver,
            size_hw=grid.size_hw,
            bands=_band_infos(raster),
            crs=_crs_name(grid),
            crs_wkt=grid.crs.to_wkt() if grid.crs is not None else None,
            transform=tuple(float(value) for value in grid.transform[:6]),  # type: ignore[arg-type]
            bounds=grid.bounds if grid.crs is not None else None,
            bounds_lonlat=_lonlat_bounds(grid),
            gsd_m=grid.ground_sample_distance_m(),
            block_hw=tuple(reader.block_shapes[0]),
            overviews=tuple(reader.overviews(1)),
            default_bands=bands,
            default_stretch="none" if _is_palette(raster, bands) else choose_stretch("auto", [raster.dtype]),
            notes=raster.notes,
        )


def _band_infos(raster: Raster) -> tuple[BandInfo, ...]:
    reader = raster.reader
    return tuple(
        BandInfo(number, raster.band_names[k], reader.dtypes[k], reader.nodatavals[k], reader.colorinterp[k].name)
        for k, number in enumerate(reader.indexes)
    )


def _is_palette(raster: Raster, bands: Bands) -> bool:
    return len(set(bands)) == 1 and raster.reader.colorinterp[bands[0] - 1].name == "palette"


def _crs_name(grid: Grid) -> str | None:
    if grid.crs is None:
        return None
    code = grid.crs.to_epsg()
    return f"EPSG:{code}" if code is not None else str(grid.crs.name)


def _lonlat_bounds(grid: Grid) -> BoundsXyxy | None:
    if not grid.is_georeferenced:
        return None
    try:
        return grid.bounds_lonlat
    except CoordinateError:
        return None


def _listed(value: Any) -> Any:
    """Tuples as lists, as they come back from JSON."""
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    return value
