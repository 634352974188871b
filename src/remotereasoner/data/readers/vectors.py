"""Vector labels with their coordinate reference system: GeoJSON by ourselves, GeoPackage with the extra ``vector``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS
from shapely.geometry import shape

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.readers.files import read_table
from remotereasoner.errors import CoordinateError, InputError, MissingExtraError
from remotereasoner.scene import parse_crs
from remotereasoner.scene.crs import LONLAT, crs_from_wkt

__all__ = ["VECTOR_ENDINGS", "Labels", "read_labels"]

VECTOR_ENDINGS = (".geojson", ".gpkg", ".json")
_SQLITE, _APPLICATIONS = b"SQLite format 3\0", (b"GPKG", b"GP10", b"GP11")

# What shapely raises for coordinates that are none, by way of numpy and Python's own conversions.
_NO_GEOMETRY = (
    shapely.errors.ShapelyError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


@dataclass(frozen=True, eq=False)
class Labels:
    """Polygons in ``crs`` (x, y) with a category each, and what could not be used, with its number in the file."""

    crs: CRS
    geometries: Any
    """(N,) shapely polygons and multipolygons, valid and not empty."""
    categories: tuple[str, ...]
    refused: tuple[tuple[int, str], ...]


@np.errstate(invalid="ignore", over="ignore")  # other people's numbers: what is not finite is refused below
def read_labels(root: Path, relative: str, category_field: str) -> Labels:
    """The polygons of a file. ``category_field``: the column or property that names the thing.

    Raises :class:`~remotereasoner.errors.InputError` for a file that cannot be read, and
    :class:`~remotereasoner.errors.MissingExtraError` for a GeoPackage without the extra ``vector``.
    """
    path = root / relative
    try:
        with path.open("rb") as file:
            head = file.read(72)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    # By content: a text file that GDAL's other drivers would follow elsewhere never reaches GDAL.
    crs, rows = _geopackage(path, head) if head.startswith(_SQLITE) else _geojson(root, relative)
    if rows and not any(category_field in properties for _, properties in rows):
        columns = ", ".join(sorted({str(key)[:40] for _, properties in rows[:50] for key in properties})) or "none"
        raise InputError(f"{path} has no column {category_field!r} but {columns}: name one with --category-field")
    geometries, categories, refused = [], [], []
    for number, (geometry, properties) in enumerate(rows):
        try:
            geometries.append(_polygon(geometry))
            categories.append(_category(properties.get(category_field), category_field))
        except FieldError as error:
            del geometries[len(categories) :]
            refused.append((number, str(error)))
    return Labels(crs, np.array(geometries, dtype=object), tuple(categories), tuple(refused))


def _category(value: object, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldError(f"its {field} must be text, not {shown(value)}")
    return value.strip()


def _polygon(geometry: Any) -> Any:
    if geometry is None or geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise FieldError(f"it is {'nothing' if geometry is None else f'a {geometry.geom_type}'}, not a polygon")
    flat = shapely.force_2d(geometry)
    if not np.isfinite(shapely.get_coordinates(flat)).all():
        raise FieldError("its coordinates are not all finite")
    valid = flat if flat.is_valid else shapely.make_valid(flat)
    parts = [part for part in shapely.get_parts([valid]) if part.geom_type in ("Polygon", "MultiPolygon")]
    whole = shapely.union_all(parts) if len(parts) != 1 else parts[0]
    if whole.is_empty:
        raise FieldError("it has no area")
    return whole


def _geojson(root: Path, relative: str) -> tuple[CRS, list[tuple[Any, Mapping[str, Any]]]]:
    document = read_table(root, relative)
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise InputError(f"{root / relative} is no GeoJSON FeatureCollection, and no GeoPackage")
    crs = LONLAT
    if document.get("crs") is not None:  # older than RFC 7946, and what GDAL still writes for projected data
        try:
            crs = parse_crs(document["crs"]["properties"]["name"])
        except (TypeError, KeyError):
            raise InputError(f"{root / relative} has a crs member without a name") from None
        except CoordinateError as error:
            raise InputError(f"{root / relative}: {error}") from None
    return crs, [_feature(feature) for feature in features]


def _feature(feature: Any) -> tuple[Any, Mapping[str, Any]]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = None
    try:
        if isinstance(feature, dict) and isinstance(feature.get("geometry"), dict):
            geometry = shape(feature["geometry"])
    except _NO_GEOMETRY:
        geometry = None  # told as "nothing" with the feature's number
    return geometry, properties if isinstance(properties, dict) else {}


def _geopackage(path: Path, head: bytes) -> tuple[CRS, list[tuple[Any, Mapping[str, Any]]]]:
    if head[68:72] not in _APPLICATIONS:
        raise InputError(f"{path} is a database, but no GeoPackage")
    try:
        import pyogrio
    except ModuleNotFoundError as error:
        raise MissingExtraError("vector", f"Reading {path.name}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL's remarks about other people's files
            frame = pyogrio.read_dataframe(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read as a GeoPackage") from error
    except ModuleNotFoundError as error:  # pyogrio is there, geopandas is not
        raise MissingExtraError("vector", f"Reading {path.name}") from error
    if getattr(frame, "crs", None) is None:
        raise InputError(f"{path} has no geometries with a CRS")
    try:
        crs = crs_from_wkt(frame.crs.to_wkt())
    except CoordinateError as error:
        raise InputError(f"{path}: its CRS cannot be understood") from error
    records = frame.drop(columns=frame.geometry.name).to_dict("records")
    return crs, list(zip(frame.geometry.to_list(), records, strict=True))
