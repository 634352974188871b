"""Scores with intervals and breakdowns, as the document ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from remotereasoner.evaluation.bootstrap import Columns, Derived, Estimate, estimates, interval, weights_of
from remotereasoner.evaluation.judging import GROUP_ORDER
from remotereasoner.evaluation.protocols import PROTOCOLS, Protocol
from remotereasoner.evaluation.scoring import Scored, status_rates
from remotereasoner.evaluation.table import Table
from remotereasoner.scores.captions import MAX_N, bleu_score
from remotereasoner.scores.detection import AREAS, Detections
from remotereasoner.types import BoolArray, FloatArray

__all__ = ["FORMAT", "derived_scores", "summarise"]

FORMAT = "remotereasoner-metrics"
_VERSION = 1
_AP_RESAMPLES = 200  # of average precision, which is sorted anew for each
_MASK_SCORES = ("gIoU", "cIoU", "mIoU", "boundary_f")
_MAX_GROUPS = 100  # of a dimension; the largest ones


def derived_scores(table: Table) -> dict[str, Derived]:
    """Scores that are made of several columns: BLEU and the average accuracy over types of question."""
    found: dict[str, Derived] = {}
    if "_bleu_words" in table.names:
        found |= {f"bleu_{n}": _bleu(n) for n in range(1, MAX_N + 1)}
    kinds = [name for name in table.names if name.startswith("_kind/")]
    if kinds:
        found["vqa_average"] = _mean_of(kinds)
    return found


def _bleu(n: int) -> Derived:
    def score(num: Columns, den: Columns) -> FloatArray:
        names = [f"_bleu{k}" for k in range(1, MAX_N + 1)]
        matches, totals = np.stack([num[name] for name in names]), np.stack([den[name] for name in names])
        return bleu_score(n, matches, totals, num["_bleu_words"], den["_bleu_words"])

    return score


def _mean_of(names: Sequence[str]) -> Derived:
    """The mean of the ratios that have a value."""

    def score(num: Columns, den: Columns) -> FloatArray:
        n, d = np.stack([num[name] for name in names]), np.stack([den[name] for name in names])
        there = d > 0
        ratios = np.divide(n, d, out=np.zeros_like(n), where=there)
        count = there.sum(axis=0)
        total = ratios.sum(axis=0)
        mean: FloatArray = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        return mean

    return score


def summarise(
    scored: Scored,
    *,
    protocols: Sequence[Protocol] = (),
    resamples: int,
    seed: int = 0,
    run: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Plain values, as they are written. Scores in [0, 1] but CIDEr-D (0–10), counts, px and m."""
    table = scored.table
    judged = _shown(_all(table, None, resamples, seed), scored)
    own = {name: value for name, value in judged.items() if "/" not in name and not name.startswith("status_")}
    own |= _average_precision(scored, resamples, seed)
    if scored.meteor is not None:
        own["meteor"] = Estimate(scored.meteor, None, None, float(len(table)))
    return {
        "format": FORMAT,
        "version": _VERSION,
        "run": run,
        "samples": {
            "judged": len(table),
            "images": table.n_images,
            "invalid": scored.n_invalid,
            "missing": scored.n_missing,
            "unknown_predictions": scored.n_unknown,
            "masks_from_boxes": scored.n_masks_from_boxes,
        },
        "problems": [{"line": problem.line, "reason": problem.reason} for problem in scored.problems],
        "statuses": status_rates(scored.statuses),
        "bootstrap": {"resamples": resamples, "seed": seed, "by": "image", "level": 0.95},
        "protocol": {"name": "canonical", "title": PROTOCOLS["canonical"].title},
        "scores": {name: value.to_dict() for name, value in own.items()},
        "protocols": {
            protocol.name: {
                "title": protocol.title,
                "scores": {
                    name.partition("/")[2]: value.to_dict()
                    for name, value in judged.items()
                    if name.startswith(f"{protocol.name}/")
                },
            }
            for protocol in protocols
        },
        "breakdowns": {
            dimension: _breakdown(scored, dimension, resamples, seed)
            for dimension in table.dimensions
            if len(table.groups(dimension)) > 1
        },
        "consistency": scored.reliability.to_dict() if scored.reliability.n else None,
        "seconds": _seconds(scored),
    }


def _all(table: Table, rows: BoolArray | None, resamples: int, seed: int) -> dict[str, Estimate]:
    return estimates(table.sums(rows), derived_scores(table), resamples=resamples, seed=seed)


def _shown(found: Mapping[str, Estimate], scored: Scored) -> dict[str, Estimate]:
    """Without what is only a part of others, has no value, or judges masks where no truth has one."""
    return {
        name: value
        for name, value in found.items()
        if not name.startswith("_")
        and value.value is not None
        and (scored.has_true_masks or not _is_of_masks(name.rpartition("/")[2]))
    }


def _is_of_masks(name: str) -> bool:
    return name in (*_MASK_SCORES, "oIoU") or name.startswith(("P@", "contour_"))


def _breakdown(scored: Scored, dimension: str, resamples: int, seed: int) -> dict[str, Any]:
    table = scored.table
    groups = sorted(table.groups(dimension).items(), key=lambda item: -int(item[1].sum()))[:_MAX_GROUPS]
    order = GROUP_ORDER.get(dimension)
    if order is not None:
        groups.sort(key=lambda item: order.index(item[0]))
    result = {}
    for name, rows in groups:
        found = _shown(_all(table, rows, resamples, seed), scored)
        shown = {key: value.to_dict() for key, value in found.items() if "/" not in key and key[:7] != "status_"}
        result[name] = {"n": int(rows.sum()), "scores": shown}
    return result


def _average_precision(scored: Scored, resamples: int, seed: int) -> dict[str, Estimate]:
    detections = scored.detections
    if detections.average_precision() is None:
        return {}
    levels: dict[str, float | None] = {"ap": None, "ap50": 0.5, "ap75": 0.75}
    n = float(detections.n_images)
    drawn = _resampled_precision(scored, detections, list(levels.values()), min(resamples, _AP_RESAMPLES), seed)
    found = {
        name: Estimate(detections.average_precision(level), *interval(drawn[:, k]), n=n)
        for k, (name, level) in enumerate(levels.items())
    }
    for size in AREAS:
        value = detections.average_precision(size=size)
        if size != "all" and value is not None:
            found[f"ap_{size}"] = Estimate(value, None, None, n)
    return found


def _resampled_precision(
    scored: Scored, detections: Detections, levels: Sequence[float | None], resamples: int, seed: int
) -> FloatArray:
    """(resamples, levels); NaN where a resample holds no target."""
    if scored.table.n_images < 2 or not resamples:
        return np.empty((0, len(levels)))
    image_of = scored.table.sums().image_of_row[np.frombuffer(scored.detection_rows, dtype=np.int64)]
    values = [
        [detections.average_precision(level, weights=weights[image_of]) for level in levels]
        for chunk in weights_of(scored.table.n_images, resamples=resamples, seed=seed)
        for weights in chunk
    ]
    return np.array([[np.nan if value is None else value for value in row] for row in values])


def _seconds(scored: Scored) -> dict[str, float] | None:
    if not len(scored.seconds):
        return None
    values = np.frombuffer(scored.seconds, dtype=np.float64)
    low, middle, high = np.percentile(values, (5, 50, 95))
    return {"mean": float(values.mean()), "p5": float(low), "median": float(middle), "p95": float(high)}
