"""Our labelled images: what is where in an image, one JSON line an image, asked about with the question bank.

::

    ROOT/{train,val,test}.jsonl, or ROOT/labels.jsonl
    {"image", "width", "height", "gsd_m", "exhaustive_for": [categories] or null, "set", "licence_tier", …,
     "objects": [{"category", "bbox": [x1, y1, x2, y2], "polygon"?: [[x, y, x, y, …], …]}]}

Only categories of ``exhaustive_for`` are asked about: of the others unlabelled objects may be in the image, so that
neither "all of them" nor "none" has a known answer. Of those that are absent from an image, no more are asked about
than are present, one at least. Sentences of the bank's half "val" speak for the split val, those of "train" for all
others. ``attributes.reasoning`` says how the question leads to the category, for supervision.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from shapely import Polygon

from remotereasoner.data.fields import FieldError, boxes_of, json_record, shown
from remotereasoner.data.mask_outlines import Rings
from remotereasoner.data.readers.bank import RELATIONS, Asked, Bank, bank, pick
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, chosen_splits, dice, tracked
from remotereasoner.data.readers.coco_masks import rings_of
from remotereasoner.data.readers.files import below, entry
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["read"]

_MAX_LINE_BYTES = 4 << 20
_NAMES = ("train", "val", "test", "labels")


@dataclass(frozen=True)
class _Object:
    category: str
    box: BoxXyxy
    rings: Rings | None
    area: float


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """Per image and exhaustively labelled category: all by name, all by use, one by relation, how many, or none."""
    there = [name for name in _NAMES if (root / f"{name}.jsonl").is_file()]
    if not there:
        raise InputError(f"{root} does not hold labelled images: looked for {', '.join(f'{n}.jsonl' for n in _NAMES)}")
    for split in chosen_splits(options.splits, there, "the folder"):
        with (root / f"{split}.jsonl").open("rb") as file:
            yield from _split(root, split, file, options)


def _split(root: Path, split: str, file: BinaryIO, options: ReadOptions) -> Iterator[Found]:
    lines = sum(1 for _ in _bounded(file))
    file.seek(0)
    half: Literal["train", "val"] = "val" if split == "val" else options.sentences
    for line, raw in zip(tracked(range(1, lines + 1), options), _bounded(file), strict=True):
        try:
            if raw.strip():
                yield from _image(root, split, line, json_record(raw.decode("utf-8")), bank(half), options)
        except UnicodeDecodeError:
            yield BadRecord(f"{split}.jsonl", line, "not UTF-8")
        except FieldError as error:
            yield BadRecord(f"{split}.jsonl", line, str(error))


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of one that is too long the beginning, which is then no JSON."""
    while raw := file.readline(_MAX_LINE_BYTES):
        yield raw
        while not raw.endswith(b"\n") and (raw := file.readline(_MAX_LINE_BYTES)):
            pass


def _image(
    root: Path, split: str, line: int, record: Mapping[str, Any], words: Bank, options: ReadOptions
) -> Iterator[Found]:
    image = below(root, record.get("image"), "image")
    where = "the image"
    size_hw = (entry(record, "height", int, where), entry(record, "width", int, where))
    if min(size_hw) < 1:
        raise FieldError(f"the image has a size of {size_hw[1]} x {size_hw[0]}")
    objects = [_object(item, f"objects[{k}]") for k, item in enumerate(entry(record, "objects", list, where))]
    exhaustive = record.get("exhaustive_for") or []
    if not isinstance(exhaustive, list) or not all(isinstance(name, str) for name in exhaustive):
        raise FieldError(f"exhaustive_for must be a list of categories or null, not {shown(exhaustive)}")
    about = _About(image, split, f"labelled/{split}/{line}", record, size_hw)
    draw = dice(options.seed, f"{split}/{image}")
    known = [category for category in dict.fromkeys(exhaustive) if words.knows(category)]
    there = {one.category for one in objects}
    absent = [category for category in known if category not in there]
    # As many as there are present ones: of ten labelled categories seven or eight are absent from most images.
    absent = draw.sample(absent, min(len(absent), max(1, len(known) - len(absent))))
    for category in known:
        if category in there or category in absent:
            yield from about.asked(category, [one for one in objects if one.category == category], words, draw)


def _object(item: Any, where: str) -> _Object:
    category = entry(item, "category", str, where)
    try:
        box = boxes_of({"boxes": [item.get("bbox")]}, "locate")[0]
    except FieldError as error:
        raise FieldError(f"{where}: {str(error).replace('boxes[0]', 'bbox')}") from None
    rings = rings_of(item.get("polygon"), f"{where}.polygon") if item.get("polygon") else None
    area = (box[2] - box[0]) * (box[3] - box[1]) if rings is None else sum(Polygon(ring).area for ring in rings)
    return _Object(category, box, rings, area)


@dataclass(frozen=True)
class _About:
    """One image's part of its samples."""

    image: str
    split: str
    prefix: str
    record: Mapping[str, Any]
    size_hw: SizeHw

    def asked(self, category: str, objects: list[_Object], words: Bank, draw: random.Random) -> Iterator[Item]:
        suffix = "" if objects else "_absent"
        yield self._locate(f"direct{suffix}", category, words.direct(category, draw), objects)
        implicit = words.implicit(category, draw)
        if implicit is not None:
            yield self._locate(f"implicit{suffix}", category, implicit, objects)
        if len(objects) > 1:
            yield from self._related(category, objects, words, draw)
        counting = words.counting(category, draw)
        if counting is not None:
            asked, kind = counting
            answer = str(len(objects)) if kind == "count" else ("yes" if objects else "no")
            yield self._item(kind, category, asked, task="vqa", answers=(answer,), boxes=())

    def _related(self, category: str, objects: list[_Object], words: Bank, draw: random.Random) -> Iterator[Item]:
        """One relation, the first of a drawn order that is clear in this image."""
        boxes, areas = [one.box for one in objects], [one.area for one in objects]
        for kind in draw.sample(RELATIONS, len(RELATIONS)):
            chosen, asked = pick(kind, boxes, areas, self.size_hw), words.relation(kind, category, draw)
            if chosen is not None and asked is not None:
                yield self._locate(f"relation_{kind}", category, asked, [objects[chosen]])
                return

    def _locate(self, kind: str, category: str, asked: Asked, objects: list[_Object]) -> Item:
        rings = [one.rings for one in objects if one.rings is not None]
        polygons = tuple(rings) if objects and len(rings) == len(objects) else None
        return self._item(kind, category, asked, boxes=tuple(one.box for one in objects), polygons=polygons)

    def _item(self, kind: str, category: str, asked: Asked, **fields: Any) -> Item:
        gsd_m = self.record.get("gsd_m")
        licence, origin = self.record.get("licence_tier"), self.record.get("set")
        return Item(
            Sample(
                id=f"{self.prefix}/{category}/{kind}",
                image=self.image,
                query=asked.query,
                category=category,
                split=None if self.split == "labels" else self.split,
                source=origin if isinstance(origin, str) else "labelled",
                licence=licence if isinstance(licence, str) else None,
                kind=kind,
                attributes={"reasoning": asked.reasoning}
                | ({"gsd_m": gsd_m} if isinstance(gsd_m, int | float) else {}),
                **fields,
            )
        )
