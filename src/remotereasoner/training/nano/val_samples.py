"""Questions about the labelled val images, in the project's sample format, drawn from the bank's val sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from remotereasoner.data.readers.bank import RELATIONS as PICKED
from remotereasoner.data.readers.bank import pick
from remotereasoner.policy.nano.listing import Group, ListedObject, Listing, make_listing
from remotereasoner.policy.nano.vocabulary import AREAS, CLASSES
from remotereasoner.training.nano.questions import Question, QuestionBank

__all__ = ["clear_relations", "labelled_listing_objects", "val_samples"]

_MIN_AREA_SHARE = 0.004


def labelled_listing_objects(row: dict[str, Any]) -> list[ListedObject]:
    """Exhaustively labelled objects of the image; tiny fragments of areas are no objects."""
    width, height = row["width"], row["height"]
    exhaustive = set(row["exhaustive_for"] or [])
    found = []
    for n, item in enumerate(row["objects"]):
        if item["category"] not in CLASSES or item["category"] not in exhaustive:
            continue
        x1, y1, x2, y2 = item["bbox"]
        size = (x2 - x1) * (y2 - y1) / (width * height)
        if item["category"] in AREAS and size < _MIN_AREA_SHARE:
            continue
        box = (x1 / width, y1 / height, x2 / width, y2 / height)
        found.append(ListedObject(CLASSES.index(item["category"]), box, size, 1.0, n))
    return found


def val_samples(root: Path, split: str = "val", seed: int = 0) -> list[dict[str, Any]]:
    """Samples with ``boxes`` in pixels and a ``kind``: single targets, sets, relations, and no-target questions.

    Only classes that are exhaustively labelled in an image are asked about, and only their absence counts as absence.
    """
    rng = np.random.default_rng(seed)
    bank = QuestionBank("val")
    samples: list[dict[str, Any]] = []
    with (root / f"{split}.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    for number, row in enumerate(rows):
        exhaustive = [CLASSES.index(c) for c in row["exhaustive_for"] or [] if c in CLASSES]
        objects = labelled_listing_objects(row)
        listing = make_listing(objects, max_objects=10_000)
        asked: list[tuple[str, Question]] = []
        for group in listing.groups:
            kind = "single" if group.count == 1 else "set"
            asked.append((f"{kind}_implicit", _plural_question(bank, listing, group.class_index, rng)))
            asked.append((f"{kind}_direct", bank.ask_direct(listing, group.class_index, rng)))
            if group.count > 1:
                relation = _clear_relation(bank, listing, group, rng)
                if relation is not None:
                    asked.append(("relation", relation))
        missing = [k for k in exhaustive if listing.group_of(k) is None]
        if missing:
            index = int(rng.choice(missing))
            asked.append(("absent", bank.ask_implicit(listing, index, rng)))
            asked.append(("absent", bank.ask_direct(listing, int(rng.choice(missing)), rng)))
        if number % 3 == 0:
            asked.append(("absent", bank.ask_absent_thing(rng)))
        for kind, question in asked:
            boxes = [row["objects"][listing.objects[k].source]["bbox"] for k in question.targets]
            samples.append(
                {
                    "id": f"{split}-{number}-{len(samples)}",
                    "image": row["image"], "query": question.text, "boxes": boxes,
                    "task": "locate", "split": split, "source": row["set"], "kind": kind,
                    "category": None if question.class_index is None else CLASSES[question.class_index],
                    "attributes": {"asked": question.kind, "style": question.style},
                }
            )  # fmt: skip
    return samples


def clear_relations(listing: Listing, group: Group) -> dict[str, int]:
    """Relations in which one object of a group of two or more leads the next by a margin, and its place there."""
    members = [listing.objects[k] for k in group.numbers]
    boxes, areas = [o.box_01 for o in members], [o.size_01 for o in members]
    return {kind: place for kind in PICKED if (place := pick(kind, boxes, areas, (1, 1))) is not None}


def _clear_relation(bank: QuestionBank, listing: Listing, group: Group, rng: np.random.Generator) -> Question | None:
    """A question for the largest, northernmost, … where it leads the next by a margin: no coin tosses as truth."""
    clear = clear_relations(listing, group)
    for _ in range(200 if clear else 0):
        question = bank.ask_relation(listing, group, rng)
        kind = question.kind.removeprefix("relation_") if question else ""
        if question and kind in clear and question.targets == (group.first + clear[kind],):
            return question
    return None


def _plural_question(bank: QuestionBank, listing: Listing, class_index: int, rng: np.random.Generator) -> Question:
    """An implicit question that asks for all of them."""
    while True:
        question = bank.ask_implicit(listing, class_index, rng)
        if question.kind == "implicit":
            return question
