"""How good the perception tower is by itself: AP at IoU 0.5 per thing, IoU per area."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from remotereasoner.policy.nano.proposals import ProposalSettings, area_map, perceive
from remotereasoner.policy.nano.tower import PerceptionTower
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.training.nano.overhead import LabelledImage
from remotereasoner.types import FloatArray

__all__ = ["average_precision", "evaluate_tower"]

_RECALL_SETTINGS = ProposalSettings(min_score=0.03, max_proposals=300, max_areas_per_class=0)


def _iou(a: FloatArray, b: FloatArray) -> FloatArray:
    lt = np.maximum(a[:, None, :2], b[None, :, :2])
    rb = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.prod(np.maximum(rb - lt, 0), axis=2)
    area = [np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b)]
    return np.asarray(inter / np.maximum(area[0][:, None] + area[1][None] - inter, 1e-9))


def average_precision(scores: FloatArray, hits: np.ndarray, total: int) -> float:
    """Area under the precision envelope; nan without any instance."""
    if total == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    tp = np.cumsum(hits[order])
    precision = tp / np.arange(1, len(tp) + 1) if len(tp) else np.zeros(0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.concatenate([[0.0], tp / total])
    return float(((recall[1:] - recall[:-1]) * envelope).sum())


@torch.inference_mode()
def evaluate_tower(tower: PerceptionTower, images: list[LabelledImage]) -> dict[str, object]:
    """AP@0.5 per class over the images where the class is exhaustively labelled or absent."""
    tower = tower.eval()
    scores: list[list[float]] = [[] for _ in THINGS]
    hits: list[list[bool]] = [[] for _ in THINGS]
    totals = np.zeros(len(THINGS), int)
    inter, union = np.zeros(len(AREAS)), np.zeros(len(AREAS))
    for image in images:
        perception = perceive(tower, image.pixels, _RECALL_SETTINGS)
        for k in range(len(THINGS)):
            if image.negative_weights[k] < 1:
                continue
            truth = image.boxes_xyxy[image.classes == k]
            totals[k] += len(truth)
            mine = [p for p in perception.proposals if p.class_index == k]
            if not mine:
                continue
            iou = _iou(np.array([p.box_xyxy for p in mine]), truth) if len(truth) else np.zeros((len(mine), 0))
            taken: set[int] = set()
            for i, p in enumerate(mine):
                best = max(range(len(truth)), key=lambda j: -1.0 if j in taken else float(iou[i, j]), default=None)
                hit = best is not None and best not in taken and iou[i, best] >= 0.5
                if hit and best is not None:
                    taken.add(best)
                scores[k].append(p.score)
                hits[k].append(bool(hit))
        if image.area_values is not None:
            probs = area_map(tower, image.pixels)
            size = (image.area_values.shape[1], image.area_values.shape[0])
            for k in np.flatnonzero(image.area_known).tolist():
                mask = (
                    np.asarray(Image.fromarray(probs[k].astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
                    > 0.5
                )
                known = image.area_values != 255
                truth_mask = image.area_values == k + 1
                inter[k] += (mask & truth_mask & known).sum()
                union[k] += ((mask | truth_mask) & known).sum()
    ap = {
        THINGS[k]: round(average_precision(np.array(scores[k]), np.array(hits[k], bool), int(totals[k])), 3)
        for k in range(len(THINGS))
        if totals[k]
    }
    return {
        "map50": round(float(np.mean(list(ap.values()))), 4),
        "ap50": ap,
        "area_iou": {AREAS[k]: round(float(inter[k] / union[k]), 3) for k in range(len(AREAS)) if union[k]},
    }
