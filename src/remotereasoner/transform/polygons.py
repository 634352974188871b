"""Masks to polygons with holes and back, exactly.

Polygons run along pixel edges, so that a polygon's area in px² is the number of its pixels: by GDAL's polygonise
(``rasterio.features.shapes``), 4-connected. Contours through pixel centres, as OpenCV draws them, lose one-pixel
objects and are invalid now and then.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain

import numpy as np
import shapely
from rasterio.features import rasterize, shapes
from shapely import MultiPolygon, Polygon

from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim
from remotereasoner.transform.sheets import Sheet, lay_out
from remotereasoner.types import BoolArray, SizeHw

__all__ = ["exteriors", "mask_to_polygons", "masks_to_polygons", "polygons_to_frame", "polygons_to_mask"]


def mask_to_polygons(mask: InstanceMask) -> MultiPolygon:
    """The object's outline in scene pixels: one polygon per 4-connected part, holes kept, always valid.

    Its area is the mask's pixel count exactly. Parts come in the order of their first pixel, row by row. A mask without
    any pixel gives an empty MultiPolygon.
    """
    return masks_to_polygons([mask])[0]


def masks_to_polygons(masks: Sequence[InstanceMask]) -> list[MultiPolygon]:
    """:func:`mask_to_polygons` of each, in order, but several times faster where there are many small ones.

    A call of GDAL costs about a millisecond whatever the mask's size, so masks are laid out side by side on a sheet,
    each with its own value, and outlined together.
    """
    found = [MultiPolygon()] * len(masks)
    for sheet in lay_out([mask.mask.shape for mask in masks]):
        for index, polygons in zip(sheet.indices, _outline(sheet, masks), strict=True):
            found[index] = polygons
    return found


def _outline(sheet: Sheet, masks: Sequence[InstanceMask]) -> list[MultiPolygon]:
    image = np.zeros(sheet.size_hw, dtype=np.uint16)
    shifts = np.empty((len(sheet.indices), 2))
    for value, (index, (x, y)) in enumerate(zip(sheet.indices, sheet.corners_xy, strict=True), start=1):
        pixels = masks[index].mask
        np.multiply(pixels, value, out=image[y : y + pixels.shape[0], x : x + pixels.shape[1]], casting="unsafe")
        shifts[value - 1] = masks[index].offset_xy[0] - x, masks[index].offset_xy[1] - y
    flat = array("d")  # taken over part by part: keeping GDAL's many tuples would have the garbage collector walk them
    vertices_per_ring, rings_per_part, owners = [], [], []
    for geometry, value in shapes(image, mask=image > 0, connectivity=4):
        for ring in geometry["coordinates"]:
            vertices_per_ring.append(len(ring))
            flat.extend(chain.from_iterable(ring))
        rings_per_part.append(len(geometry["coordinates"]))
        owners.append(int(value) - 1)
    if not owners:
        return [MultiPolygon() for _ in sheet.indices]

    vertices = np.array(vertices_per_ring)
    xy = np.frombuffer(flat, dtype=np.float64).reshape(-1, 2)
    owner, part_rings = np.array(owners), np.array(rings_per_part)
    part_of_ring = np.repeat(np.arange(len(owner)), part_rings)
    # GDAL gives parts as it closes them; their first pixels' order does not depend on the neighbours on the sheet.
    starts = np.concatenate([[0], np.cumsum(vertices)[:-1]])
    shell_starts = np.concatenate([[0], np.cumsum(part_rings)[:-1]])
    first_pixel = np.minimum.reduceat(xy[:, 1] * sheet.size_hw[1] + xy[:, 0], starts)[shell_starts]
    order = np.lexsort((first_pixel, owner))

    xy = xy + np.repeat(shifts[owner[part_of_ring]], vertices, axis=0)
    parts = shapely.polygons(
        shapely.linearrings(xy, indices=np.repeat(np.arange(len(vertices)), vertices)), indices=part_of_ring
    )
    made = np.full(len(sheet.indices), MultiPolygon(), dtype=object)
    shapely.multipolygons(parts[order], indices=owner[order], out=made)
    return list(made)


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
    # As lists of numbers: rasterio would go through shapely geometries coordinate by coordinate.
    drawn = [
        ({"type": "Polygon", "coordinates": [shapely.get_coordinates(ring).tolist() for ring in rings]}, 1)
        for part in shapely.get_parts(np.array(polygons, dtype=object))
        if len(rings := shapely.get_rings(part))
    ]
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
