"""RSVQA, low and high resolution: questions made from OpenStreetMap, answers as text.

::

    ROOT/<prefix>_split_<split>_{images,questions,answers}.json     prefix LR, or USGS (high resolution)
    ROOT/{Images_LR,Data,…}/<id>.tif

Each file holds a list in which an entry's place is its ``id``; those without ``active`` are gaps. Counts and areas stay
as the source gives them ("0", "between 10 and 100", "1234m2"): the evaluation sorts them into the authors' buckets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remotereasoner.data.fields import FieldError
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, chosen_splits, tracked
from remotereasoner.data.readers.files import entry, read_table, stem_below, words
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError

__all__ = ["read_high", "read_low"]

_TABLES = ("images", "questions", "answers")
_ENDINGS = (".tif", ".tiff", ".png", ".jpg")


def read_low(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample an active question of RSVQA-LR (Sentinel-2, 10 m)."""
    return _read(root, options, "rsvqa_lr", ("Images_LR", "Images", "Data", "images", ""), 10.0)


def read_high(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample an active question of RSVQA-HR (USGS, 15 cm); ``test_phili`` is the second test split."""
    return _read(root, options, "rsvqa_hr", ("Data", "Images_HR", "Images", "images", ""), 0.15)


def _read(root: Path, options: ReadOptions, source: str, folders: tuple[str, ...], gsd_m: float) -> Iterator[Found]:
    prefixes = {path.name.removesuffix("_images.json") for path in root.glob("*_images.json")}
    whole = [p for p in sorted(prefixes) if all((root / f"{p}_{table}.json").is_file() for table in _TABLES)]
    by_split = {prefix.rsplit("split_", 1)[-1]: prefix for prefix in whole if prefix != "all"}
    if not by_split:
        raise InputError(
            f"{root} does not hold RSVQA: no three files …_images.json, …_questions.json and …_answers.json"
        )
    folder = next((name for name in folders if (root / name).is_dir()), "")
    known = ("train", "val", "test", "test_phili")
    order: list[str] = [split for split in known if split in by_split]
    order += [split for split in sorted(by_split) if split not in order]
    for split in chosen_splits(options.splits, order, source):
        yield from _split(root, options, source, split, by_split[split], folder, gsd_m)


def _split(
    root: Path, options: ReadOptions, source: str, split: str, prefix: str, folder: str, gsd_m: float
) -> Iterator[Found]:
    images, questions, answers = (_by_id(root, f"{prefix}_{table}.json", table) for table in _TABLES)
    for identity, record in tracked(list(images.items()), options):
        file = f"{prefix}_images.json"
        try:
            image = stem_below(root, folder, str(identity), _ENDINGS)
            numbers = entry(record, "questions_ids", list, f"image {identity}")
        except FieldError as error:
            yield BadRecord(file, None, f"image {identity}: {error}")
            continue
        for number in numbers:
            try:
                found = _question(questions, answers, identity, number)
            except FieldError as error:
                yield BadRecord(f"{prefix}_questions.json", None, f"question {number!r:.20}: {error}")
                continue
            if found is None:
                continue
            query, answer, kind = found
            yield Item(
                Sample(
                    id=f"{source}/{split}/{number}",
                    image=image,
                    query=query,
                    boxes=(),
                    task="vqa",
                    answers=(answer,),
                    split=split,
                    source=source,
                    kind=kind,
                    attributes={"gsd_m": gsd_m},
                )
            )


def _by_id(root: Path, file: str, table: str) -> dict[int, dict[str, Any]]:
    """The active entries by id. Where an entry has no id, its place in the list is it."""
    entries = read_table(root, file).get(table)
    if not isinstance(entries, list):
        raise InputError(f"{root / file} has no list of {table}")
    found: dict[int, dict[str, Any]] = {}
    for place, item in enumerate(entries):
        if isinstance(item, dict) and item.get("active") is True:
            identity = item.get("id", place)
            if isinstance(identity, int) and not isinstance(identity, bool):
                found[identity] = item
    return found


def _question(
    questions: Mapping[int, dict[str, Any]], answers: Mapping[int, dict[str, Any]], image: int, number: object
) -> tuple[str, str, str | None] | None:
    """(question, answer, type); None for one that is not active."""
    if not isinstance(number, int):
        raise FieldError("its number is not a whole one")
    record = questions.get(number)
    if record is None:
        return None
    if record.get("img_id", image) != image:
        raise FieldError(f"it is listed for image {image} and says that it is of {record['img_id']!r:.20}")
    for candidate in entry(record, "answers_ids", list, "it"):
        reply = answers.get(candidate) if isinstance(candidate, int) else None
        if reply is not None:
            text = reply.get("answer")
            kind = record.get("type")
            answer = words(str(text) if isinstance(text, int | float) else text, "its answer")
            return words(record.get("question"), "it"), answer, kind if isinstance(kind, str) else None
    raise FieldError("none of its answers is active")
