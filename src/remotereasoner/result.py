"""What one question gave: :class:`Result`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapely import MultiPolygon

from remotereasoner.errors import ResultFormatError
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion
from remotereasoner.provenance import Provenance
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.scene import Rendering
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.findings import Finding
from remotereasoner.transform.masks import union
from remotereasoner.types import BoolArray, BoxXyxy, Status, Task, UInt8Array

if TYPE_CHECKING:
    from remotereasoner.export.formats import VectorFormat
    from remotereasoner.export.mask_raster import MaskKind

__all__ = ["Result"]

_MAX_JSON_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class Result:
    """The answer to one question about one scene, in every granularity, and how it came about.

    All coordinates are pixels of the scene unless the name says lon/lat. ``pixels`` is the rendered scene, (H, W, 3)
    uint8, for pictures only: it is not saved, and None in a result that was read from a file.
    """

    question: str
    answer: Answer
    findings: tuple[Finding, ...]
    grid: Grid
    """Size and place of the scene."""
    rendering: Rendering
    """How the scene's pixels were made from its source."""
    completion: Completion
    """What the model wrote, word for word. Untrusted text."""
    provenance: Provenance
    pixels: UInt8Array | None = field(default=None, repr=False)

    @property
    def status(self) -> Status:
        return self.answer.status

    @property
    def task(self) -> Task:
        return self.answer.task

    @property
    def reasoning(self) -> str:
        return self.answer.reasoning

    @property
    def text(self) -> str | None:
        """The answer to ``vqa`` and ``caption``; None for ``locate`` and where there is no answer."""
        return self.answer.text

    @property
    def boxes(self) -> tuple[BoxXyxy, ...]:
        """Region: one [x1, y1, x2, y2] per finding."""
        return tuple(finding.box_xyxy for finding in self.findings)

    @property
    def masks(self) -> tuple[InstanceMask, ...]:
        """Pixel: one cropped mask per finding."""
        return tuple(finding.mask for finding in self.findings)

    @property
    def polygons(self) -> tuple[MultiPolygon, ...]:
        """Contour: one outline with holes per finding."""
        return tuple(finding.polygons for finding in self.findings)

    @property
    def count(self) -> int:
        return len(self.findings)

    @property
    def total_area_m2(self) -> float | None:
        """Sum over the findings (what overlaps counts twice); None where an area is not known, 0 for none found."""
        if self.grid.crs is None:
            return None
        areas = [finding.area_m2 for finding in self.findings]
        return None if None in areas else float(sum(area for area in areas if area is not None))

    def mask(self) -> BoolArray:
        """(H, W) bool: the pixels of any finding."""
        return union(self.masks, self.grid.size_hw)

    # Files -----------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The JSON document as plain values."""
        from remotereasoner.export.result_json import result_to_dict

        return result_to_dict(self)

    def to_json(self) -> str:
        """Everything but the pixels; :meth:`from_json` gives the same result back."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Result:
        """Raises :class:`~remotereasoner.errors.ResultFormatError`."""
        from remotereasoner.export.result_json import result_fields

        return cls(**result_fields(text))

    def to_geojson(self) -> dict[str, Any]:
        """A FeatureCollection (RFC 7946). Raises :class:`~remotereasoner.errors.ExportError` without a usable CRS."""
        from remotereasoner.export.geojson import result_to_geojson

        return result_to_geojson(self)

    def to_pixel_json(self) -> dict[str, Any]:
        """The findings in pixels, for scenes without CRS."""
        from remotereasoner.export.geojson import result_to_pixel_json

        return result_to_pixel_json(self)

    def mask_tiff(self, kind: MaskKind = "instances") -> bytes:
        """Masks as Cloud Optimized GeoTIFF; see :func:`remotereasoner.export.mask_raster.mask_tiff`."""
        from remotereasoner.export.mask_raster import mask_tiff

        return mask_tiff(self, kind)

    def contour_png(self) -> bytes:
        """Black contours on white, as the reference draws them."""
        from remotereasoner.export.pictures import contour_png

        return contour_png(self)

    def overlay_png(self) -> bytes:
        """The scene with numbered findings, question, status and reasoning."""
        from remotereasoner.export.pictures import overlay_png

        return overlay_png(self)

    def to_geodataframe(self) -> Any:
        """A ``geopandas.GeoDataFrame`` in the scene's own CRS, one row per finding; ``attrs`` holds the rest.

        Raises :class:`~remotereasoner.errors.MissingExtraError` without the extra ``[vector]``.
        """
        from remotereasoner.export.geodataframe import layer_to_geodataframe
        from remotereasoner.export.layer import layer_of
        from remotereasoner.export.shaping import shape_result

        return layer_to_geodataframe(layer_of(shape_result(self)))

    def export(
        self,
        path: Path | str,
        *,
        as_format: VectorFormat | None = None,
        overwrite: bool = False,
        simplify_m: float | None = None,
        right_angles_iou: float | None = None,
    ) -> Path:
        """Write the findings as one vector file: GeoPackage, FlatGeobuf, GeoParquet, GeoJSON, COCO and others.

        The format is that of the file's name unless ``as_format`` says it. ``simplify_m``: outlines with fewer
        vertices, none further than this from where it was. ``right_angles_iou``: outlines with right angles, refused
        where their IoU with the mask's falls under this. The file is complete or not there. Raises
        :class:`~remotereasoner.errors.ExportError`, also where ``path`` exists and ``overwrite`` is False, and
        :class:`~remotereasoner.errors.UsageError` for impossible wishes.
        """
        from remotereasoner.export.formats import export_result

        return export_result(
            self,
            Path(path),
            as_format=as_format,
            overwrite=overwrite,
            simplify_m=simplify_m,
            right_angles_iou=right_angles_iou,
        )

    def write(
        self,
        folder: Path | str,
        *,
        formats: Sequence[VectorFormat] = (),
        simplify_m: float | None = None,
        right_angles_iou: float | None = None,
    ) -> dict[str, Path]:
        """Write everything that fits this result into ``folder``; returns kind to path.

        ``json`` and ``overlay`` always; for ``locate`` also ``geojson`` (``pixels`` without a usable CRS), the other
        ``formats`` asked for, shaped as :meth:`export` says, and ``mask`` and ``contour`` unless the answer could not
        be read. Files are complete or not there. Raises :class:`~remotereasoner.errors.ExportError`.
        """
        from remotereasoner.export.folder import write_folder

        return write_folder(
            self, Path(folder), formats=formats, simplify_m=simplify_m, right_angles_iou=right_angles_iou
        )

    @classmethod
    def read(cls, path: Path | str) -> Result:
        """A result from its folder or its JSON file. Raises :class:`~remotereasoner.errors.ResultFormatError`."""
        from remotereasoner.export.folder import FILE_NAMES

        path = Path(path)
        file = path / FILE_NAMES["json"] if path.is_dir() else path
        try:
            if file.stat().st_size > _MAX_JSON_BYTES:
                raise ResultFormatError(f"{file} is too large for a saved result")
            content = file.read_bytes()
        except OSError as error:
            raise ResultFormatError(f"no saved result at {file}: {error.strerror}") from None
        return cls.from_json(content)

    # Notebooks -------------------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        from remotereasoner.export.html import result_to_html

        return result_to_html(self)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """For geopandas, folium and others. Without a usable CRS the attribute is not there, as the protocol has it."""
        if not self.grid.is_georeferenced:
            raise AttributeError("a result without a usable CRS has no __geo_interface__")
        return self.to_geojson()
