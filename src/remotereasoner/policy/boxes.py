"""From boxes as a model wrote them to boxes in a scene: decoded, sorted, clipped; what is dropped is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.parsing.limits import ParseLimits, RawBox
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, SizeHw

__all__ = ["SceneBoxes", "scene_boxes"]

_MODEL_COORDINATE_CAP = 1e9  # far outside any image, and small enough for every product to stay finite
_EDGE_TOLERANCE_PX = 1e-6  # rounding of a box that ends exactly at the edge is not reaching outside


@dataclass(frozen=True)
class SceneBoxes:
    """Boxes in pixels of the scene, parallel tuples, and what became of the others."""

    boxes_xyxy: tuple[BoxXyxy, ...] = ()
    points_xy: tuple[tuple[PointXy, ...], ...] = ()
    labels: tuple[str, ...] = ()
    scores: tuple[float | None, ...] = ()
    clipped: int = 0
    dropped_degenerate: int = 0
    dropped_duplicate: int = 0
    dropped_over_limit: int = 0


def scene_boxes(
    raw: Sequence[RawBox],
    codec: CoordinateCodec,
    *,
    grid_hw: SizeHw,
    image_hw: SizeHw,
    limits: ParseLimits,
) -> SceneBoxes:
    """Boxes of ``raw`` in pixels of the scene, corners sorted, inside [0, W] x [0, H].

    In this order: a box that leaves the scene is clipped; one with a side below ``limits.min_side_px`` is dropped; one
    that overlaps an earlier box with the same label by ``limits.duplicate_iou`` is dropped; what comes after
    ``limits.max_boxes`` kept boxes is dropped. Points outside the scene are dropped. All numbers are finite.
    """
    if not raw:
        return SceneBoxes()
    corners = np.array([box.xyxy for box in raw], dtype=np.float64).reshape(-1, 2)
    decoded = _decode(corners, codec, grid_hw, image_hw).reshape(-1, 4)
    wanted = _turned(_sorted(decoded), np.array([box.angle_deg for box in raw]))
    edge = np.array([image_hw[1], image_hw[0]] * 2, dtype=np.float64)
    inside = np.clip(wanted, 0.0, edge)
    reaches_out = np.any(np.abs(wanted - inside) > _EDGE_TOLERANCE_PX, axis=1)
    # Negated, so that a proposal that is not a number is too small as well.
    too_small = ~(np.min(inside[:, 2:] - inside[:, :2], axis=1) >= limits.min_side_px)

    kept: list[int] = []
    kept_boxes = np.empty((min(limits.max_boxes, len(raw)), 4))
    same_label: dict[str, list[int]] = {}
    seen: set[tuple[BoxXyxy, str]] = set()
    duplicates = 0
    candidates = np.flatnonzero(~too_small)
    over_limit = 0
    for done, index in enumerate(candidates.tolist()):
        if len(kept) >= limits.max_boxes:
            over_limit = len(candidates) - done
            break
        label = raw[index].label
        rows = same_label.setdefault(label, [])
        exactly = (_box(inside[index]), label)
        if exactly in seen or (rows and _iou(inside[index], kept_boxes[rows]).max() >= limits.duplicate_iou):
            duplicates += 1
            continue
        seen.add(exactly)
        rows.append(len(kept))
        kept_boxes[len(kept)] = inside[index]
        kept.append(index)

    points = tuple(_scene_points(raw[i].points_xy, codec, grid_hw, image_hw) for i in kept)
    labels = tuple(raw[i].label for i in kept)
    scores = tuple(raw[i].score for i in kept)
    return SceneBoxes(
        boxes_xyxy=tuple(_box(inside[i]) for i in kept),
        points_xy=points if any(points) else (),
        labels=labels if any(labels) else (),
        scores=scores if any(score is not None for score in scores) else (),
        clipped=int(np.count_nonzero(reaches_out[kept])) if kept else 0,
        dropped_degenerate=int(np.count_nonzero(too_small)),
        dropped_duplicate=duplicates,
        dropped_over_limit=over_limit,
    )


def _decode(points_xy: FloatArray, codec: CoordinateCodec, grid_hw: SizeHw, image_hw: SizeHw) -> FloatArray:
    capped = np.clip(points_xy, -_MODEL_COORDINATE_CAP, _MODEL_COORDINATE_CAP)
    return codec.decode_xy(capped, grid_hw=grid_hw, image_hw=image_hw)


def _sorted(boxes: FloatArray) -> FloatArray:
    """(N, 4) with x1 <= x2 and y1 <= y2."""
    first, second = boxes[:, :2], boxes[:, 2:]
    return np.hstack([np.minimum(first, second), np.maximum(first, second)])


def _turned(boxes: FloatArray, angles_deg: FloatArray) -> FloatArray:
    """(N, 4) boxes that enclose the given ones turned about their centres."""
    if not angles_deg.any():
        return boxes
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    turn = np.radians(np.remainder(angles_deg, 180.0))
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    reach = np.stack([half[:, 0] * cos + half[:, 1] * sin, half[:, 0] * sin + half[:, 1] * cos], axis=1)
    return np.where(angles_deg[:, None] == 0, boxes, np.hstack([centre - reach, centre + reach]))


def _iou(box: FloatArray, others: FloatArray) -> FloatArray:
    """(N,) intersection over union of one box with ``others`` (N, 4); every box has an area."""
    overlap = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = np.prod(np.maximum(overlap, 0.0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return np.asarray(intersection / (np.prod(box[2:] - box[:2]) + areas - intersection), dtype=np.float64)


def _scene_points(
    points: tuple[PointXy, ...], codec: CoordinateCodec, grid_hw: SizeHw, image_hw: SizeHw
) -> tuple[PointXy, ...]:
    if not points:
        return ()
    decoded = _decode(np.array(points, dtype=np.float64), codec, grid_hw, image_hw)
    height, width = image_hw
    return tuple((x, y) for x, y in decoded.tolist() if 0 <= x <= width and 0 <= y <= height)


def _box(row: FloatArray) -> BoxXyxy:
    x1, y1, x2, y2 = (float(value) for value in row)
    return x1, y1, x2, y2
