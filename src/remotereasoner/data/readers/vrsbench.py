"""VRSBench: referring sentences, questions and captions, in one JSON file an image.

::

    ROOT/Annotations_{train,val}/<id>.json    {image?, caption, qa_pairs: [{question, type, answer}],
                                               objects: [{obj_cls, obj_coord, referring_sentence, …}]}
    ROOT/Images_{train,val}/<id>.png

``obj_coord`` is [x1, y1, x2, y2] from 0 to 1 of the image's width and height.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, chosen_splits, tracked
from remotereasoner.data.readers.files import below, finite, listing, read_json, stem_below, words
from remotereasoner.data.readers.rasters import image_size
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["CAPTION_REQUEST", "read_caption", "read_grounding", "read_vqa"]

CAPTION_REQUEST = "Describe this image in detail."
_LICENCE = "CC-BY-4.0 for the text; images of DOTA (academic use) and DIOR (CC BY-NC 4.0)"
_SLACK = 0.02  # coordinates are rounded; boxes that reach further out than this are wrong

_Part = Callable[[Path, str, str, str, dict[str, Any]], Iterator[Found]]


def read_grounding(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample an object that has a referring sentence."""
    return _read(root, options, _grounding)


def read_vqa(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample a question."""
    return _read(root, options, _vqa)


def read_caption(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample an image."""
    return _read(root, options, _caption)


def _read(root: Path, options: ReadOptions, part: _Part) -> Iterator[Found]:
    there = [split for split in ("train", "val", "test") if (root / f"Annotations_{split}").is_dir()]
    if not there:
        raise InputError(f"{root} does not hold VRSBench: neither Annotations_train nor Annotations_val is there")
    records = [
        (split, name)
        for split in chosen_splits(options.splits, there, "VRSBench")
        for name in listing(root / f"Annotations_{split}", (".json",))
    ]
    for split, name in tracked(records, options):
        file = f"Annotations_{split}/{name}"
        try:
            document = read_json(root / file)
            stem = name.removesuffix(".json")
            folder = f"Images_{split}"
            named = document.get("image")
            image = (
                stem_below(root, folder, stem) if named is None else f"{folder}/{below(root / folder, named, 'image')}"
            )
            for found in part(root, split, stem, image, document):
                yield BadRecord(file, None, found.reason) if isinstance(found, BadRecord) else found
        except FieldError as error:
            yield BadRecord(file, None, str(error))


def _sample(split: str, key: str, image: str, **fields: Any) -> Item:
    return Item(
        Sample(id=f"vrsbench/{split}/{key}", image=image, split=split, source="vrsbench", licence=_LICENCE, **fields)
    )


def _grounding(root: Path, split: str, stem: str, image: str, document: dict[str, Any]) -> Iterator[Found]:
    objects = document.get("objects") or []
    if not isinstance(objects, list):
        raise FieldError(f"objects must be a list, not {shown(objects)}")
    size_hw = image_size(root / image)
    for place, thing in enumerate(objects):
        where = f"objects[{place}]"
        if not isinstance(thing, dict):
            yield BadRecord("", None, f"{where} must be an object, not {shown(thing)}")
            continue
        sentence = thing.get("referring_sentence")
        if sentence is None or sentence == "":
            continue  # not every object has one
        try:
            box = _scaled(thing.get("obj_coord"), size_hw, where)
            query = words(sentence, f"{where}.referring_sentence")
        except FieldError as error:
            yield BadRecord("", None, str(error))
            continue
        category = thing.get("obj_cls")
        attributes = {"is_unique": thing["is_unique"]} if isinstance(thing.get("is_unique"), bool) else {}
        yield _sample(
            split, f"{stem}/ref/{place}", image, query=query, boxes=(box,), kind="referring", attributes=attributes,
            category=category if isinstance(category, str) else None,
        )  # fmt: skip


def _scaled(coordinates: object, size_hw: SizeHw, where: str) -> BoxXyxy:
    """0–1 to pixels, cut off at the image's edge."""
    if not isinstance(coordinates, list) or len(coordinates) != 4:
        raise FieldError(f"{where}.obj_coord must be four numbers, not {shown(coordinates)}")
    numbers = [finite(value, f"{where}.obj_coord") for value in coordinates]
    for value in numbers:
        if not -_SLACK <= value <= 1 + _SLACK:
            raise FieldError(f"{where}.obj_coord must lie within 0 and 1, not {shown(coordinates)}")
    height, width = size_hw
    x1, y1, x2, y2 = (min(1.0, max(0.0, value)) for value in numbers)
    if not (x1 < x2 and y1 < y2):
        raise FieldError(f"{where}.obj_coord must have x1 < x2 and y1 < y2, not {shown(coordinates)}")
    return x1 * width, y1 * height, x2 * width, y2 * height


def _vqa(root: Path, split: str, stem: str, image: str, document: dict[str, Any]) -> Iterator[Found]:
    del root
    pairs = document.get("qa_pairs") or []
    if not isinstance(pairs, list):
        raise FieldError(f"qa_pairs must be a list, not {shown(pairs)}")
    for place, pair in enumerate(pairs):
        where = f"qa_pairs[{place}]"
        try:
            if not isinstance(pair, dict):
                raise FieldError(f"{where} must be an object, not {shown(pair)}")
            query = words(pair.get("question"), f"{where}.question")
            answer = pair.get("answer")
            answer = words(str(answer) if isinstance(answer, int | float) else answer, f"{where}.answer")
        except FieldError as error:
            yield BadRecord("", None, str(error))
            continue
        kind = pair.get("type")
        yield _sample(
            split, f"{stem}/qa/{place}", image, query=query, boxes=(), task="vqa", answers=(answer,),
            kind=kind if isinstance(kind, str) else None,
        )  # fmt: skip


def _caption(root: Path, split: str, stem: str, image: str, document: dict[str, Any]) -> Iterator[Found]:
    del root
    caption = words(document.get("caption"), "caption")
    yield _sample(
        split, f"{stem}/caption", image, query=CAPTION_REQUEST, boxes=(), task="caption", answers=(caption,),
        kind="caption",
    )  # fmt: skip
