"""Supervised start of the language tower: ``python -m remotereasoner.training.nano.train_language``.

One step packs several questions about one listing behind a shared prefix: each question attends to the prefix and to
itself only, so that the prefix is computed once. The loss is on the completion alone.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.nano.listing import ListedObject, Listing, make_listing
from remotereasoner.policy.nano.tokens import NanoTokenizer
from remotereasoner.policy.nano.vocabulary import CLASSES, THINGS
from remotereasoner.policy.prompts import compose_completion, prompt_texts
from remotereasoner.training.nano.lora import TrainableTower
from remotereasoner.training.nano.questions import Question, QuestionBank
from remotereasoner.training.nano.scenes import drawn_listing, labelled_objects, perturbed_listing

ANSWER_WEIGHT = 3.0  # a few tokens decide whether the answer is right; the reasoning has many
DECIDING_TOKENS = 14  # "… storage tanks. There are 3.</think>" belongs to them


def draw_questions(bank: QuestionBank, listing: Listing, count: int, rng: np.random.Generator) -> list[Question]:
    """A mixture of kinds about one listing."""
    present = [g.class_index for g in listing.groups]
    absent = [k for k in range(len(CLASSES)) if k not in present]
    questions: list[Question] = []
    while len(questions) < count:
        draw = rng.random()
        asked: Question | None
        if draw < 0.50 and present:
            asked = bank.ask_implicit(listing, int(rng.choice(present)), rng)
        elif draw < 0.66:
            asked = bank.ask_implicit(listing, int(rng.choice(absent)), rng)
        elif draw < 0.69 and present:
            asked = bank.ask_direct(listing, int(rng.choice(present)), rng)
        elif draw < 0.72:
            asked = bank.ask_direct(listing, int(rng.choice(absent)), rng)
        elif draw < 0.77:
            asked = bank.ask_absent_thing(rng)
        elif draw < 0.78:
            a, b = (int(v) for v in rng.choice(len(CLASSES), 2, replace=False))
            asked = bank.ask_two(listing, (int(rng.choice(present)) if present else a, b), rng) if a != b else None
            if asked and present and len({*asked.targets}) == 0 and rng.random() < 0.5:
                asked = None
        elif draw < 0.80:
            asked = bank.ask_absent_relation(int(rng.choice(absent)), rng) if absent else None
        elif draw < 0.96 and listing.groups:
            weights = np.array([min(g.count, 6) - 0.8 for g in listing.groups])
            group = listing.groups[int(rng.choice(len(listing.groups), p=weights / weights.sum()))]
            asked = bank.ask_relation(listing, group, rng)
        elif draw < 0.99:
            pool = present if present and rng.random() < 0.7 else absent
            asked = bank.ask_vqa(listing, int(rng.choice(pool)), rng)
        else:
            asked = bank.ask_caption(listing, rng)
        if asked is not None:
            questions.append(asked)
    return questions


def _worded(text: str, rng: np.random.Generator) -> str:
    """Small changes of surface that a person at a keyboard makes."""
    draw = rng.random()
    if draw < 0.12:
        return text[:1].lower() + text[1:].rstrip("?.!")
    if draw < 0.16:
        return text.lower()
    if draw < 0.20:
        return "Please answer: " + text
    return text


class Pack(NamedTuple):
    """One forward pass of training."""

    ids: Tensor
    """(T,): the shared prefix and all questions with what is to be written."""
    mask: Tensor
    """(1, 1, T, T) bool: which place may look where."""
    positions: Tensor
    """(1, T): every question continues where the prefix ends."""
    places: Tensor
    """(P,): places whose next token is to be predicted."""
    targets: Tensor
    """(P,): those tokens."""
    weights: Tensor
    """(P,): of the loss."""


def _question_ids(
    tokenizer: NanoTokenizer, codec: EmbeddedReferenceCodec, question: Question, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """What is asked and what is to be written, as ids."""
    if question.kind == "look_up":
        answer = f"<answer>{question.answer}</answer>"
        if question.reasoning:
            answer = compose_completion(question.reasoning, question.answer)
        return tokenizer.question_ids(question.text), [*tokenizer.encode(answer), tokenizer.end_id]
    instruction = codec.instruction((1, 1)) if question.task == "locate" else ""
    _, user = prompt_texts(question.task, _worded(question.text, rng), style=codec.style, instruction=instruction)
    completion = compose_completion(question.reasoning, question.answer)
    return tokenizer.question_ids(user), [*tokenizer.encode(completion), tokenizer.end_id]


def pack(tokenizer: NanoTokenizer, listing: Listing, questions: list[Question], rng: np.random.Generator) -> Pack:
    """All questions behind one prefix; each sees the prefix and itself only."""
    codec = EmbeddedReferenceCodec()
    system, _ = prompt_texts("locate", "x", style=codec.style)
    prefix = tokenizer.prefix_ids(system, listing)
    packed = list(prefix)
    positions = [torch.arange(len(prefix))]
    spans: list[tuple[int, int]] = []
    places: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    at = len(prefix)
    for question in questions:
        asked, written = _question_ids(tokenizer, codec, question, rng)
        ids = asked + written
        packed += ids
        positions.append(torch.arange(len(prefix), len(prefix) + len(ids)))
        spans.append((at, at + len(ids)))
        places += range(at + len(asked) - 1, at + len(ids) - 1)
        targets += written
        opening = max(0, written.index(tokenizer.answer_id) - DECIDING_TOKENS)
        weights += [1.0] * opening + [ANSWER_WEIGHT] * (len(written) - opening)
        at += len(ids)
    allowed = torch.zeros(at, at, dtype=torch.bool)
    allowed[:, : len(prefix)] = True
    for a, b in spans:
        allowed[a:b, a:b] = True
    allowed &= torch.ones(at, at, dtype=torch.bool).tril()
    return Pack(
        torch.tensor(packed),
        allowed[None, None],
        torch.cat(positions)[None],
        torch.tensor(places),
        torch.tensor(targets),
        torch.tensor(weights),
    )


def _listed(row: list[float], source: int) -> ListedObject:
    index, x1, y1, x2, y2, size, score = row
    return ListedObject(int(index), (x1, y1, x2, y2), size, score, source)


def _tower_scenes(path: Path | None) -> list[list[ListedObject]]:
    if path is None:
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [[_listed(o, n) for n, o in enumerate(row["objects"])] for row in rows]


def loss_of(tower: TrainableTower, packed: Pack) -> tuple[Tensor, float]:
    """(weighted cross-entropy, share of right deciding tokens); the products in bfloat16."""
    matrix = tower.embedding_matrix()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = tower.llama.model(
            inputs_embeds=matrix[packed.ids][None],
            attention_mask=packed.mask,
            position_ids=packed.positions,
            use_cache=False,
        )[0]
        logits = hidden[0, packed.places] @ matrix.T
    each = F.cross_entropy(logits.float(), packed.targets, reduction="none")
    right = (logits.argmax(1) == packed.targets)[packed.weights > 1].float().mean().item()
    return (each * packed.weights).sum() / packed.weights.sum(), right


def main() -> None:
    """Train until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="folder with base.safetensors and tokenizer.json")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--perceived", type=Path, help="the tower's view of the training images (perceive_split)")
    parser.add_argument("--resume", type=Path, help="an adapter to continue from")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--final", type=float, default=0.05, help="learning rate at the end, as a share of --lr")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--questions", type=int, default=8, help="questions packed behind one listing")
    parser.add_argument("--look-ups", type=int, default=0, help="bare look-ups packed behind them")
    parser.add_argument("--packs", type=int, default=2, help="listings a step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = NanoTokenizer.from_file(args.base / "tokenizer.json")
    tower = TrainableTower(load_file(args.base / "base.safetensors"), tokenizer, args.rank, 2 * args.rank, args.seed)
    if args.resume:
        tower.resume(load_file(args.resume))
    tower.halve()
    bank = QuestionBank("train")
    labelled = labelled_objects(args.data, "train")
    perceived = _tower_scenes(args.perceived)
    optimizer = torch.optim.AdamW(tower.parameter_groups(args.lr), lr=args.lr, weight_decay=0.0, betas=(0.9, 0.99))
    start, step, asked = time.time(), 0, 0
    recent: list[float] = []
    right: list[float] = []
    tower.train()
    while (spent := (time.time() - start) / 60) < args.minutes:
        progress = spent / args.minutes
        lr = (
            args.lr
            * min(1.0, (step + 1) / 30)
            * (args.final + (1 - args.final) * 0.5 * (1 + math.cos(math.pi * progress)))
        )
        for group in optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        optimizer.zero_grad()
        for _ in range(args.packs):
            draw = rng.random()
            if perceived and draw < 0.6:
                listing = make_listing(perceived[int(rng.integers(len(perceived)))])
            elif not perceived and draw < 0.5:
                listing = perturbed_listing(labelled[int(rng.integers(len(labelled)))], rng)
            else:
                listing = drawn_listing(
                    rng, int(rng.integers(len(THINGS), len(CLASSES))) if rng.random() < 0.2 else None
                )
            questions = draw_questions(bank, listing, args.questions, rng)
            questions += [bank.look_up(listing, rng) for _ in range(args.look_ups)]
            loss, share = loss_of(tower, pack(tokenizer, listing, questions, rng))
            (loss / args.packs).backward()
            recent.append(loss.item())
            right.append(share)
            asked += len(questions)
        torch.nn.utils.clip_grad_norm_([p for p in tower.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        step += 1
        if step % 20 == 0:
            said = f"loss {np.mean(recent):.4f} answer tokens right {np.mean(right):.3f}"
            print(f"{spent:6.1f} min step {step} questions {asked} {said}", flush=True)
            recent.clear()
            right.clear()
        if step % 100 == 0:
            _save(tower, args, spent, asked, step)
    _save(tower, args, args.minutes, asked, step)


def _save(tower: TrainableTower, args: argparse.Namespace, minutes: float, asked: int, step: int) -> None:
    temporary = args.out / "adapter.safetensors.part"
    save_file(tower.export(), temporary)
    temporary.rename(args.out / "adapter.safetensors")
    facts = {
        "scale": tower.scale,
        "rank": args.rank,
        "minutes": round(minutes, 1),
        "questions": asked,
        "steps": step,
        "lr": args.lr,
        "seed": args.seed,
    }
    (args.out / "adapter.json").write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
