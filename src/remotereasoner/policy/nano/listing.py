"""What the language tower is told of a perception: objects by class, numbered, and which of a class is what.

The listing is the visual part of the prompt, in words: ``2 ships <|obj_0|>-<|obj_1|>: largest ship <|obj_0|> …``.
Every answer is then a copy of references that stand behind the words that the reasoning has arrived at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remotereasoner.policy.nano.proposals import Perception
from remotereasoner.policy.nano.vocabulary import CLASSES, PLURALS, SINGULARS
from remotereasoner.types import FloatArray, SizeHw

__all__ = ["RELATIONS", "RELATION_WORDS", "Group", "ListedObject", "Listing", "list_objects", "make_listing"]

RELATION_WORDS: dict[str, str] = {
    "largest": "largest",
    "smallest": "smallest",
    "northernmost": "north",
    "southernmost": "south",
    "westernmost": "west",
    "easternmost": "east",
    "nearest_center": "center",
    "top_left": "northwest",
    "top_right": "northeast",
    "bottom_left": "southwest",
    "bottom_right": "southeast",
    "most_isolated": "isolated",
    "nearest_water": "shore",
}
"""Relation -> the word that stands before its object in the listing; up is called north, as in the questions."""
RELATIONS: tuple[str, ...] = tuple(RELATION_WORDS)
_WATER = CLASSES.index("water")


@dataclass(frozen=True)
class ListedObject:
    """One object before it is numbered: class, box in shares of the image (x1, y1, x2, y2 in [0, 1]), size, score."""

    class_index: int
    box_01: tuple[float, float, float, float]
    size_01: float
    """Area as a share of the image."""
    score: float
    source: int
    """Index into the list that it came from."""


@dataclass(frozen=True)
class Group:
    """All listed objects of one class: numbers ``first`` … ``last``, largest first."""

    class_index: int
    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    @property
    def numbers(self) -> range:
        """Numbers of its objects."""
        return range(self.first, self.last + 1)

    @property
    def words(self) -> str:
        """``3 ships``, ``1 harbor``."""
        name = CLASSES[self.class_index]
        return f"{self.count} {SINGULARS[name] if self.count == 1 else PLURALS[name]}"


@dataclass(frozen=True, eq=False)
class Listing:
    """Numbered objects with what each is among its class."""

    groups: tuple[Group, ...]
    objects: tuple[ListedObject, ...]
    """In the order of their numbers."""
    relations: FloatArray
    """(N, len(RELATIONS)) of 0 and 1: what the object is among those of its class."""

    def named(self, group: Group) -> list[tuple[str, int]]:
        """(word, number) of every relation within a group of two or more: ``("largest", 3)``."""
        if group.count == 1:
            return []
        found = []
        for column, relation in enumerate(RELATIONS):
            holds = np.flatnonzero(self.relations[group.first : group.last + 1, column])
            found += [(RELATION_WORDS[relation], group.first + int(k)) for k in holds]
        return found

    def group_of(self, class_index: int) -> Group | None:
        """The group of a class, None where nothing of it is listed."""
        return next((g for g in self.groups if g.class_index == class_index), None)


def _relations(boxes: FloatArray, sizes: FloatArray, water: FloatArray) -> FloatArray:
    """Who is what within one class. ``boxes`` (n, 4) in shares of the image, ``water`` (m, 4) likewise."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    flags = np.zeros((len(boxes), len(RELATIONS)))
    corners = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    keys = [sizes, -sizes, -centres[:, 1], centres[:, 1], -centres[:, 0], centres[:, 0]]
    keys.append(-np.linalg.norm(centres - 0.5, axis=1))
    keys += [-np.linalg.norm(centres - np.array(c), axis=1) for c in corners]
    if len(boxes) > 1:
        gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
        np.fill_diagonal(gaps, np.inf)
        keys.append(gaps.min(1))
    else:
        keys.append(np.zeros(1))
    for column, key in enumerate(keys):
        flags[int(np.argmax(key)), column] = 1.0
    if len(water):
        lt = np.maximum(boxes[:, None, :2] - water[None, :, 2:], 0)
        rb = np.maximum(water[None, :, :2] - boxes[:, None, 2:], 0)
        gap = np.linalg.norm(np.maximum(lt, rb), axis=2).min(1)
        flags[int(np.argmin(gap)), RELATIONS.index("nearest_water")] = 1.0
    return flags


def make_listing(objects: list[ListedObject], max_objects: int = 64) -> Listing:
    """Number the objects: by class, largest first within a class. The least certain ones beyond ``max_objects`` go."""
    if len(objects) > max_objects:
        objects = sorted(objects, key=lambda o: -o.score)[:max_objects]
    ordered = sorted(objects, key=lambda o: (o.class_index, -o.size_01, o.source))
    groups: list[Group] = []
    for k, item in enumerate(ordered):
        if groups and groups[-1].class_index == item.class_index:
            groups[-1] = Group(item.class_index, groups[-1].first, k)
        else:
            groups.append(Group(item.class_index, k, k))
    boxes = np.array([o.box_01 for o in ordered]).reshape(-1, 4)
    sizes = np.array([o.size_01 for o in ordered])
    relations = np.zeros((len(ordered), len(RELATIONS)))
    water = boxes[[o.class_index == _WATER for o in ordered]] if ordered else boxes
    for group in groups:
        rows = slice(group.first, group.last + 1)
        around = water if group.class_index != _WATER else water[:0]
        relations[rows] = _relations(boxes[rows], sizes[rows], around)
    return Listing(tuple(groups), tuple(ordered), relations)


def list_objects(perception: Perception, image_hw: SizeHw, max_objects: int = 64) -> Listing:
    """The listing of what the tower saw; ``source`` of each object is its index in ``perception.proposals``."""
    height, width = image_hw
    return make_listing(
        [
            ListedObject(
                p.class_index,
                (p.box_xyxy[0] / width, p.box_xyxy[1] / height, p.box_xyxy[2] / width, p.box_xyxy[3] / height),
                p.size_px2 / (height * width),
                p.score,
                index,
            )
            for index, p in enumerate(perception.proposals)
        ],
        max_objects,
    )
