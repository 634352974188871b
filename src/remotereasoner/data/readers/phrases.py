"""RefSegRS and RISBench: lines of a file name and a phrase, a mask for each.

::

    RefSegRS  ROOT/images/<id>.tif      ROOT/masks/<id>.tif (3 channels, 255)  ROOT/output_phrase_{train,val,test}.txt
    RISBench  ROOT/img_rgb/<file>       ROOT/mask/<file>                       ROOT/output_phrase_{train,val,test}.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remotereasoner.data.boxes_from_masks import BoxRule, boxes_of_mask
from remotereasoner.data.fields import FieldError, path_of, shown
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, chosen_splits, tracked
from remotereasoner.data.readers.files import is_there, stem_below, text_lines, words
from remotereasoner.data.readers.rasters import fit_mask, image_size, read_mask
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError
from remotereasoner.types import BoolArray, BoxXyxy

__all__ = ["read_refsegrs", "read_risbench"]


@dataclass(frozen=True)
class _Layout:
    source: str
    images: str
    masks: str
    licence: str
    has_one_target: bool
    """The phrase means one object: its box is that of the whole mask, and the rule for components does not apply."""


_REFSEGRS = _Layout("refsegrs", "images", "masks", "CC-BY-4.0", has_one_target=False)
_RISBENCH = _Layout(
    "risbench",
    "img_rgb",
    "mask",
    "CC-BY-4.0 by its README; images of DOTA (academic use) and DIOR",
    has_one_target=True,
)


def read_refsegrs(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample a line; boxes by the rule, because a phrase may mean many objects or a region ("road")."""
    return _read(root, options, _REFSEGRS)


def read_risbench(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample a line; one box, around the mask."""
    return _read(root, options, _RISBENCH)


def _read(root: Path, options: ReadOptions, layout: _Layout) -> Iterator[Found]:
    there = [split for split in ("train", "val", "test") if (root / f"output_phrase_{split}.txt").is_file()]
    if not there:
        raise InputError(f"{root} does not hold {layout.source}: no output_phrase_{{train,val,test}}.txt is there")
    records = [
        (split, line, text)
        for split in chosen_splits(options.splits, there, layout.source)
        for line, text in text_lines(root / f"output_phrase_{split}.txt")
    ]
    for split, line, text in tracked(records, options):
        try:
            if isinstance(text, FieldError):
                raise text
            yield _phrase(root, split, line, text, options.box_rule, layout)
        except FieldError as error:
            yield BadRecord(f"output_phrase_{split}.txt", line, str(error))


def _phrase(root: Path, split: str, line: int, text: str, rule: BoxRule, layout: _Layout) -> Item:
    name, *rest = text.split(maxsplit=1)
    query = words(rest[0] if rest else None, f"the phrase of {shown(name)}")
    image = _file(root, layout.images, name, "image")
    stored_at = _file(root, layout.masks, name, "mask")
    size_hw = image_size(root / image)
    stored = read_mask(root / stored_at)
    mask = fit_mask(stored, size_hw, stored_at)
    attributes: dict[str, Any] = {} if stored.shape == size_hw else {"mask_stored_hw": list(stored.shape)}
    if layout.has_one_target:
        boxes = _box_around(mask)
    else:
        boxes = boxes_of_mask(mask, rule)
        attributes["box_rule"] = rule.record()
    sample = Sample(
        id=f"{layout.source}/{split}/{line}",
        image=image,
        query=query,
        boxes=boxes,
        split=split,
        source=layout.source,
        licence=layout.licence,
        kind="referring" if boxes else "referring_absent",
        attributes=attributes,
    )
    return Item(sample, mask, stored_at.rsplit(".", 1)[0])


def _file(root: Path, folder: str, name: str, what: str) -> str:
    """The file of that name, or the one of that stem with another ending: masks are PNG where images are JPEG."""
    path_of(name, f"{what} name")
    if is_there(root / folder / name):
        return f"{folder}/{name}"
    try:
        return stem_below(root, folder, name)
    except FieldError:
        if "." not in name:
            raise
    return stem_below(root, folder, name.rsplit(".", 1)[0])


def _box_around(mask: BoolArray) -> tuple[BoxXyxy, ...]:
    # One group whatever the gaps: the same code path as the rule, without its parameters.
    boxes = boxes_of_mask(mask, BoxRule(min_area_px=0, merge_px=0))
    if not boxes:
        return ()
    x1, y1 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    return ((x1, y1, max(box[2] for box in boxes), max(box[3] for box in boxes)),)
