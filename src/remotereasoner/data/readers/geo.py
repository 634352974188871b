"""A folder of rasters with labels on the map, in GeoJSON or GeoPackage and in whatever CRS these are.

Labels are ``--annotations FILE`` for all rasters, or a file of a raster's own name beside it. They are brought into the
raster's pixels and cut at its edge; one question a category and raster is made by a template.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from remotereasoner.data.fields import FieldError
from remotereasoner.data.mask_outlines import Rings
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, tracked
from remotereasoner.data.readers.coco import question_of
from remotereasoner.data.readers.files import listing
from remotereasoner.data.readers.vectors import VECTOR_ENDINGS, Labels, read_labels
from remotereasoner.data.samples import Sample
from remotereasoner.errors import ImageReadError, InputError
from remotereasoner.scene import open_raster
from remotereasoner.scene.grid import Grid
from remotereasoner.types import FloatArray

__all__ = ["read"]

_MIN_AREA_PX = 1.0


class _Placed:
    """Labels in the CRS of rasters, looked up by place; transformed once per CRS."""

    def __init__(self, labels: Labels, name: str) -> None:
        self.labels = labels
        self.name = name
        self._by_crs: dict[str, tuple[Any, Any]] = {}

    def within(self, grid: Grid) -> tuple[Any, list[str]]:
        """(n,) geometries in the raster's CRS that touch its bounds, and their categories."""
        if grid.crs is None:
            raise FieldError("it has no CRS, so that labels on the map have no place in it")
        geometries, tree = self._in(grid.crs)
        chosen = np.sort(tree.query(shapely.box(*grid.bounds)))
        return geometries[chosen], [self.labels.categories[k] for k in chosen]

    @np.errstate(invalid="ignore", over="ignore")
    def _in(self, crs: CRS) -> tuple[Any, Any]:
        key = crs.to_wkt()
        if key not in self._by_crs:
            transformer = Transformer.from_crs(self.labels.crs, crs, always_xy=True)

            def move(points: FloatArray) -> FloatArray:
                return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

            try:
                moved = shapely.transform(self.labels.geometries, move)
            except ProjError as error:
                raise FieldError(f"{self.name} cannot be brought into its CRS") from error
            # What lies outside the projection has no place in this raster; an empty geometry is never found.
            inside = np.array([np.isfinite(shapely.get_coordinates(one)).all() for one in moved], dtype=np.bool_)
            moved = np.where(inside, moved, shapely.Polygon())
            self._by_crs[key] = moved, shapely.STRtree(moved)
        return self._by_crs[key]


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """Samples raster by raster, in the order of their names."""
    question_of(options.template, "thing")
    rasters = listing(root)
    if not rasters:
        raise InputError(f"{root} holds no raster")
    shared: _Placed | None = None
    if options.annotations:
        shared = _Placed(read_labels(root, options.annotations, options.category_field), options.annotations)
        yield from _refused(shared)
    own_names = set(listing(root, VECTOR_ENDINGS))
    split = options.splits[0] if options.splits else None
    for name in tracked(rasters, options):
        try:
            placed = shared
            if placed is None:
                stem = name.rsplit(".", 1)[0]
                own = next((stem + ending for ending in VECTOR_ENDINGS if stem + ending in own_names), None)
                if own is None:
                    raise FieldError("there are no labels of its name; name a file for all with --annotations")
                placed = _Placed(read_labels(root, own, options.category_field), own)
                yield from _refused(placed)
            yield from _raster(root, name, placed, options, split)
        except (FieldError, ImageReadError) as error:
            yield BadRecord(name, None, str(error))


def _refused(placed: _Placed) -> Iterator[BadRecord]:
    for number, reason in placed.labels.refused:
        yield BadRecord(placed.name, None, f"features[{number}]: {reason}")


def _raster(root: Path, name: str, placed: _Placed, options: ReadOptions, split: str | None) -> Iterator[Found]:
    with open_raster(root / name) as raster:
        grid = raster.grid
    geometries, categories = placed.within(grid)
    by_category: dict[str, list[Rings]] = {}
    for geometry, category in zip(_in_pixels(geometries, grid), categories, strict=True):
        if geometry.area >= _MIN_AREA_PX:
            by_category.setdefault(category, []).append(_rings(geometry))
    gsd_m = grid.ground_sample_distance_m()
    for category, objects in sorted(by_category.items()):
        yield Item(
            Sample(
                id=f"geo/{name}/{category}"[:256],
                image=name,
                query=question_of(options.template, category),
                boxes=tuple(_box(rings) for rings in objects),
                polygons=tuple(objects),
                category=category,
                split=split,
                source="geo",
                kind="direct",
                attributes={} if gsd_m is None else {"gsd_m": round(gsd_m, 4)},
            )
        )


@np.errstate(invalid="ignore", over="ignore")
def _in_pixels(geometries: Any, grid: Grid) -> Any:
    """Geometries of the map in pixels, cut at the raster's edge."""
    height, width = grid.size_hw
    moved = shapely.make_valid(shapely.transform(geometries, grid.map_to_pixel))
    return shapely.intersection(moved, shapely.box(0, 0, width, height))


def _rings(geometry: Any) -> Rings:
    parts = [part for part in shapely.get_parts([geometry]) if part.geom_type == "Polygon"]
    if geometry.geom_type == "GeometryCollection":
        parts = [part for part in shapely.get_parts(shapely.get_parts([geometry])) if part.geom_type == "Polygon"]
    return tuple(
        tuple((round(float(x), 3), round(float(y), 3)) for x, y in ring.coords[:-1])
        for part in parts
        for ring in (part.exterior, *part.interiors)
    )


def _box(rings: Rings) -> tuple[float, float, float, float]:
    xs, ys = [x for ring in rings for x, _ in ring], [y for ring in rings for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)
