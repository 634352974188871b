"""A layer through GDAL's vector drivers into memory, so that nothing half-written ever has a name."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

import shapely

from remotereasoner.errors import ExportError
from remotereasoner.export.extras import vector_module
from remotereasoner.export.layer import Layer

__all__ = ["ogr_bytes"]


def ogr_bytes(
    layer: Layer,
    driver: str,
    *,
    purpose: str,
    layer_options: Mapping[str, str] | None = None,
    dataset_options: Mapping[str, str] | None = None,
) -> bytes:
    """``layer`` as a file of ``driver``; NaN is null. All geometries are MultiPolygons, in ``layer.crs`` as it is.

    Raises :class:`~remotereasoner.errors.MissingExtraError` and :class:`~remotereasoner.errors.ExportError`.
    """
    raw = vector_module("pyogrio.raw", purpose)
    errors = vector_module("pyogrio.errors", purpose)
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")  # scenes without a CRS are allowed
            raw.write(
                buffer,
                shapely.to_wkb(layer.geometry),
                list(layer.columns.values()),
                list(layer.columns),
                layer=layer.name,
                driver=driver,
                geometry_type="MultiPolygon",
                crs=None if layer.crs is None else layer.crs.to_wkt(),
                encoding="UTF-8",
                nan_as_null=True,
                layer_options=dict(layer_options or {}),
                dataset_options=dict(dataset_options or {}),
            )
    except (errors.DataSourceError, errors.DataLayerError, errors.CRSError, errors.FieldError, errors.FeatureError,
            errors.GeometryError) as error:  # fmt: skip
        raise ExportError(f"{driver} could not be written: {error}") from error
    return buffer.getvalue()
