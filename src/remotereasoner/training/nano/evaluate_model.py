"""Measure the embedded model on unseen val questions: ``python -m remotereasoner.training.nano.evaluate_model``.

Single targets are judged by Acc@0.5 beside four baselines that do not read the question: the whole image, the centre
box, the best fixed box of the right class, and a random proposal of the tower. Sets are judged by F1@0.5. ``keywords``
is the same tower as a detector that gives all objects of the classes that the question names; ``reader`` is the
ceiling: what a faultless reader of the tower's listing would score. ``--held-out`` asks questions of types that no
training has, in place of the usual ones. Intervals are 95 % bootstrap by image.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from PIL import Image

from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, Sampling
from remotereasoner.policy.engines.embedded import EmbeddedEngine, NanoModel
from remotereasoner.policy.nano.listing import RELATION_WORDS, Listing
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt
from remotereasoner.scores.boxes import pairwise_iou, set_f1
from remotereasoner.training.nano.held_out import HELD_OUT_TYPES, held_out_samples, read_held_out
from remotereasoner.training.nano.keywords import keyword_answer
from remotereasoner.training.nano.metrics import interval
from remotereasoner.training.nano.val_samples import val_samples
from remotereasoner.types import BoxXyxy, FloatArray, SizeHw, UInt8Array

Scores = dict[str, list[tuple[str, float]]]


def best_class_boxes(root: Path) -> dict[str, FloatArray]:
    """Per class the train box (in shares of the image) that would be right most often on the train images."""
    boxes: dict[str, list[FloatArray]] = defaultdict(list)
    with (root / "train.jsonl").open() as lines:
        for line in lines:
            row = json.loads(line)
            size = np.array([row["width"], row["height"]] * 2, float)
            for item in row["objects"]:
                if item["category"] in CLASSES:
                    boxes[item["category"]].append(np.array(item["bbox"]) / size)
    best = {}
    for name, found in boxes.items():
        table = np.array(found)[:1500]
        best[name] = table[int((pairwise_iou(table, table) >= 0.5).sum(1).argmax())]
    return best


def _baselines(
    image_hw: SizeHw, prior: FloatArray, proposals: tuple[Any, ...], rng: np.random.Generator
) -> dict[str, Any]:
    height, width = image_hw
    return {
        "whole image": (0, 0, width, height),
        "centre box": (width / 4, height / 4, width * 3 / 4, height * 3 / 4),
        "class prior": prior * [width, height, width, height],
        "random proposal": proposals[int(rng.integers(len(proposals)))] if proposals else (0, 0, width, height),
    }


def read_faultlessly(sample: dict[str, Any], listing: Listing, boxes: Sequence[BoxXyxy]) -> list[BoxXyxy]:
    """What the listing holds for a question that has been understood: the class's objects, or the one that is meant."""
    group = listing.group_of(CLASSES.index(sample["category"])) if sample["category"] else None
    if group is None:
        return []
    if sample["kind"] in HELD_OUT_TYPES:
        return [boxes[n] for n in read_held_out(sample["kind"], listing, group)]
    word = RELATION_WORDS.get(sample["attributes"]["asked"].removeprefix("relation_"))
    numbers = [n for w, n in listing.named(group) if w == word] if word and group.count > 1 else group.numbers
    return [boxes[n] for n in numbers]


def judge(
    scores: Scores,
    sample: dict[str, Any],
    answer: Answer,
    ceiling: list[BoxXyxy],
    by_name: list[BoxXyxy],
    baselines: dict[str, Any],
) -> None:
    """Add one answer to the scores. A failure counts as a wrong answer, never as a missing one.

    ``ceiling``: boxes of a faultless reader; ``by_name``: those of the detector with keywords.
    """
    image, kind, truth = sample["image"], sample["kind"], sample["boxes"]
    predicted = [list(box) for box in answer.boxes_xyxy]
    failed = answer.status in ("unparseable", "truncated", "refused")
    scores["unparseable"].append((image, float(failed)))
    if kind == "absent":
        scores["no_target_false_alarm"].append((image, float(bool(predicted) or failed)))
        scores["no_target_false_alarm keywords"].append((image, float(bool(by_name))))
        return
    style = sample["attributes"]["style"]
    f1, best, named = (set_f1(boxes, truth, 0.5) for boxes in (predicted, ceiling, by_name))
    for name in ("f1@0.5", f"f1@0.5 {kind}", *([f"f1@0.5 implicit {style}"] if style else [])):
        scores[name].append((image, f1))
        scores[f"{name} reader"].append((image, best))
        scores[f"{name} keywords"].append((image, named))
    if len(truth) != 1:
        return

    def hit(boxes: Any) -> float:
        return float(len(boxes) == 1 and pairwise_iou(np.array(boxes, float), np.array(truth, float))[0, 0] >= 0.5)

    group = "only one of its class" if kind.startswith("single_") else kind
    for name in ("acc@0.5", f"acc@0.5 {group}"):
        scores[name].append((image, hit(predicted)))
        scores[f"{name} reader"].append((image, hit(ceiling)))
        scores[f"{name} keywords"].append((image, hit(by_name)))
    for name, box in baselines.items():
        scores[f"acc@0.5 baseline {name}"].append((image, hit([box])))


def _ask(engine: EmbeddedEngine, queries: list[str], pixels: UInt8Array) -> list[tuple[Completion, Answer]]:
    """All questions about one image, as one batch."""
    sampling = Sampling(max_new_tokens=160)
    prompts = [build_prompt("locate", query, pixels, engine.codec, sampling=sampling) for query in queries]
    image_hw = (pixels.shape[0], pixels.shape[1])
    return [
        (c, parse_completion(c, task="locate", codec=engine.codec, image_hw=image_hw)) for c in engine.generate(prompts)
    ]


def main() -> None:
    """Print one JSON document; ``--out`` keeps the predictions too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder with the trained parts; default: the package's")
    parser.add_argument("--cache", type=Path, help="where the base weights are; default: the user's cache")
    parser.add_argument("--every", type=int, default=1, help="take every so many images")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--held-out", action="store_true", help="ask questions of types that no training has")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    engine = EmbeddedEngine(NanoModel.load(args.weights, args.cache))
    by_image: dict[str, list[dict[str, Any]]] = defaultdict(list)
    asked = held_out_samples if args.held_out else val_samples
    for sample in asked(args.data, "val", args.seed):
        by_image[sample["image"]].append(sample)
    priors = best_class_boxes(args.data)
    rng = np.random.default_rng(args.seed)
    scores: Scores = defaultdict(list)
    statuses: Counter[str] = Counter()
    predictions: list[dict[str, Any]] = []
    chosen = list(by_image.items())[args.first :: args.every]
    for number, (name, samples) in enumerate(chosen):
        print(f"\r{number + 1} of {len(chosen)} images", end="", file=sys.stderr, flush=True)
        with Image.open(args.data / name) as file:
            pixels = np.asarray(file.convert("RGB"))
        answers = _ask(engine, [s["query"] for s in samples], pixels)
        for sample, (completion, answer) in zip(samples, answers, strict=True):
            statuses[answer.status] += 1
            prior = priors.get(sample["category"] or "", np.array([0.0, 0.0, 1.0, 1.0]))
            boxes = _baselines((pixels.shape[0], pixels.shape[1]), prior, completion.references, rng)
            listing = engine.perceive(pixels)[1]
            ceiling = read_faultlessly(sample, listing, completion.references)
            by_name = [completion.references[n] for n in keyword_answer(sample["query"], listing)]
            judge(scores, sample, answer, ceiling, by_name, boxes)
            told = {
                "status": answer.status,
                "predicted": answer.boxes_xyxy,
                "completion": completion.text,
                "references": completion.references,
                "image_hw": pixels.shape[:2],
            }
            predictions.append({**sample, **told})
    report = {
        "samples": len(predictions),
        "model": engine.identity.revision,
        "status": dict(statuses),
        "scores": {name: interval(rows) for name, rows in sorted(scores.items())},
    }
    print(json.dumps(report, indent=1))
    if args.out:
        args.out.write_text("".join(json.dumps(p) + "\n" for p in predictions))


if __name__ == "__main__":
    main()
