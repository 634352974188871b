"""Scoring: masks against a dense loop and pycocotools, Hungarian matching, a predictions file.

    python bench/scoring.py [--pairs 10000] [--size 1024] [--predictions 1000]

Masks are run lengths of blobs on size² frames; the dense loop does two logical operations and two sums a pair, on fewer
pairs and scaled up. Mask times are processor times in one process, so that the ratios hold on a busy machine. Targets:
at least 10 times the dense loop, at most 1.5 times pycocotools' time, matching of 100 × 100 boxes below 2 ms, scoring
1,000 predictions from their file below 5 s, the best of three runs. Prints a Markdown table and a JSON line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pycocotools import mask as coco

from remotereasoner.data.samples import Sample, write_samples
from remotereasoner.evaluation.outputs import ScoreOptions
from remotereasoner.evaluation.predictions import Prediction, PredictionLog, PredictionTable
from remotereasoner.evaluation.run_file import inspect_samples
from remotereasoner.evaluation.scoring import score_predictions
from remotereasoner.evaluation.summary import summarise
from remotereasoner.scores.boxes import match_boxes
from remotereasoner.scores.masks import overlaps
from remotereasoner.scores.runs import Runs

DENSE_PAIRS = 100
SPEED_UP, COCO_RATIO, MATCH_MS, SCORE_S = 10.0, 1.5, 2.0, 5.0


def blobs(size: int, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Discs with wavy edges, some 20 to 300 px in radius."""
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    masks = []
    for _ in range(count):
        x, y = rng.uniform(0.1 * size, 0.9 * size, 2)
        angle = np.arctan2(ys - y, xs - x)
        radius = rng.uniform(0.02, 0.3) * size * (1 + 0.15 * np.sin(rng.integers(3, 9) * angle))
        masks.append(np.hypot(xs - x, ys - y) < radius)
    return masks


def best(run: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the fastest run."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return min(times)


def mask_times(size: int, pairs: int, rng: np.random.Generator) -> tuple[float, float, float]:
    """Seconds for all pairs: dense loop, pycocotools, ours."""
    masks = blobs(size, 40, rng)
    ours = [Runs.of_mask(mask) for mask in masks]
    theirs = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
    first, second = rng.integers(0, len(masks), (2, pairs)).tolist()

    def dense() -> list[float]:
        found = []
        for a, b in zip(first[:DENSE_PAIRS], second[:DENSE_PAIRS], strict=True):
            shared = np.logical_and(masks[a], masks[b]).sum()
            found.append(shared / np.logical_or(masks[a], masks[b]).sum())
        return found

    def pycocotools() -> list[float]:
        return [coco.iou([theirs[a]], [theirs[b]], [0])[0, 0] for a, b in zip(first, second, strict=True)]

    def runs() -> np.ndarray:
        return overlaps([ours[a] for a in first], [ours[b] for b in second]).iou()

    np.testing.assert_allclose(runs(), pycocotools(), atol=1e-12)
    np.testing.assert_allclose(runs()[:DENSE_PAIRS], dense(), atol=1e-12)
    return best(dense, 2) * pairs / DENSE_PAIRS, best(pycocotools, 3), best(runs, 3)


def match_ms(rng: np.random.Generator) -> float:
    """Milliseconds for 100 boxes against 100, clock."""
    corner = rng.uniform(0, 900, (100, 2))
    truth = np.hstack([corner, corner + rng.uniform(10, 120, (100, 2))])
    found = rng.permutation(truth + rng.normal(0, 4, truth.shape))
    times = []
    for _ in range(50):
        began = time.perf_counter()
        match_boxes(found, truth, threshold=0.5)
        times.append(time.perf_counter() - began)
    return 1000 * min(times)


def score_s(n: int, size: int, rng: np.random.Generator) -> float:
    """Processor seconds from files to metrics with intervals, five boxes and masks a sample."""
    ellipse = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        samples, predictions = [], []
        for k in range(n):
            corner = rng.uniform(0, size - 220, (5, 2))
            boxes = np.hstack([corner, corner + rng.uniform(20, 200, (5, 2))])
            rings = [
                np.column_stack([(b[0] + b[2]) / 2 + (b[2] - b[0]) / 2 * np.cos(ellipse),
                                 (b[1] + b[3]) / 2 + (b[3] - b[1]) / 2 * np.sin(ellipse)])
                for b in boxes
            ]  # fmt: skip
            samples.append(
                Sample(
                    id=f"s{k}",
                    image=f"{k // 3}.png",
                    query="Where?",
                    boxes=tuple(map(tuple, boxes.tolist())),
                    polygons=tuple((tuple(map(tuple, ring.tolist())),) for ring in rings),
                    category=f"c{k % 10}",
                )
            )
            moved = np.clip(boxes + rng.normal(0, 4, boxes.shape), 0, size)
            masks = []
            for x1, y1, x2, y2 in moved.astype(int):
                crop = np.ones((y2 - y1, x2 - x1), dtype=np.bool_)
                masks.append(Runs.of_crop(crop, (int(x1), int(y1)), (size, size)))
            own = tuple(map(tuple, moved.tolist()))
            predictions.append(Prediction(f"s{k}", "answered", own, (0.5,) * 5, tuple(masks), image_hw=(size, size)))
        write_samples(root / "samples.jsonl", samples)
        with PredictionLog(root / "predictions.jsonl") as log:
            log.append(predictions)
        options = ScoreOptions(root=root)
        began = time.process_time()
        with PredictionTable(root / "predictions.jsonl") as table:
            scored = score_predictions(inspect_samples(root / "samples.jsonl"), table, root=root)
        metrics = summarise(scored, resamples=options.resamples)
        seconds = time.process_time() - began
    assert metrics["samples"]["judged"] == n
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--predictions", type=int, default=1_000)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    dense, theirs, ours = mask_times(args.size, args.pairs, rng)
    matching = match_ms(rng)
    scoring = min(score_s(args.predictions, args.size, rng) for _ in range(3))
    print("| what | measured | target |\n|---|---|---|")
    what = f"IoU of {args.pairs:,} mask pairs of {args.size}²: ours {1000 * ours:.0f} ms"
    print(f"| {what}, dense loop {dense:.1f} s | {dense / ours:.0f}× as fast | ≥ {SPEED_UP:.0f}× |")
    print(f"| the same, pycocotools {1000 * theirs:.0f} ms | {ours / theirs:.2f}× its time | ≤ {COCO_RATIO}× |")
    print(f"| Hungarian matching, 100 × 100 boxes | {matching:.2f} ms | < {MATCH_MS:.0f} ms |")
    print(f"| scoring {args.predictions:,} predictions, with intervals | {scoring:.2f} s | < {SCORE_S:.0f} s |")
    met = dense / ours >= SPEED_UP and ours / theirs <= COCO_RATIO and matching < MATCH_MS and scoring < SCORE_S
    figures = {"dense_s": dense, "pycocotools_s": theirs, "ours_s": ours, "match_ms": matching, "scoring_s": scoring}
    print(json.dumps({"bench": "scoring", "met": met, **{name: round(v, 4) for name, v in figures.items()}}))


if __name__ == "__main__":
    main()
