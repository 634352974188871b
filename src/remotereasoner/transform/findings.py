"""One object of the answer in every granularity: :class:`Finding`, made by :func:`build_findings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shapely import MultiPolygon

from remotereasoner.errors import UsageError
from remotereasoner.policy.answer import Answer
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.measure import Measurer
from remotereasoner.transform.polygons import masks_to_polygons
from remotereasoner.types import BoxXyxy, PointXy

__all__ = ["Finding", "Views", "build_findings"]


@dataclass(frozen=True)
class Views:
    """How far several looks at one object agree, in a scene that was surveyed window by window."""

    windows_seen: int
    """Windows whose answer shows the object, or a part of it."""
    windows_visible: int
    """Windows asked in which a tenth of the object, or more, was to be seen; an object that fills a tenth of a window
    counts there too."""
    agreement: float | None
    """Mean IoU, over these windows, of what the window's answer shows of the object with what is to be seen of the
    final outline there; 0 for a window that does not show it. None where there was one window only."""
    overview_iou: float | None
    """Best IoU of its box with a box of the overview; None where there was no overview."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One object: where it is, as box, mask and polygons, and what it measures.

    The measurements in m and m² and ``centroid_lonlat`` are None without a CRS.
    """

    index: int
    """Position in the answer, from 0."""
    box_xyxy: BoxXyxy
    """From the answer, in scene pixels. The mask need not fill it, and may reach a little out of it."""
    mask: InstanceMask
    """Without any pixel where the segmenter found nothing in the box: the box still stands."""
    polygons: MultiPolygon
    """Outline of ``mask`` in scene pixels, with holes; empty where the mask is."""
    score: float
    """In [0, 1]: see ``score_source``. The segmenter's own is always ``mask.score``."""
    score_source: Literal["answer", "segmenter"]
    """``answer``: the policy's confidence in the box. ``segmenter``: its estimate of the mask's quality."""
    label: str | None
    """As the model wrote it."""
    area_px: int
    centroid_xy: PointXy
    """Of the mask, in scene pixels; the box's centre where there is no mask."""
    centroid_lonlat: PointXy | None
    """Longitude, latitude in WGS84 degrees."""
    area_m2: float | None
    perimeter_m: float | None
    width_m: float | None
    length_m: float | None
    views: Views | None = None
    """None where the policy saw the scene in one look."""


def build_findings(scene: Scene | Grid, answer: Answer, masks: Sequence[InstanceMask]) -> tuple[Finding, ...]:
    """Pair each box of ``answer`` with its mask, outline it and measure it; of ``scene``, only the place is used.

    ``masks``: one per box, in order, as a segmenter returns them. Raises :class:`UsageError` where the numbers differ.
    """
    if len(masks) != len(answer.boxes_xyxy):
        raise UsageError(f"{len(answer.boxes_xyxy)} boxes need as many masks, got {len(masks)}")
    if not masks:
        return ()
    measurer = Measurer.of(scene.transform, scene.crs)
    outlined = zip(masks, masks_to_polygons(masks), strict=True)
    return tuple(_finding(i, answer, mask, polygons, measurer) for i, (mask, polygons) in enumerate(outlined))


def _finding(
    index: int, answer: Answer, mask: InstanceMask, polygons: MultiPolygon, measurer: Measurer | None
) -> Finding:
    box = answer.boxes_xyxy[index]
    if polygons.is_empty:
        centroid_xy = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    else:
        centroid_xy = (polygons.centroid.x, polygons.centroid.y)
    answered = answer.scores[index] if answer.scores else None
    size = None if measurer is None else measurer.size(polygons)
    return Finding(
        index=index,
        box_xyxy=box,
        mask=mask,
        polygons=polygons,
        score=mask.score if answered is None else answered,
        score_source="segmenter" if answered is None else "answer",
        label=answer.labels[index] if answer.labels else None,
        area_px=int(mask.mask.sum()),
        centroid_xy=centroid_xy,
        centroid_lonlat=None if measurer is None else measurer.lonlat(centroid_xy),
        area_m2=None if size is None else size.area_m2,
        perimeter_m=None if size is None else size.perimeter_m,
        width_m=None if size is None else size.width_m,
        length_m=None if size is None else size.length_m,
    )
