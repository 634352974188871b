"""Train the embedded segmenter: ``python -m remotereasoner.training.segmenter --data DIR --out DIR``.

Prints one JSON object with the metrics. The schedule follows the clock (``--minutes``) or, for a run that can be
repeated exactly, a number of steps (``--steps``).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads starve shared cores

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from remotereasoner.training.segmenter_augment import Batch, make_batch
from remotereasoner.training.segmenter_data import CropCache, build_cache
from remotereasoner.training.segmenter_weights import (
    load_backbone,
    load_weights,
    read_description,
    save_weights,
    weights_hash,
)
from remotereasoner.transform.segmenter_net import SegmenterNet, SegmenterOutput, to_channels_last

__all__ = ["SHARES", "Settings", "loss_of", "sampling_weights", "train"]

# How often a category is drawn, whatever its number of crops.
SHARES = {
    "airplane": 1.6, "baseball_diamond": 0.9, "basketball_court": 0.7, "bridge": 0.9, "building": 1.7,
    "ground_track_field": 0.7, "harbor": 1.3, "ship": 1.3, "solar_panel": 1.2, "storage_tank": 0.9,
    "tennis_court": 1.0, "vehicle": 1.2, "water": 0.9, "vegetation": 0.7, "land": 0.5, "road": 0.8,
    "window_water": 1.2, "window_other": 0.7, "drawn_coast": 1.6, "drawn_shape": 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """One training run."""

    size: int = 96
    batch: int = 24
    rate: float = 2e-3
    minutes: float | None = 25.0
    steps: int | None = None
    seed: int = 0
    ema: float = 0.998
    areas: float = 1.0


def sampling_weights(category: list[str], areas: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Probability of each crop; categories without a share are drawn as 0.1.

    ``areas`` multiplies the shares of windows onto land cover and of coastlines.
    """
    counts = {name: category.count(name) for name in set(category)}
    factor = {name: areas if name.startswith(("window_", "drawn_coast")) else 1.0 for name in counts}
    weights = np.array([SHARES.get(name, 0.1) * factor[name] / counts[name] for name in category])
    result: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / weights.sum()
    return result


def loss_of(output: SegmenterOutput, batch: Batch) -> Tensor:
    """Binary cross-entropy + Dice over what is counted, + the quality head against the IoU really reached; scalar."""
    logits, counted, target = output.logits, batch.counted, batch.target
    total = counted.sum((1, 2)).clamp_min(1.0)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (entropy * counted).sum((1, 2)) / total
    probability = torch.sigmoid(logits) * counted
    wanted = target * counted
    overlap = (probability * wanted).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (probability.sum((1, 2)) + wanted.sum((1, 2)) + 1)
    with torch.no_grad():
        found = (logits > 0).float() * counted
        both = (found * wanted).sum((1, 2))
        reached = both / (found.sum((1, 2)) + wanted.sum((1, 2)) - both).clamp_min(1.0)
    quality = functional.binary_cross_entropy_with_logits(output.quality, reached)
    return entropy.mean() + dice.mean() + 0.2 * quality


def train(
    cache: CropCache,
    settings: Settings,
    net: SegmenterNet,
    watch: Callable[[SegmenterNet, list[float], float], None] | None = None,
) -> tuple[SegmenterNet, list[float]]:
    """Train ``net`` in place; returns the running average of its weights (in eval mode) and the loss of every step.

    ``watch`` is called after every step with that average, the losses so far and the part of the run that is done.
    """
    rng = np.random.default_rng(settings.seed)
    weights = sampling_weights(cache.category, settings.areas)
    net = to_channels_last(net).train()
    average = copy.deepcopy(net).eval()
    optimizer = torch.optim.AdamW(_groups(net), lr=settings.rate, weight_decay=0.01, betas=(0.9, 0.99))
    base = [settings.rate, settings.rate / 2]
    started, losses, done = time.monotonic(), [], 0.0
    while done < 1.0:
        chosen = rng.choice(len(weights), settings.batch, p=weights)
        batch = make_batch(cache, chosen, settings.size, rng)
        for group, rate in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = rate * _schedule(done)
        loss = loss_of(net(batch.inputs.contiguous(memory_format=torch.channels_last)), batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        _follow(average, net, min(settings.ema, len(losses) / (len(losses) + 10)))
        done = _progress(settings, len(losses), time.monotonic() - started)
        if watch is not None:
            watch(average, losses, done)
    return average, losses


def _progress(settings: Settings, steps: int, seconds: float) -> float:
    if settings.steps is not None:
        return steps / settings.steps
    return seconds / (60 * (settings.minutes or 25.0))


def _schedule(done: float) -> float:
    """Linear warm-up over the first 3 %, then a cosine to 1 %."""
    if done < 0.03:
        return max(done / 0.03, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - 0.03) / 0.97))


def _groups(net: SegmenterNet) -> list[dict[str, object]]:
    """The pretrained blocks learn at half the rate."""
    pretrained = {id(value) for value in net.blocks.parameters()}
    return [
        {"params": [value for value in net.parameters() if id(value) not in pretrained]},
        {"params": list(net.blocks.parameters())},
    ]


@torch.no_grad()
def _follow(average: SegmenterNet, net: SegmenterNet, keep: float) -> None:
    for mine, theirs in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and val.jsonl")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, help="EfficientNet-Lite0 state dict; without it: from scratch")
    parser.add_argument(
        "--resume", type=Path, help="go on from these weights (batch norms folded in): use a low --rate"
    )
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument(
        "--areas", type=float, default=1.0, help="how many times more often land cover and coasts are shown"
    )
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    settings = Settings(
        size=options.size,
        rate=options.rate,
        minutes=options.minutes,
        steps=options.steps,
        seed=options.seed,
        areas=options.areas,
    )
    cache = build_cache(options.data, "train", seed=options.seed)
    print(f"{len(cache.category)} crops", file=sys.stderr, flush=True)
    net = SegmenterNet()
    if options.backbone is not None:
        load_backbone(net, options.backbone)
    if options.resume is not None:
        net = load_weights(options.resume)
    options.out.mkdir(parents=True, exist_ok=True)

    def watch(average: SegmenterNet, losses: list[float], done: float) -> None:
        if len(losses) % 100 == 0:
            print(
                f"step {len(losses)} done {done:.3f} loss {sum(losses[-100:]) / 100:.4f}", file=sys.stderr, flush=True
            )
        if len(losses) % 500 == 0:
            save_weights(average, options.out, size=settings.size, training={"steps": len(losses), "finished": False})

    average, losses = train(cache, settings, net, watch)
    facts = {
        "steps": len(losses),
        "crops_seen": len(losses) * settings.batch,
        "crops": {name: cache.category.count(name) for name in sorted(set(cache.category))},
        "loss_last_200": sum(losses[-200:]) / len(losses[-200:]),
        "seed": settings.seed,
        "resumed_from": None if options.resume is None else weights_hash(options.resume),
        "before": None if options.resume is None else read_description(options.resume)["training"],
        "backbone": None if options.backbone is None else options.backbone.name,
    }
    path = save_weights(average, options.out, size=settings.size, training=facts)
    from remotereasoner.training.segmenter_eval import evaluate

    facts["val"] = evaluate(options.data, path)
    path.with_suffix(".json").write_text(
        json.dumps(read_description(path) | {"val": facts["val"]}, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
