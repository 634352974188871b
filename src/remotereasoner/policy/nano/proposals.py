"""From the tower's dense outputs to a short list of proposals: boxes of things, and boxes of connected areas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from rasterio import features as raster_features
from torch import Tensor
from torch.nn import functional as F

from remotereasoner.policy.nano.tower import STRIDES, PerceptionTower, TowerOutput
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, SizeHw, UInt8Array

__all__ = ["Perception", "Proposal", "ProposalSettings", "area_map", "perceive", "view_of"]

_PAD = 32
_GREY = 114.0


@dataclass(frozen=True)
class ProposalSettings:
    """What counts as a proposal."""

    view_max_px: int = 768
    """Longer images are reduced to this side."""
    view_min_px: int = 384
    """Shorter images are enlarged towards this side, by 1.5 at most."""
    min_score: float = 0.25
    class_min_scores: tuple[float, ...] | None = None
    """One threshold per class of ``THINGS`` instead, as calibrated on the training images."""
    iou_same_class: float = 0.5
    iou_any_class: float = 0.75
    max_proposals: int = 64
    area_min_share: float = 0.004
    """Connected areas smaller than this share of the image are not proposed."""
    area_min_score: float = 0.5
    max_areas_per_class: int = 5


@dataclass(frozen=True)
class Proposal:
    """Something seen, in pixels of the image that was handed over."""

    box_xyxy: BoxXyxy
    class_index: int
    """Into ``CLASSES``."""
    score: float
    size_px2: float
    """Area of the box (things) or of the region itself (areas)."""
    point_xy: PointXy
    """A point on it: the box's centre (things), a point well inside the region (areas)."""
    class_probs: tuple[float, ...]
    """Score of every class of ``THINGS`` at this place, zeros for areas."""


@dataclass(frozen=True, eq=False)
class Perception:
    """All that the tower hands on for one image."""

    proposals: tuple[Proposal, ...]


def view_of(image_hw: SizeHw, settings: ProposalSettings) -> SizeHw:
    """Size to which an image is scaled before the tower sees it."""
    longest = max(image_hw)
    scale = min(settings.view_max_px / longest, max(1.0, min(1.5, settings.view_min_px / longest)))
    height, width = (max(8, round(side * scale)) for side in image_hw)
    return height, width


def _to_view(image: UInt8Array, settings: ProposalSettings) -> tuple[Tensor, SizeHw]:
    height, width = view_of((image.shape[0], image.shape[1]), settings)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    if (height, width) != image.shape[:2]:
        x = F.interpolate(x, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    pad = (0, -width % _PAD, 0, -height % _PAD)
    return F.pad(x, pad, value=_GREY).contiguous(memory_format=torch.channels_last), (height, width)


def _greedy_nms(boxes: FloatArray, classes: np.ndarray, scores: FloatArray, settings: ProposalSettings) -> list[int]:
    """Indices kept, best first. A box goes if it overlaps a better one of its class or coincides with any better."""
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    for i in order:
        if len(kept) >= settings.max_proposals:
            break
        if kept:
            k = np.array(kept)
            lt, rb = np.maximum(boxes[k, :2], boxes[i, :2]), np.minimum(boxes[k, 2:], boxes[i, 2:])
            inter = np.prod(np.maximum(rb - lt, 0), axis=1)
            iou = inter / np.maximum(areas[k] + areas[i] - inter, 1e-9)
            limit = np.where(classes[k] == classes[i], settings.iou_same_class, settings.iou_any_class)
            if (iou > limit).any():
                continue
        kept.append(int(i))
    return kept


def _things(output: TowerOutput, view_hw: SizeHw, settings: ProposalSettings) -> list[Proposal]:
    boxes, probs = [], []
    lowest = settings.min_score if settings.class_min_scores is None else min(settings.class_min_scores)
    for level, (logits, ltrb) in enumerate(zip(output.class_logits, output.ltrb_px, strict=True)):
        p = logits[0].sigmoid()
        best = p.max(0).values
        rows, cols = torch.nonzero(best >= lowest, as_tuple=True)
        cx, cy = (cols + 0.5) * STRIDES[level], (rows + 0.5) * STRIDES[level]
        left, top, right, bottom = ltrb[0, :, rows, cols]
        boxes.append(torch.stack([cx - left, cy - top, cx + right, cy + bottom], 1))
        probs.append(p[:, rows, cols].T)
    xyxy = torch.cat(boxes).double().numpy()
    scores_all = torch.cat(probs).double().numpy()
    xyxy[:, 0::2] = xyxy[:, 0::2].clip(0, view_hw[1])
    xyxy[:, 1::2] = xyxy[:, 1::2].clip(0, view_hw[0])
    solid = (xyxy[:, 2:] - xyxy[:, :2]).min(1, initial=np.inf) >= 2
    xyxy, scores_all = xyxy[solid], scores_all[solid]
    if not len(xyxy):
        return []
    classes, scores = scores_all.argmax(1), scores_all.max(1)
    if settings.class_min_scores is not None:
        sure = scores >= np.array(settings.class_min_scores)[classes]
        xyxy, scores_all, classes, scores = xyxy[sure], scores_all[sure], classes[sure], scores[sure]
    found = []
    for i in _greedy_nms(xyxy, classes, scores, settings):
        x1, y1, x2, y2 = (float(v) for v in xyxy[i])
        found.append(
            Proposal(
                (x1, y1, x2, y2), int(classes[i]), float(scores[i]), (x2 - x1) * (y2 - y1),
                ((x1 + x2) / 2, (y1 + y2) / 2), tuple(float(v) for v in scores_all[i]),
            )
        )  # fmt: skip
    return found


def _inner_point(mask: np.ndarray) -> PointXy:
    """A point far from the region's edge: the last pixel to survive repeated erosion, (x, y) at its centre."""
    current = np.pad(mask, 1)
    while True:
        eroded = current.copy()
        for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            eroded &= np.roll(current, shift, axis)
        if not eroded.any():
            break
        current = eroded
    rows, cols = np.nonzero(current)
    middle = len(rows) // 2
    return float(cols[middle] - 1) + 0.5, float(rows[middle] - 1) + 0.5


def _areas(probs: FloatArray, view_hw: SizeHw, settings: ProposalSettings) -> list[Proposal]:
    """``probs`` (areas, h, w) at stride 4 of the view."""
    found: list[Proposal] = []
    total = float(view_hw[0] * view_hw[1])
    for k in range(len(AREAS)):
        mask = probs[k] >= settings.area_min_score
        regions = []
        for index, (geometry, value) in enumerate(
            raster_features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
        ):
            ring = np.array(geometry["coordinates"][0])
            x1, y1, x2, y2 = (float(v) for v in (*ring.min(0), *ring.max(0)))
            regions.append((index, value, x1, y1, x2, y2, geometry))
        sized = []
        for _, _, x1, y1, x2, y2, geometry in regions:
            window = (slice(int(y1), int(y2)), slice(int(x1), int(x2)))
            local = raster_features.rasterize(
                [(geometry, 1)], out_shape=(int(y2 - y1), int(x2 - x1)), transform=(1, 0, x1, 0, 1, y1)
            ).astype(bool)
            size = float(local.sum()) * 16
            if size < settings.area_min_share * total:
                continue
            px, py = _inner_point(local)
            score = float(probs[k][window][local].mean())
            box = (x1 * 4.0, y1 * 4.0, min(x2 * 4.0, view_hw[1]), min(y2 * 4.0, view_hw[0]))
            point = (min((px + x1) * 4.0, view_hw[1] - 1), min((py + y1) * 4.0, view_hw[0] - 1))
            sized.append(Proposal(box, len(THINGS) + k, score, size, point, (0.0,) * len(THINGS)))
        sized.sort(key=lambda p: -p.size_px2)
        found += sized[: settings.max_areas_per_class]
    return found


def _rescaled(p: Proposal, sx: float, sy: float) -> Proposal:
    x1, y1, x2, y2 = p.box_xyxy
    return Proposal(
        (x1 * sx, y1 * sy, x2 * sx, y2 * sy), p.class_index, p.score, p.size_px2 * sx * sy,
        (p.point_xy[0] * sx, p.point_xy[1] * sy), p.class_probs,
    )  # fmt: skip


def _area_probs(output: TowerOutput, view_hw: SizeHw) -> FloatArray:
    """(areas, h, w) at stride 4 of the view, without its padding."""
    upscaled = F.interpolate(output.area_logits, scale_factor=2, mode="bilinear", align_corners=False)
    return upscaled.sigmoid()[0, :, : -(-view_hw[0] // 4), : -(-view_hw[1] // 4)].double().numpy()


@torch.inference_mode()
def area_map(tower: PerceptionTower, image: UInt8Array, settings: ProposalSettings | None = None) -> FloatArray:
    """Probability of each area, (areas, h, w) over the whole image at about a quarter of its view's resolution."""
    x, view_hw = _to_view(image, settings or ProposalSettings())
    return _area_probs(tower(x), view_hw)


@torch.inference_mode()
def perceive(tower: PerceptionTower, image: UInt8Array, settings: ProposalSettings | None = None) -> Perception:
    """Run the tower on one (H, W, 3) uint8 image. Proposals are ordered by class, best first within a class."""
    settings = settings or ProposalSettings()
    x, view_hw = _to_view(image, settings)
    output = tower(x)
    height, width = view_hw
    area_probs = _area_probs(output, view_hw)
    things = _things(output, view_hw, settings)
    areas = _areas(area_probs, view_hw, settings)[: settings.max_proposals]
    room = settings.max_proposals - len(areas)
    sx, sy = image.shape[1] / width, image.shape[0] / height
    chosen = [_rescaled(p, sx, sy) for p in things[:room] + areas]
    chosen.sort(key=lambda p: (p.class_index, -p.score))
    return Perception(tuple(chosen))
