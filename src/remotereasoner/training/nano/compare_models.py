"""Two embedded models on the same questions: ``python -m remotereasoner.training.nano.compare_models FIRST SECOND``.

Both files are what ``evaluate_model --out`` wrote. Per question the reward of the default preset, the IoU of the areas
of predicted and true boxes (gIoU when averaged), F1@0.5 and, of single targets, Acc@0.5; then second minus first with
95 % bootstrap intervals that resample images: over all questions, and by kind.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.rewards.presets import build_rewards
from remotereasoner.scores.boxes import pairwise_iou, set_f1
from remotereasoner.training.judge import boxes_iou
from remotereasoner.training.nano.metrics import interval

__all__ = ["differences", "figures"]


def figures(row: dict[str, Any]) -> dict[str, float]:
    """What one answer is worth."""
    functions, weights = build_rewards("default", codec=EmbeddedReferenceCodec())
    columns: dict[str, Any] = {
        "task": [row["task"]],
        "query": [row["query"]],
        "boxes": [row["boxes"]],
        "answers": [[]],
        "references": [row["references"]],
        "image_hw": [row["image_hw"]],
        "grid_hw": [row["image_hw"]],
    }
    judged = [f(prompts=[""], completions=[row["completion"]], **columns)[0] for f in functions]
    predicted, truth = row["predicted"], row["boxes"]
    readable = row["status"] in ("answered", "no_target")
    found = {
        "reward": sum(w * value for w, value in zip(weights, judged, strict=True) if value is not None),
        "giou": boxes_iou(predicted, truth) if readable else 0.0,
        "f1@0.5": set_f1(predicted, truth, 0.5) if readable else 0.0,
    }
    if len(truth) == 1:
        hit = len(predicted) == 1 and pairwise_iou(np.array(predicted, float), np.array(truth, float))[0, 0] >= 0.5
        found["acc@0.5"] = float(hit)
    return found


def differences(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per group of questions and figure: both means, and second minus first with its interval. Raises UsageError."""
    if [(r["id"], r["query"]) for r in first] != [(r["id"], r["query"]) for r in second]:
        raise UsageError("these are not answers to the same questions in the same order")
    pairs: dict[tuple[str, str], list[tuple[str, float, float]]] = defaultdict(list)
    for a, b in zip(first, second, strict=True):
        one, other = figures(a), figures(b)
        style = a["attributes"]["style"]
        groups = ["all", a["kind"], *([f"implicit {style}"] if style and a["kind"] != "absent" else [])]
        for name in one:
            for group in groups:
                pairs[group, name].append((a["image"], one[name], other[name]))
    report: dict[str, dict[str, Any]] = defaultdict(dict)
    for (group, name), rows in pairs.items():
        report[group][name] = {
            "first": round(float(np.mean([one for _, one, _ in rows])), 4),
            "second": round(float(np.mean([other for _, _, other in rows])), 4),
            "difference": interval([(image, other - one) for image, one, other in rows]),
        }
    return dict(report)


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    args = parser.parse_args()
    first, second = ([json.loads(line) for line in path.read_text().splitlines()] for path in (args.first, args.second))
    print(json.dumps(differences(first, second), indent=1))


if __name__ == "__main__":
    main()
