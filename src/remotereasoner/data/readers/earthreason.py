"""EarthReason (SegEarth-R1): implicit questions with semantic masks, no instances and no boxes.

::

    ROOT/{train,val,test}/images/<name>.{jpg,jpeg,png}
    ROOT/{train,val,test}/labels/<id>.png     above 0: target; none: nothing answers the question
    ROOT/{train,val,test}/QAs/<id>.json       {"questions": [about 6], "answer": [about 3]}

The authors' id is the image's name up to its *first* dot. A file named after the whole stem is preferred where there is
one, and where several images come down to the same id, none of them is guessed at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from remotereasoner.data.boxes_from_masks import boxes_of_mask
from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, choose, chosen_splits, tracked
from remotereasoner.data.readers.files import listing, read_json, words
from remotereasoner.data.readers.rasters import fit_mask, image_size, read_mask
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError

__all__ = ["read"]

_LICENCE = "Apache-2.0 by its card; images under the terms of Million-AID and fMoW"


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample a question, of the questions that the policy takes (default: the first, as SegEarth evaluates)."""
    there = [split for split in ("train", "val", "test") if (root / split / "images").is_dir()]
    if not there:
        raise InputError(f"{root} does not hold EarthReason: none of train/images, val/images and test/images is there")
    records = []
    for split in chosen_splits(options.splits, there, "EarthReason"):
        names = listing(root / split / "images")
        shorts = Counter(name.split(".")[0] for name in names)
        records += [(split, name, shorts[name.split(".")[0]] > 1) for name in names]
    for split, name, is_ambiguous in tracked(records, options):
        try:
            yield from _image(root, split, name, is_ambiguous, options)
        except FieldError as error:
            yield BadRecord(f"{split}/images/{name}", None, str(error))


def _companion(root: Path, folder: str, name: str, ending: str, *, is_ambiguous: bool) -> str:
    """The label or question file of an image, relative to the root."""
    stem = name.rsplit(".", 1)[0]
    whole, short = f"{folder}/{stem}{ending}", f"{folder}/{name.split('.')[0]}{ending}"
    if (root / whole).is_file():
        return whole
    if is_ambiguous and (root / short).is_file():
        raise FieldError(f"several images come down to {shown(short)} at their first dot: which one is it of?")
    if not (root / short).is_file():
        either = shown(short) if whole == short else f"{shown(whole)} or {shown(short)}"
        raise FieldError(f"there is no {either}")
    return short


def _image(root: Path, split: str, name: str, is_ambiguous: bool, options: ReadOptions) -> Iterator[Found]:
    image = f"{split}/images/{name}"
    label = _companion(root, f"{split}/labels", name, ".png", is_ambiguous=is_ambiguous)
    sheet = _companion(root, f"{split}/QAs", name, ".json", is_ambiguous=is_ambiguous)
    size_hw = image_size(root / image)
    stored = read_mask(root / label)
    mask = fit_mask(stored, size_hw, label)
    document = read_json(root / sheet)
    questions = document.get("questions")
    if not isinstance(questions, list) or not questions:
        raise FieldError(f"{shown(sheet)} has no questions")
    boxes = boxes_of_mask(mask, options.box_rule)
    given = document.get("answer")
    answers = [text for text in given if isinstance(text, str)] if isinstance(given, list) else []
    attributes: dict[str, Any] = {
        "box_rule": options.box_rule.record(),
        "question_policy": options.questions or "first",
    }
    if answers:
        attributes["reference_answers"] = answers
    if stored.shape != size_hw:
        attributes["mask_stored_hw"] = list(stored.shape)
    stem = name.rsplit(".", 1)[0]
    for index, question in choose(questions, options.questions or "first", options.seed, image):
        try:
            query = words(question, f"questions[{index}]")
        except FieldError as error:
            yield BadRecord(sheet, None, str(error))
            continue
        sample = Sample(
            id=f"earthreason/{split}/{stem}/{index}",
            image=image,
            query=query,
            boxes=boxes,
            split=split,
            source="earthreason",
            licence=_LICENCE,
            kind="implicit" if boxes else "implicit_absent",
            attributes=attributes | {"question_index": index},
        )
        yield Item(sample, mask, f"{split}/{stem}")
