"""How good the perception tower is by itself: AP at IoU 0.5 per thing, IoU per area."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from PIL import Image

from remotereasoner.policy.nano.proposals import Proposal, ProposalSettings, area_map, perceive
from remotereasoner.policy.nano.tower import PerceptionTower, load_tower
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.scores.boxes import pairwise_iou
from remotereasoner.training.nano.overhead import LabelledImage, read_split
from remotereasoner.types import FloatArray

__all__ = ["RECALL_SETTINGS", "ThingTally", "average_precision", "evaluate_tower", "tally_things"]

RECALL_SETTINGS = ProposalSettings(min_score=0.03, max_proposals=300, max_areas_per_class=0)


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


@dataclass
class ThingTally:
    """Scored detections of one class and how many instances there are."""

    scores: list[float] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    total: int = 0

    def best_threshold(self, low: float = 0.2, high: float = 0.55) -> float:
        """The score above which F1 is highest, within bounds."""
        candidates = np.arange(low, high + 1e-9, 0.01)
        scores, hits = np.array(self.scores), np.array(self.hits, bool)
        f1 = [2 * hits[scores >= t].sum() / max(1, (scores >= t).sum() + self.total) for t in candidates]
        return round(float(candidates[int(np.argmax(f1))]), 2)


def _tally(tallies: list[ThingTally], image: LabelledImage, proposals: Sequence[Proposal]) -> None:
    for k, tally in enumerate(tallies):
        if image.negative_weights[k] < 1:
            continue
        truth = image.boxes_xyxy[image.classes == k]
        tally.total += len(truth)
        mine = sorted((p for p in proposals if p.class_index == k), key=lambda p: -p.score)
        if not mine:
            continue
        iou = pairwise_iou(np.array([p.box_xyxy for p in mine]), truth)
        for i, p in enumerate(mine):
            best = int(iou[i].argmax()) if len(truth) else -1
            hit = best >= 0 and bool(iou[i, best] >= 0.5)
            if hit:
                iou[:, best] = -1
            tally.scores.append(p.score)
            tally.hits.append(hit)


def tally_things(
    tower: PerceptionTower, images: Sequence[LabelledImage], settings: ProposalSettings = RECALL_SETTINGS
) -> list[ThingTally]:
    """Per class of THINGS, over the images where it is exhaustively labelled or known to be absent."""
    tallies = [ThingTally() for _ in THINGS]
    for image in images:
        _tally(tallies, image, perceive(tower, image.pixels, settings).proposals)
    return tallies


@torch.inference_mode()
def evaluate_tower(
    tower: PerceptionTower, images: Sequence[LabelledImage], settings: ProposalSettings = RECALL_SETTINGS
) -> dict[str, object]:
    """AP@0.5 per thing, IoU per area where a mask is known."""
    tower = tower.eval()
    tallies = tally_things(tower, images, settings)
    inter, union = np.zeros(len(AREAS)), np.zeros(len(AREAS))
    for image in images:
        if image.area_values is None:
            continue
        probs = area_map(tower, image.pixels, settings)
        size = (image.area_values.shape[1], image.area_values.shape[0])
        for k in np.flatnonzero(image.area_known).tolist():
            scaled = Image.fromarray(probs[k].astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
            mask, known = np.asarray(scaled) > 0.5, image.area_values != 255
            truth = image.area_values == k + 1
            inter[k] += (mask & truth & known).sum()
            union[k] += ((mask | truth) & known).sum()
    ap = {
        THINGS[k]: round(average_precision(np.array(t.scores), np.array(t.hits, bool), t.total), 3)
        for k, t in enumerate(tallies)
        if t.total
    }
    return {
        "map50": round(float(np.mean(list(ap.values()))), 4),
        "ap50": ap,
        "instances": {THINGS[k]: t.total for k, t in enumerate(tallies) if t.total},
        "area_iou": {AREAS[k]: round(float(inter[k] / union[k]), 3) for k in range(len(AREAS)) if union[k]},
    }


def main() -> None:
    """Calibrate the thresholds on every so many train images, measure on val, and write both beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tower", type=Path, required=True, help="folder with tower.safetensors and tower.json")
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--views", type=json.loads, default=[[1.0, False]], help="looks: [[share, mirrored], ...]")
    parser.add_argument("--view-min-px", type=int, default=768, help="shorter images are enlarged towards this")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    facts = json.loads((args.tower / "tower.json").read_text())
    tower = load_tower(args.tower / "tower.safetensors", facts["width"])
    facts |= {"views": args.views, "view_min_px": args.view_min_px}
    looks = tuple((float(share), bool(mirrored)) for share, mirrored in args.views)
    settings = replace(RECALL_SETTINGS, views=looks, view_min_px=args.view_min_px)
    tallies = tally_things(tower, read_split(args.data, "train")[:: args.every], settings)
    facts["class_min_scores"] = [t.best_threshold(low=0.1) for t in tallies]
    facts["val"] = evaluate_tower(tower, read_split(args.data, "val"), settings)
    (args.tower / "tower.json").write_text(json.dumps(facts, indent=1))
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
