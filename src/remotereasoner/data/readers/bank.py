"""Questions about labelled images, in the words of the question bank: what is asked, and which objects answer it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from remotereasoner.data.sentences import Split, capital, sentences
from remotereasoner.policy.nano.vocabulary import PLURALS, SINGULARS
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["RELATIONS", "Asked", "Bank", "bank", "pick"]

RELATIONS = ("largest", "smallest", "northernmost", "southernmost", "westernmost", "easternmost", "nearest_center")
_MIN_LEAD = 0.08
"""A relation is asked only where the first object leads the second by this share: no coin tosses."""


class Asked(NamedTuple):
    """A question, and how one gets from it to the category; the reasoning says nothing about the image."""

    query: str
    reasoning: str


class Bank:
    """One half of the bank: the sentences for training, or those kept apart for validation."""

    def __init__(self, half: Split) -> None:
        self.half = half
        self._sentences = sentences(half)

    def knows(self, category: str) -> bool:
        return category in SINGULARS

    def direct(self, category: str, draw: random.Random) -> Asked:
        """A question that names the category."""
        query = _filled(draw.choice(self._sentences.direct.questions), category)
        return Asked(query, _named(draw.choice(self._sentences.direct.reasoning), category))

    def implicit(self, category: str, draw: random.Random) -> Asked | None:
        """A question that names a use or property of all objects of a category, never its name."""
        items = [item for item in self._sentences.implicit(category) if item.get("number") != "one"]
        if not items:
            return None
        item = draw.choice(items)
        return Asked(item["q"], item["think"])

    def relation(self, kind: str, category: str, draw: random.Random) -> Asked | None:
        templates = self._sentences.relations.get(kind)
        if templates is None:
            return None
        query = _filled(draw.choice(templates.questions), category)
        return Asked(query, f"The question is about one of the {PLURALS[category]}.")

    def counting(self, category: str, draw: random.Random) -> tuple[Asked, str] | None:
        """A question for words and its kind, ``count`` or ``presence``."""
        pool = self._sentences.in_words(category)
        if not pool:
            return None
        item = draw.choice(pool)
        kind = "count" if item["kind"] == "count" else "presence"
        think = draw.choice(self._sentences.reasoning_in_words[item["kind"]])
        return Asked(item["q"], _named(think, category)), kind


@cache
def bank(half: Split) -> Bank:
    """The half of the bank, read once."""
    return Bank(half)


def _named(template: str, category: str) -> str:
    return template.format(singular=SINGULARS[category], plural=PLURALS[category])


def _filled(template: str, category: str) -> str:
    return capital(_named(template, category))


def pick(kind: str, boxes: Sequence[BoxXyxy], areas: Sequence[float], size_hw: SizeHw) -> int | None:
    """The object that is the largest, northernmost, …; None where it hardly differs from the next one."""
    height, width = size_hw
    centres = [((x1 + x2) / 2 / width, (y1 + y2) / 2 / height) for x1, y1, x2, y2 in boxes]
    if kind in ("largest", "smallest"):
        order = sorted(range(len(boxes)), key=lambda k: areas[k], reverse=kind == "largest")
        small, large = sorted(areas[k] for k in order[:2])
        return order[0] if small * (1 + _MIN_LEAD) < large else None
    values = [_distance(kind, x, y) for x, y in centres]
    order = sorted(range(len(boxes)), key=lambda k: values[k])
    first, second = (values[k] for k in order[:2])
    return order[0] if second - first > _MIN_LEAD / 2 else None


def _distance(kind: str, x: float, y: float) -> float:
    """How far a centre, in shares of the image's width and height, is from where ``kind`` says."""
    ways = {"northernmost": y, "southernmost": 1 - y, "westernmost": x, "easternmost": 1 - x}
    return ways[kind] if kind in ways else math.hypot(x - 0.5, y - 0.5)
