"""What readers of public data sets take and give: :class:`Item`, :class:`BadRecord`, :class:`ReadOptions`.

A reader is a function ``read(root, options)`` that yields, one record at a time, the samples of a data set with image
paths below ``root``, and a :class:`BadRecord` in place of each record that cannot be used. It stops with an
:class:`~remotereasoner.errors.InputError` only where the layout is not there at all, or where one broken file makes
everything after it meaningless.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from remotereasoner.data.boxes_from_masks import BoxRule
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError
from remotereasoner.types import BoolArray

__all__ = [
    "BadRecord",
    "Found",
    "Item",
    "Progress",
    "QuestionPolicy",
    "ReadOptions",
    "Reader",
    "choose",
    "chosen_splits",
    "dice",
    "tracked",
]

T = TypeVar("T")
QuestionPolicy = Literal["first", "all", "seeded"]
"""Where an image has several questions: the first one, each of them, or one drawn by seed and identity."""
Progress = Callable[[int, int], None]
"""Called with (records done, records in all)."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A sample, and its mask where the source has one."""

    sample: Sample
    """``image`` is relative to the data set's root; ``mask`` is None: the mask has no file of ours yet."""
    mask: BoolArray | None = None
    """(H, W) bool of the image's size: everything that answers the question."""
    mask_name: str = ""
    """Samples with the same name share one mask."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record of the source that is no sample."""

    file: str
    """Below the data set's root."""
    line: int | None
    """From 1; None where the file is not one of lines: the reason then says which record."""
    reason: str


Found = Item | BadRecord


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What readers can be told. Each uses some of it; :mod:`remotereasoner.data.readers.catalogue` says which."""

    splits: tuple[str, ...] = ()
    """(): those that are there."""
    questions: QuestionPolicy | None = None
    """None: as the data set's authors evaluate."""
    seed: int = 0
    box_rule: BoxRule = field(default_factory=BoxRule)
    annotations: str | None = None
    """COCO and vector labels: the file, below the root or absolute."""
    images: str | None = None
    """COCO: the folder of the images below the root."""
    category_field: str = "category"
    """Vector labels: the column that names the thing."""
    template: str = "Find every {category} in this image."
    """Where the source has categories and no questions."""
    sentences: Literal["train", "val"] = "train"
    """Labelled images: which half of the question bank speaks, unless the split's own name says so."""
    progress: Progress | None = None


Reader = Callable[[Path, ReadOptions], Iterator[Found]]


def tracked(records: Sequence[T], options: ReadOptions) -> Iterator[T]:
    """``records`` one by one, told to ``options.progress``."""
    for done, record in enumerate(records):
        if options.progress is not None:
            options.progress(done, len(records))
        yield record
    if options.progress is not None:
        options.progress(len(records), len(records))


def dice(seed: int, identity: str) -> random.Random:
    """A generator that depends on ``seed`` and ``identity`` only, so that order and splits do not matter."""
    digest = hashlib.sha256(f"{seed}\n{identity}".encode("utf-8", "surrogatepass")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311  a draw, not a secret


def choose(texts: Sequence[T], policy: QuestionPolicy, seed: int, identity: str) -> list[tuple[int, T]]:
    """(index, text) of the questions that ``policy`` takes."""
    if policy == "all" or not texts:
        return list(enumerate(texts))
    index = 0 if policy == "first" else dice(seed, identity).randrange(len(texts))
    return [(index, texts[index])]


def chosen_splits(wanted: tuple[str, ...], there: Sequence[str], what: str) -> tuple[str, ...]:
    """The splits to read. Raises :class:`~remotereasoner.errors.InputError` for one that is not there."""
    missing = [split for split in wanted if split not in there]
    if missing:
        raise InputError(f"{what} has no split {', '.join(missing)} here: there is {', '.join(there) or 'none'}")
    return wanted or tuple(there)
