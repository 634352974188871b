"""Questions about a drawn scene, as samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remotereasoner.data.samples import Sample
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.labels import SET_NAME
from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.question_texts import question_texts
from remotereasoner.data.synth.relations import Relation
from remotereasoner.data.synth.scene import DrawnScene
from remotereasoner.data.synth.trace import rings_of
from remotereasoner.data.synth.vocabulary import AREA_CLASSES

__all__ = ["samples_of"]

_MOST_BOXES = 40
_ALIKE: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "tennis_court basketball_court soccer_field ground_track_field baseball_diamond",
        "bridge overpass road roundabout runway parking_lot",
        "tree vegetation center_pivot soccer_field",
        "harbor ship water swimming_pool dam",
        "land mine road",
        "vehicle parking_lot roundabout road",
        "building solar_panel",
        "runway airplane",
        "wind_turbine solar_panel dam",
    )
)
"""What the same implicit question may mean: none of them is asked for as absent where another one is there."""


class _Asker:
    def __init__(self, options: WorldOptions, scene: DrawnScene, image: str, dice: Dice) -> None:
        self.options, self.scene, self.image, self.dice = options, scene, image, dice
        self.texts = question_texts(options.split)
        self.samples: list[Sample] = []
        self.groups: dict[str, list[int]] = {}
        for index, item in enumerate(scene.objects):
            self.groups.setdefault(item.category, []).append(index)

    def add(self, kind: str, query: str, think: str, targets: Sequence[int], category: str | None, **more: Any) -> None:
        objects = [self.scene.objects[k] for k in targets]
        polygons = None
        if self.options.sample_polygons and more.get("task", "locate") == "locate":
            polygons = tuple(
                tuple(tuple(zip(r[::2], r[1::2], strict=True)) for r in rings_of(o.mask, o.x, o.y)) for o in objects
            )
        attributes = {"gsd_m": self.scene.gsd_m, "scene": self.scene.family, "reasoning": think}
        self.samples.append(
            Sample(
                id=f"synth-{self.options.seed}-{self.scene.number}-{len(self.samples)}",
                image=self.image, query=query, boxes=tuple(o.box for o in objects), polygons=polygons,
                category=category, split=self.options.split, source=SET_NAME, kind=kind, attributes=attributes, **more,
            )
        )  # fmt: skip

    def present(self, category: str, relations: Sequence[Relation]) -> None:
        members = self.groups[category]
        query, think = self.texts.direct(self.dice, category)
        self.add("direct", query, f"{think} {_seen(len(members))}", members, category)
        query, think, number = self.texts.implicit(self.dice, category)
        if number == "one" and len(members) > 1:
            largest = [r for r in relations if r.kind == "largest" and r.category == category]
            if largest:
                reasoning = f"{think} {_seen(len(members))} The largest serves best."
                self.add("implicit_one", query, reasoning, largest[0].objects, category)
                return
            query, think, _ = self.texts.implicit(self.dice, category, number="many")
        self.add("implicit", query, f"{think} {_seen(len(members))}", members, category)

    def relation(self, relation: Relation) -> None:
        text = self.texts.relation(self.dice, relation.kind, relation.category, relation.of)
        if text is not None:
            self.add(f"relation_{relation.kind}", *text, relation.objects, relation.category)

    def absent(self, category: str) -> None:
        if self.dice.chance(0.5) and not any(category in group and group & set(self.groups) for group in _ALIKE):
            query, think, _ = self.texts.implicit(self.dice, category)
        else:
            query, think = self.texts.direct(self.dice, category)
        self.add("absent", query, f"{think} {_seen(0)}", (), category)

    def answer(self, category: str) -> None:
        count = len(self.groups.get(category, ()))
        kind = "count" if 0 < count <= 12 and category not in AREA_CLASSES and self.dice.chance(0.6) else "presence"
        query, think = self.texts.vqa(self.dice, category, kind)
        answer = str(count) if kind == "count" else ("yes" if count else "no")
        self.add(kind, query, f"{think} {_seen(count)}", (), category, task="vqa", answers=(answer,))


def _seen(count: int) -> str:
    if not count:
        return "None is visible."
    return "There is one." if count == 1 else f"There are {count}."


def samples_of(
    options: WorldOptions, scene: DrawnScene, image: str, relations: Sequence[Relation], dice: Dice
) -> list[Sample]:
    """Up to three categories asked for directly and by what they are for, relations, what is absent, and a count.

    Only classes of which the scene's labels are exhaustive are asked about. Boxes are in pixels of the scene.
    """
    asker = _Asker(options, scene, image, dice)
    exhaustive = set(scene.exhaustive_for)
    present = [c for c, m in asker.groups.items() if c in exhaustive and len(m) <= _MOST_BOXES]
    things_first = sorted(dice.shuffled(present), key=lambda c: c in AREA_CLASSES)
    for category in things_first[:3]:
        asker.present(category, relations)
    usable = [r for r in relations if r.category in exhaustive and (r.of is None or r.of in exhaustive)]
    placed = [r for r in usable if r.of is not None]
    chosen = dice.shuffled([r for r in usable if r.of is None])[: 1 if placed else 2]
    for relation in [*chosen, *dice.shuffled(placed)[:1]]:
        asker.relation(relation)
    absent = [c for c in scene.exhaustive_for if c not in asker.groups]
    if absent:
        asker.absent(dice.pick(absent))
    if dice.chance(0.25):
        asker.add("absent", *dice.pick([asker.texts.absent_thing(dice)]), (), None)
    if present:
        asker.answer(dice.pick(present))
    if absent and dice.chance(0.3):
        asker.answer(dice.pick(absent))
    return asker.samples
