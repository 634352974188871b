"""Whether the answer's items have the fields that other systems ask for: :class:`ItemFormat`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from remotereasoner.policy.parsing.limits import UnreadableError
from remotereasoner.policy.parsing.literals import Table, Value, scan_literals
from remotereasoner.rewards.base import TextReward

__all__ = ["ItemFormat", "items_of"]

ItemRule = Literal["think2seg", "visionreasoner", "seg-zero", "vlm-r1", "grasp"]

_FOUR = re.compile(r"\{[^{}]*\[\s*\d+\s*,\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\][^{}]*\}")
_MAX_CHARS = 200_000


@dataclass(frozen=True)
class ItemFormat(TextReward):
    """How well the JSON in the answer block has the fields of ``rule``, in [0, 1].

    - ``think2seg``: 1 where a ``json`` code block holds a list of objects, each with ``bbox_2d`` of four numbers and
      exactly two ``positive_points``, none with ``negative_points``; ``[]`` is right; else 0.
    - ``visionreasoner``: mean over the items of half a point for ``bbox_2d`` of four and half for ``point_2d`` of two
      numbers; 0 without items.
    - ``seg-zero``: 1 where the first object has a key with "bbox" of four and two keys with "point" of two numbers.
    - ``vlm-r1``: 1 where the answer holds ``{ … [a, b, c, d] … }`` with whole numbers.
    - ``grasp``: the share of items with a box and exactly two positive points; ``[]`` is right.
    """

    name: str = "item_format"
    rule: ItemRule = "visionreasoner"

    def judge_text(self, text: str) -> float:
        block = _between(text[:_MAX_CHARS], "<answer>", "</answer>")
        if block is None:
            return 0.0
        if self.rule == "vlm-r1":
            return float(_FOUR.search(block) is not None)
        if self.rule == "think2seg":
            fenced = _between(block, "```json", "```")
            items = None if fenced is None else items_of(fenced)
            return float(items is not None and all(map(_is_think2seg, items)))
        items = items_of(block)
        if items is None:
            return 0.0
        if self.rule == "grasp":
            return sum(map(_is_grasp, items)) / len(items) if items else 1.0
        if not items:
            return 0.0
        if self.rule == "seg-zero":
            return float(_is_seg_zero(items[0]))
        return sum(_has(item, "bbox_2d", 4) + _has(item, "point_2d", 2) for item in items) / (2 * len(items))


def _between(text: str, opening: str, closing: str) -> str | None:
    """What stands between the first ``opening`` and the first ``closing`` after it."""
    start = text.find(opening)
    end = text.find(closing, start + len(opening)) if start >= 0 else -1
    return text[start + len(opening) : end] if end >= 0 else None


@lru_cache(maxsize=4_096)
def items_of(text: str) -> tuple[Mapping[str, Value], ...] | None:
    """The objects of the one list, or the one object, in ``text``; None where there is none or something else in it."""
    try:
        values = scan_literals(text, max_depth=8).values
    except UnreadableError:
        return None
    if len(values) != 1:
        return None
    listed = values[0] if isinstance(values[0], list) else [values[0]]
    items = []
    for item in listed:
        if not isinstance(item, Table):
            return None
        items.append(dict(item.pairs))
    return tuple(items)


def _has(item: Mapping[str, Value], key: str, count: int) -> bool:
    return _is_numbers(item.get(key), count)


def _is_numbers(value: Value, count: int) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) == count and all(isinstance(number, float) for number in value)
    )


def _is_think2seg(item: Mapping[str, Value]) -> bool:
    return _is_grasp(item) and item.get("negative_points") is None


def _is_grasp(item: Mapping[str, Value]) -> bool:
    points = item.get("positive_points")
    pair = isinstance(points, list | tuple) and len(points) == 2 and all(_is_numbers(point, 2) for point in points)
    return pair and _has(item, "bbox_2d", 4)


def _is_seg_zero(item: Mapping[str, Value]) -> bool:
    boxes = [key for key, value in item.items() if "bbox" in key and _is_numbers(value, 4)]
    points = [key for key, value in item.items() if "point" in key and _is_numbers(value, 2)]
    return len(boxes) >= 1 and len(points) >= 2
