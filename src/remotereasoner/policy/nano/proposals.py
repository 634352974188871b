"""From the tower's dense outputs to a short list of proposals: boxes of things, and boxes of connected areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from remotereasoner.policy.nano.fusing import Seen, fuse
from remotereasoner.policy.nano.regions import regions_of
from remotereasoner.policy.nano.tower import STRIDES, PerceptionTower, TowerOutput
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, SizeHw, UInt8Array

__all__ = ["Perception", "Proposal", "ProposalSettings", "area_map", "perceive", "view_of"]

_PAD = 32
_GREY = 114.0
_MOST_IN_A_VIEW = 200
_CELL_PX = 4.0


@dataclass(frozen=True)
class ProposalSettings:
    """What counts as a proposal."""

    view_max_px: int = 768
    """Longer images are reduced to this side."""
    view_min_px: int = 384
    """Shorter images are enlarged towards this side, by 1.5 at most."""
    views: tuple[tuple[float, bool], ...] = ((1.0, False),)
    """Looks at one image: each at this share of the size that the two settings above give, mirrored or not."""
    min_score: float = 0.25
    class_min_scores: tuple[float, ...] | None = None
    """One threshold per class of ``THINGS`` instead, as calibrated on the training images."""
    iou_same_class: float = 0.5
    class_ious: tuple[float, ...] | None = None
    """One limit per class of ``THINGS`` instead of ``iou_same_class``."""
    iou_any_class: float = 0.75
    max_proposals: int = 64
    area_min_share: float = 0.004
    """Connected areas smaller than this share of the image are not proposed."""
    area_min_score: float = 0.5
    """A region of an area begins where the probability is at least this."""
    area_goes_on: tuple[float, ...] | None = None
    """One probability per class of ``AREAS`` down to which its regions go on; None: ``area_min_score``."""
    area_min_of_largest: float = 0.0
    """Regions smaller than this share of the largest of their class are its crumbs."""
    max_areas_per_class: int = 5

    @classmethod
    def of_tower(cls, facts: Mapping[str, Any]) -> ProposalSettings:
        """Those that belong to trained weights, as ``tower.json`` beside them says: thresholds, and how to look."""
        return cls(
            class_min_scores=tuple(facts["class_min_scores"]),
            view_min_px=facts.get("view_min_px", cls.view_min_px),
            views=tuple((float(share), bool(mirrored)) for share, mirrored in facts.get("views", cls.views)),
            class_ious=tuple(facts["class_ious"]) if "class_ious" in facts else None,
            area_goes_on=tuple(facts["area_goes_on"]) if "area_goes_on" in facts else None,
            area_min_of_largest=facts.get("area_min_of_largest", cls.area_min_of_largest),
        )


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


def view_of(image_hw: SizeHw, settings: ProposalSettings, share: float = 1.0) -> SizeHw:
    """Size to which an image is scaled before the tower sees it."""
    longest = max(image_hw)
    scale = share * min(settings.view_max_px / longest, max(1.0, min(1.5, settings.view_min_px / longest)))
    height, width = (max(8, round(side * scale)) for side in image_hw)
    return height, width


def _to_view(image: UInt8Array, settings: ProposalSettings, share: float) -> tuple[Tensor, SizeHw]:
    height, width = view_of((image.shape[0], image.shape[1]), settings, share)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    if (height, width) != image.shape[:2]:
        x = F.interpolate(x, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    pad = (0, -width % _PAD, 0, -height % _PAD)
    return F.pad(x, pad, value=_GREY).contiguous(memory_format=torch.channels_last), (height, width)


def _greedy_nms(boxes: FloatArray, classes: np.ndarray, scores: FloatArray, settings: ProposalSettings) -> list[int]:
    """Indices kept, best first. A box goes if it overlaps a better one of its class or coincides with any better."""
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    same_class = settings.class_ious or (settings.iou_same_class,) * len(THINGS)
    kept: list[int] = []
    for i in order:
        if len(kept) >= settings.max_proposals:
            break
        if kept:
            k = np.array(kept)
            lt, rb = np.maximum(boxes[k, :2], boxes[i, :2]), np.minimum(boxes[k, 2:], boxes[i, 2:])
            inter = np.prod(np.maximum(rb - lt, 0), axis=1)
            iou = inter / np.maximum(areas[k] + areas[i] - inter, 1e-9)
            limit = np.where(classes[k] == classes[i], same_class[classes[i]], settings.iou_any_class)
            if (iou > limit).any():
                continue
        kept.append(int(i))
    return kept


def _candidates(output: TowerOutput, view_hw: SizeHw, image_hw: SizeHw, lowest: float) -> Seen:
    """Every cell's box whose best class reaches ``lowest``, in pixels of the image, one class's overlaps removed."""
    boxes, probs = [], []
    for level, (logits, ltrb) in enumerate(zip(output.class_logits, output.ltrb_px, strict=True)):
        p = logits[0].sigmoid()
        rows, cols = torch.nonzero(p.max(0).values >= lowest, as_tuple=True)
        cx, cy = (cols + 0.5) * STRIDES[level], (rows + 0.5) * STRIDES[level]
        left, top, right, bottom = ltrb[0, :, rows, cols]
        boxes.append(torch.stack([cx - left, cy - top, cx + right, cy + bottom], 1))
        probs.append(p[:, rows, cols].T)
    xyxy = torch.cat(boxes).double().numpy()
    scores = torch.cat(probs).double().numpy()
    xyxy[:, 0::2] = xyxy[:, 0::2].clip(0, view_hw[1])
    xyxy[:, 1::2] = xyxy[:, 1::2].clip(0, view_hw[0])
    solid = (xyxy[:, 2:] - xyxy[:, :2]).min(1, initial=np.inf) >= 2
    to_image = np.array([image_hw[1] / view_hw[1], image_hw[0] / view_hw[0]] * 2)
    return Seen(xyxy[solid] * to_image, scores[solid])


def _things(views: Sequence[Seen], settings: ProposalSettings) -> list[Proposal]:
    """What the views show together."""
    limits = np.full(len(THINGS), settings.min_score)
    if settings.class_min_scores is not None:
        limits = np.array(settings.class_min_scores)
    if len(views) > 1:
        views = [_distinct(seen, settings) for seen in views]
    seen = fuse(views)
    if not len(seen.boxes_xyxy):
        return []
    sure = seen.probs.max(1) >= limits[seen.probs.argmax(1)]
    seen = Seen(seen.boxes_xyxy[sure], seen.probs[sure])
    found = []
    for (x1, y1, x2, y2), probs in zip(*_chosen(seen, settings), strict=True):
        found.append(
            Proposal(
                (x1, y1, x2, y2), int(np.argmax(probs)), max(probs), (x2 - x1) * (y2 - y1),
                ((x1 + x2) / 2, (y1 + y2) / 2), tuple(probs),
            )
        )  # fmt: skip
    return found


def _distinct(seen: Seen, settings: ProposalSettings) -> Seen:
    """One box a thing, and more of them than there may be proposals: fusing takes from the weak ones."""
    kept = _greedy_nms(
        seen.boxes_xyxy, seen.probs.argmax(1), seen.probs.max(1), replace(settings, max_proposals=_MOST_IN_A_VIEW)
    )
    return Seen(seen.boxes_xyxy[kept], seen.probs[kept])


def _chosen(seen: Seen, settings: ProposalSettings) -> tuple[list[list[float]], list[list[float]]]:
    if not len(seen.boxes_xyxy):
        return [], []
    kept = _greedy_nms(seen.boxes_xyxy, seen.probs.argmax(1), seen.probs.max(1), settings)
    return seen.boxes_xyxy[kept].tolist(), seen.probs[kept].tolist()


def _areas(probs: FloatArray, view_hw: SizeHw, settings: ProposalSettings) -> list[Proposal]:
    """``probs`` (areas, h, w) at stride 4 of the view."""
    found: list[Proposal] = []
    height, width = view_hw
    goes_on = settings.area_goes_on or (settings.area_min_score,) * len(AREAS)
    for k in range(len(AREAS)):
        regions = regions_of(
            probs[k],
            sure=settings.area_min_score,
            goes_on=goes_on[k],
            min_cells=settings.area_min_share * height * width / _CELL_PX**2,
            min_of_largest=settings.area_min_of_largest,
        )
        for region in regions[: settings.max_areas_per_class]:
            x1, y1, x2, y2 = (v * _CELL_PX for v in region.box_xyxy)
            x, y = (v * _CELL_PX for v in region.point_xy)
            box, point = (x1, y1, min(x2, width), min(y2, height)), (min(x, width - 1), min(y, height - 1))
            size = float(region.cells * _CELL_PX**2)
            found.append(Proposal(box, len(THINGS) + k, region.score, size, point, (0.0,) * len(THINGS)))
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


def _look(
    tower: PerceptionTower, image: UInt8Array, settings: ProposalSettings, lowest: float
) -> tuple[list[Seen], FloatArray, SizeHw]:
    """Candidates of every view in pixels of the image, mean area probabilities, and the size of the first view."""
    image_hw = (image.shape[0], image.shape[1])
    found: list[Seen] = []
    maps: list[FloatArray] = []
    sizes: list[SizeHw] = []
    for share, mirrored in settings.views:
        x, view_hw = _to_view(image[:, ::-1] if mirrored else image, settings, share)
        output = tower(x)
        seen, areas = _candidates(output, view_hw, image_hw, lowest), _area_probs(output, view_hw)
        if mirrored:
            boxes = seen.boxes_xyxy * [-1, 1, -1, 1] + [image_hw[1], 0, image_hw[1], 0]
            seen, areas = Seen(boxes[:, [2, 1, 0, 3]], seen.probs), areas[..., ::-1]
        found.append(seen)
        sizes.append(view_hw)
        shown = torch.from_numpy(areas.copy())[None]
        if maps and areas.shape != maps[0].shape:
            shown = F.interpolate(shown, size=maps[0].shape[1:], mode="bilinear", align_corners=False)
        maps.append(shown[0].numpy())
    return found, np.mean(maps, axis=0), sizes[0]


@torch.inference_mode()
def area_map(tower: PerceptionTower, image: UInt8Array, settings: ProposalSettings | None = None) -> FloatArray:
    """Probability of each area, (areas, h, w) over the whole image at about a quarter of its view's resolution."""
    return _look(tower, image, settings or ProposalSettings(), lowest=1.0)[1]


@torch.inference_mode()
def perceive(tower: PerceptionTower, image: UInt8Array, settings: ProposalSettings | None = None) -> Perception:
    """Run the tower on one (H, W, 3) uint8 image. Proposals are ordered by class, best first within a class."""
    settings = settings or ProposalSettings()
    lowest = settings.min_score if settings.class_min_scores is None else min(settings.class_min_scores)
    # What one view shows weakly may add up with the others.
    views, area_probs, (height, width) = _look(
        tower, image, settings, lowest if len(settings.views) == 1 else lowest / 2
    )
    things = _things(views, settings)
    sx, sy = image.shape[1] / width, image.shape[0] / height
    areas = [_rescaled(p, sx, sy) for p in _areas(area_probs, (height, width), settings)[: settings.max_proposals]]
    chosen = things[: settings.max_proposals - len(areas)] + areas
    chosen.sort(key=lambda p: (p.class_index, -p.score))
    return Perception(tuple(chosen))
