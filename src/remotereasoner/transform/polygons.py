"""Masks to polygons with holes and back, exactly.

Polygons run along pixel edges, so that a polygon's area in px² is the number of its pixels: by GDAL's polygonise
(``rasterio.features.shapes``), 4-connected. Contours through pixel centres, as OpenCV draws them, lose one-pixel
objects and are invalid now and then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from rasterio.features import rasterize, shapes
from shapely import LinearRing, MultiPolygon, Polygon

from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim
from remotereasoner.types import BoolArray, SizeHw

__all__ = ["exteriors", "mask_to_polygons", "polygons_to_frame", "polygons_to_mask"]


def mask_to_polygons(mask: InstanceMask) -> MultiPolygon:
    """The object's outline in scene pixels: one polygon per 4-connected part, holes kept, always valid.

    Its area is the mask's pixel count exactly. Parts come in the order of their first pixel, row by row. A mask without
    any pixel gives an empty MultiPolygon.
    """
    pixels = mask.mask
    if not pixels.any():
        return MultiPolygon()
    image = np.ascontiguousarray(pixels, dtype=np.uint8)
    offset = np.asarray(mask.offset_xy, dtype=np.float64)
    parts = []
    for geometry, _value in shapes(image, mask=pixels, connectivity=4):
        shell, *holes = (LinearRing(np.asarray(ring) + offset) for ring in geometry["coordinates"])
        parts.append(Polygon(shell, holes))
    return MultiPolygon(parts)


def polygons_to_mask(polygons: MultiPolygon, score: float = 1.0) -> InstanceMask:
    """The pixels whose centres lie in ``polygons`` (scene pixels), cropped. The inverse of :func:`mask_to_polygons`."""
    if polygons.is_empty:
        return empty_mask()
    left, top, right, bottom = polygons.bounds
    x, y = int(np.floor(left)), int(np.floor(top))
    size_hw = (int(np.ceil(bottom)) - y, int(np.ceil(right)) - x)
    if 0 in size_hw:
        return empty_mask()
    moved = shapely.transform(polygons, lambda xy: xy - (x, y))
    return trim(polygons_to_frame([moved], size_hw), (x, y), score)


def polygons_to_frame(polygons: Sequence[MultiPolygon | Polygon], size_hw: SizeHw) -> BoolArray:
    """(H, W) bool: the pixels whose centres lie in any of ``polygons``, which may reach outside the frame."""
    drawn = [(geometry, 1) for geometry in polygons if not geometry.is_empty]
    if not drawn:
        return np.zeros(size_hw, dtype=np.bool_)
    frame: BoolArray = rasterize(drawn, out_shape=size_hw, fill=0, dtype=np.uint8).astype(np.bool_)
    return frame


def exteriors(polygons: MultiPolygon) -> MultiPolygon:
    """The outer contours only: holes filled, and parts that lie in another part's hole swallowed by it."""
    if polygons.is_empty:
        return MultiPolygon()
    filled = shapely.union_all([Polygon(part.exterior) for part in polygons.geoms])
    return MultiPolygon([filled]) if isinstance(filled, Polygon) else MultiPolygon(filled)
