"""A result as GeoDataFrame, for notebooks and everything that geopandas can do."""

from __future__ import annotations

from typing import Any

from remotereasoner.export.extras import vector_module
from remotereasoner.export.layer import Layer

__all__ = ["layer_to_geodataframe"]


def layer_to_geodataframe(layer: Layer) -> Any:
    """A ``geopandas.GeoDataFrame`` in the layer's own CRS; ``attrs`` says what holds for the whole.

    Raises :class:`~remotereasoner.errors.MissingExtraError`.
    """
    geopandas = vector_module("geopandas", "a GeoDataFrame")
    frame = geopandas.GeoDataFrame(dict(layer.columns), geometry=layer.geometry, crs=layer.crs)
    frame.attrs.update(layer.about)
    return frame
