"""One sample and its prediction to the parts of every score: :func:`judge`. The scores are those of the rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from remotereasoner.data.samples import Sample
from remotereasoner.evaluation.predictions import Prediction
from remotereasoner.evaluation.protocols import PROTOCOLS, Judged, Parts, Protocol
from remotereasoner.evaluation.truth import boxes_as_mask
from remotereasoner.scores.answers import answer_match
from remotereasoner.scores.boxes import (
    acc_at,
    counting_error,
    hits_at,
    match_boxes,
    set_f1,
    soft_grounding,
)
from remotereasoner.scores.buckets import bucket_match
from remotereasoner.scores.captions import CiderD, bleu_counts
from remotereasoner.scores.contours import apart, boundary_tolerance_px
from remotereasoner.scores.detection import size_of
from remotereasoner.scores.rouge import rouge_l
from remotereasoner.scores.runs import Runs, union_runs
from remotereasoner.types import Status

__all__ = ["CORRECT_AT", "GROUP_ORDER", "STATUSES", "Row", "groups_of", "judge"]

CORRECT_AT = 0.5
"""From this score on an answer counts as correct, in flips and in calibration."""
STATUSES: tuple[Status, ...] = ("answered", "no_target", "unparseable", "truncated", "refused")
_LEVELS = (0.25, 0.5, 0.75)
_TOLERANCE = 0.05
_COCO_BETA = 1.2  # ROUGE-L's weight of recall in the COCO caption tools
_TARGETS = ((0, "0"), (1, "1"), (5, "2–5"), (10, "6–10"))
_GROUND_M = ((0.3, "≤ 0.3 m"), (1.0, "0.3–1 m"), (3.0, "1–3 m"), (10.0, "3–10 m"))

GROUP_ORDER = {
    "number of targets": (*(name for _, name in _TARGETS), "> 10"),
    "object size": ("small", "medium", "large"),
    "ground size": (*(name for _, name in _GROUND_M), "> 10 m"),
}
"""Dimensions whose groups have an order of their own; others are ordered by their number of samples."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one sample adds to the scores."""

    parts: Parts
    score: float
    """The main score in [0, 1], for galleries: grounding, exact match, ROUGE-L."""
    correct: bool
    groups: dict[str, str] = field(default_factory=dict)


def judge(
    sample: Sample,
    prediction: Prediction,
    truth: Runs | None,
    *,
    protocols: Sequence[Protocol] = (),
    cider: CiderD | None = None,
) -> Row:
    """``truth``: the true mask, None where only boxes are known. ``protocols``: beside the canonical one.

    ``cider``: over the references of all captions, for ``caption`` samples.
    """
    parts: Parts = {f"status_{name}": (float(prediction.status == name), 1.0) for name in STATUSES}
    parts["failure_rate"] = (float(prediction.is_failure), 1.0)
    if sample.task == "locate":
        own, score = _locate(sample, prediction)
        if truth is not None:
            own |= _masks(sample, prediction, truth, protocols)
    elif sample.task == "vqa":
        own, score = _vqa(sample, prediction)
    else:
        own, score = _caption(sample, prediction, cider)
    return Row(parts | own, score, score >= CORRECT_AT, groups_of(sample, prediction))


def _locate(sample: Sample, prediction: Prediction) -> tuple[Parts, float]:
    truth = sample.boxes
    failed = prediction.is_failure
    found = () if failed else prediction.boxes
    grounding = 0.0 if failed else soft_grounding(found, truth)
    parts: Parts = {"grounding": (grounding, 1.0)}
    for level in _LEVELS:
        accuracy = 0.0 if failed and len(truth) == 1 else acc_at(found, truth, level)
        if accuracy is not None:
            parts[f"acc@{level}"] = (accuracy, 1.0)
        parts[f"f1@{level}"] = (0.0 if failed else set_f1(found, truth, level), 1.0)
    hits = hits_at(found, truth)
    parts["box_precision@0.5"] = (hits, len(found))
    parts["box_recall@0.5"] = (hits, len(truth))
    matched = match_boxes(found, truth).iou
    if len(matched):
        parts["matched_iou"] = (float(matched.sum()), len(matched))
    off = counting_error(found, truth)
    parts["count_mae"] = (abs(off), 1.0)
    parts["count_exact"] = (float(off == 0 and not failed), 1.0)
    said_none, is_none = not failed and not found, not truth
    parts["no_target_precision"] = (float(said_none and is_none), float(said_none))
    parts["no_target_recall"] = (float(said_none and is_none), float(is_none))
    parts["false_alarm_rate"] = (float(bool(found) and is_none), float(is_none))
    parts["missed_as_nothing"] = (float(said_none and not is_none), float(not is_none))
    return parts, grounding


def predicted_mask(prediction: Prediction, size_hw: tuple[int, int]) -> Runs:
    """All masks as one; the boxes' pixels where the prediction has no masks; nothing where it failed."""
    if prediction.is_failure:
        return Runs.empty(size_hw)
    if prediction.masks is None:
        return boxes_as_mask(prediction.boxes, size_hw)
    return union_runs(prediction.masks, size_hw)


def _masks(sample: Sample, prediction: Prediction, truth: Runs, protocols: Sequence[Protocol]) -> Parts:
    found = predicted_mask(prediction, truth.size_hw)
    failed = prediction.is_failure
    one = Judged(found, truth, failed, () if failed else prediction.boxes, sample.boxes)
    parts: Parts = dict(PROTOCOLS["canonical"].parts(one))
    for protocol in protocols:
        parts |= {f"{protocol.name}/{name}": value for name, value in protocol.parts(one).items()}
    outline = apart(found, truth, tolerance_px=boundary_tolerance_px(truth.size_hw))
    parts["boundary_f"] = (0.0 if failed else outline.boundary_f, 1.0)
    gsd_m = ground_size_m(sample, prediction)
    for name, value in (("contour_mean", outline.mean_px), ("contour_hausdorff", outline.hausdorff_px)):
        if value is not None:
            parts[f"{name}_px"] = (value, 1.0)
            if gsd_m is not None:
                parts[f"{name}_m"] = (value * gsd_m, 1.0)
    return parts


def ground_size_m(sample: Sample, prediction: Prediction) -> float | None:
    """Side of a pixel in m: from the image's CRS, else what the sample says."""
    if prediction.gsd_m is not None:
        return prediction.gsd_m
    said = sample.attributes.get("gsd_m")
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) and said > 0 else None


def _vqa(sample: Sample, prediction: Prediction) -> tuple[Parts, float]:
    text = "" if prediction.is_failure else prediction.text or ""
    exact = answer_match(text, sample.answers)
    parts: Parts = {
        "vqa_exact": (exact, 1.0),
        "vqa_tolerant": (answer_match(text, sample.answers, relative_tolerance=_TOLERANCE), 1.0),
        f"_kind/{sample.kind or 'unknown'}": (exact, 1.0),
    }
    buckets = [match for answer in sample.answers if (match := bucket_match(text, answer)) is not None]
    # Words are judged as words; only numbers have ranges.
    parts["vqa_rsvqa"] = (max(buckets) if buckets else exact, 1.0)
    return parts, exact


def _caption(sample: Sample, prediction: Prediction, cider: CiderD | None) -> tuple[Parts, float]:
    text = "" if prediction.is_failure else prediction.text or ""
    score = rouge_l(text, sample.answers, beta=_COCO_BETA)
    counts = bleu_counts(text, sample.answers)
    parts: Parts = {
        f"_bleu{n}": (matches, total)
        for n, (matches, total) in enumerate(zip(counts.matches, counts.totals, strict=True), start=1)
    }
    parts["_bleu_words"] = (counts.words, counts.reference_words)
    parts["rouge_l"] = (score, 1.0)
    parts["caption_words"] = (counts.words, 1.0)
    if cider is not None:
        parts["cider_d"] = (cider.score(text, sample.answers), 1.0)
    return parts, score


def groups_of(sample: Sample, prediction: Prediction) -> dict[str, str]:
    """Per dimension of the breakdowns the group that the sample is in."""
    said = {"category": sample.category, "question type": sample.kind, "source": sample.source}
    groups: dict[str, str] = {"task": sample.task} | {name: value for name, value in said.items() if value}
    if sample.task == "locate":
        n = len(sample.boxes)
        groups["number of targets"] = next((name for most, name in _TARGETS if n <= most), "> 10")
        if n:
            groups["object size"] = size_of(median((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in sample.boxes))
    gsd_m = ground_size_m(sample, prediction)
    if gsd_m is not None:
        groups["ground size"] = next((name for most, name in _GROUND_M if gsd_m <= most), "> 10 m")
    return groups
