"""Questions of types that no training has: the second largest, all but the largest, two at once, a use and a place.

What reward and supervision are worth is compared on them (``evaluate_model --held-out``). Every type is answered from
what the listing tells of one class, so that a model that has learnt to look things up could answer it, and one that has
learnt question forms by heart could not. All objects are those of a class with three or more of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from remotereasoner.data.sentences import capital
from remotereasoner.policy.nano.listing import RELATION_WORDS, Group, Listing, make_listing
from remotereasoner.policy.nano.vocabulary import CLASSES, PLURALS, SINGULARS
from remotereasoner.training.nano.questions import QuestionBank
from remotereasoner.training.nano.val_samples import clear_relations, labelled_listing_objects

__all__ = ["HELD_OUT_TYPES", "held_out_samples", "read_held_out"]

_LEAD = 1.15
"""Ranks by size are asked only where each differs from the next by this factor: no coin tosses as truth."""
_FEWEST = 3

Read = Callable[[Listing, Group], Sequence[int]]


@dataclass(frozen=True)
class HeldOutType:
    """One type of question."""

    templates: tuple[str, ...]
    """With {singular} and {plural} of the class, or {implicit}, a sentence of the bank that asks for all of it."""
    read: Read
    """Numbers of the objects that answer it."""
    ranks: int = 0
    """How many objects, largest first, must each be clearly larger than the next."""
    relations: tuple[str, ...] = ()
    """Relations that must hold clearly for it."""


def _named(*relations: str) -> Read:
    def read(listing: Listing, group: Group) -> Sequence[int]:
        told = dict(listing.named(group))
        found = [told.get(RELATION_WORDS[relation], group.first) for relation in relations]
        return sorted(set(found))

    return read


def _ranked(start: int, stop: int | None) -> Read:
    """Numbers are given largest first."""

    def read(listing: Listing, group: Group) -> Sequence[int]:
        del listing
        return group.numbers[start:stop]

    return read


def _except(relation: str) -> Read:
    def read(listing: Listing, group: Group) -> Sequence[int]:
        left_out = _named(relation)(listing, group)
        return [number for number in group.numbers if number not in left_out]

    return read


HELD_OUT_TYPES: dict[str, HeldOutType] = {
    "second_largest": HeldOutType(
        ("Which {singular} is the second largest?", "Mark the second biggest {singular}."), _ranked(1, 2), ranks=3
    ),
    "two_largest": HeldOutType(
        ("Show the two largest {plural}.", "Which two {plural} are the biggest?"), _ranked(0, 2), ranks=3
    ),
    "all_but_largest": HeldOutType(
        ("Mark all {plural} except the largest one.", "Every {singular} but the biggest, please."),
        _ranked(1, None),
        ranks=2,
    ),
    "all_but_northernmost": HeldOutType(
        ("Show all {plural} except the northernmost.", "Every {singular} but the one farthest north."),
        _except("northernmost"),
        relations=("northernmost",),
    ),
    "both_ends": HeldOutType(
        (
            "Which {plural} lie farthest north and farthest south?",
            "Mark the northernmost and the southernmost {singular}.",
        ),
        _named("northernmost", "southernmost"),
        relations=("northernmost", "southernmost"),
    ),
    "implicit_largest": HeldOutType(
        ("{implicit} Only the largest of them.", "{implicit} Just show the biggest one."),
        _named("largest"),
        relations=("largest",),
    ),
    "implicit_northernmost": HeldOutType(
        ("{implicit} Only the northernmost of them.", "{implicit} I need just the one farthest north."),
        _named("northernmost"),
        relations=("northernmost",),
    ),
}


def read_held_out(asked: str, listing: Listing, group: Group) -> Sequence[int]:
    """Numbers of the objects that answer a question of that type about ``group``, as far as ``listing`` knows."""
    return HELD_OUT_TYPES[asked].read(listing, group)


def _has_one_answer(asked: HeldOutType, listing: Listing, group: Group) -> bool:
    sizes = [listing.objects[number].size_01 for number in group.numbers]
    ranked = all(large >= _LEAD * small for large, small in pairwise(sizes[: asked.ranks]))
    clear = clear_relations(listing, group)
    return ranked and all(relation in clear for relation in asked.relations)


def _text(asked: HeldOutType, bank: QuestionBank, class_index: int, rng: np.random.Generator) -> tuple[str, str | None]:
    name = CLASSES[class_index]
    sentences = [item for item in bank.implicit(name) if item["number"] != "one" and item.get("style") == "plain"]
    implicit = str(sentences[int(rng.integers(len(sentences)))]["q"])
    template = asked.templates[int(rng.integers(len(asked.templates)))]
    is_implicit = "{implicit}" in template
    text = template.format(singular=SINGULARS[name], plural=PLURALS[name], implicit=implicit)
    return capital(text), "plain" if is_implicit else None


def held_out_samples(root: Path, split: str = "val", seed: int = 0, *, per_group: int = 3) -> list[dict[str, Any]]:
    """Samples as those of :func:`~.val_samples.val_samples`, ``per_group`` types about each class with enough objects.

    ``kind`` is the type's name. Raises FileNotFoundError where the labels are not there.
    """
    rng = np.random.default_rng(seed)
    bank = QuestionBank("val")
    samples: list[dict[str, Any]] = []
    rows = [json.loads(line) for line in (root / f"{split}.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        listing = make_listing(labelled_listing_objects(row), max_objects=10_000)
        for group in listing.groups:
            if group.count < _FEWEST:
                continue
            fitting = [name for name, asked in HELD_OUT_TYPES.items() if _has_one_answer(asked, listing, group)]
            for name in rng.permutation(fitting)[:per_group].tolist():
                asked = HELD_OUT_TYPES[name]
                text, style = _text(asked, bank, group.class_index, rng)
                targets = asked.read(listing, group)
                samples.append(
                    {
                        "id": f"{split}-held-out-{number}-{len(samples)}",
                        "image": row["image"], "query": text, "task": "locate", "split": split, "source": row["set"],
                        "boxes": [row["objects"][listing.objects[k].source]["bbox"] for k in targets],
                        "kind": name, "category": CLASSES[group.class_index],
                        "attributes": {"asked": name, "style": style},
                    }
                )  # fmt: skip
    return samples
