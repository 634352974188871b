"""DIOR-RSVG (RSVG-pytorch): one box a description, in VOC's XML.

::

    ROOT/Annotations/<id>.xml     filename, size, and per object name, bndbox (xmin ymin xmax ymax), description
    ROOT/JPEGImages/<id>.jpg
    ROOT/{train,val,test}.txt     numbers

The numbers are *not* files: they count the ``object`` nodes of all XML files in the order of their names. So every file
counts, of whatever split, and one that cannot be read makes all numbers after it meaningless: reading stops there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, chosen_splits, tracked
from remotereasoner.data.readers.files import below, find_below, finite, listing, text_lines, words
from remotereasoner.data.readers.safe_xml import read_xml
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError
from remotereasoner.types import BoxXyxy

__all__ = ["read"]

_LICENCE = "none stated; DIOR's images are CC BY-NC 4.0"


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample a listed object."""
    folder = find_below(root, ("Annotations", "DIOR_RSVG/Annotations"), "DIOR-RSVG")
    base = folder.removesuffix("Annotations")
    there = [split for split in ("train", "val", "test") if (root / f"{base}{split}.txt").is_file()]
    if not there:
        raise InputError(f"{root} does not hold DIOR-RSVG: no train.txt, val.txt or test.txt beside Annotations")
    wanted: dict[int, tuple[str, int]] = {}
    for split in chosen_splits(options.splits, there, "DIOR-RSVG"):
        for line, text in text_lines(root / f"{base}{split}.txt"):
            name = f"{base}{split}.txt"
            if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 9:
                yield BadRecord(name, line, f"must be a number of an object, not {shown(str(text))}")
            elif int(text) in wanted:
                other, earlier = wanted[int(text)]
                yield BadRecord(name, line, f"the number {text} stands in {base}{other}.txt, line {earlier}, too")
            else:
                wanted[int(text)] = (split, line)
    yield from _objects(root, base, wanted, options)
    for number, (split, line) in wanted.items():
        yield BadRecord(f"{base}{split}.txt", line, f"there is no object {number}: the XML files hold fewer")


def _objects(root: Path, base: str, wanted: dict[int, tuple[str, int]], options: ReadOptions) -> Iterator[Found]:
    """The samples of ``wanted``, which is emptied of what was found."""
    running = 0
    for name in tracked(listing(root / base / "Annotations", (".xml",)), options):
        path = f"{base}Annotations/{name}"
        try:
            document = read_xml(root / path)
        except FieldError as error:
            raise InputError(
                f"{root / path}: {error}. The split files count the objects of all XML files in order, so that none "
                "after this one can be told"
            ) from None
        for place, node in enumerate(document.findall("object")):
            number, running = running, running + 1
            if number not in wanted:
                continue
            split, _ = wanted.pop(number)
            try:
                yield _object(root, base, document, node, split, number)
            except FieldError as error:
                yield BadRecord(path, None, f"object {place}: {error}")


def _object(root: Path, base: str, document: Element, node: Element, split: str, number: int) -> Item:
    file_name = (document.findtext("filename") or "").strip()
    image = f"{base}JPEGImages/{below(root / base / 'JPEGImages', file_name)}"
    category = node.findtext("name")
    sample = Sample(
        id=f"dior_rsvg/{split}/{number}",
        image=image,
        query=words(node.findtext("description"), "description"),
        boxes=(_box(node),),
        category=category.strip() if category else None,
        split=split,
        source="dior_rsvg",
        licence=_LICENCE,
        kind="referring",
    )
    return Item(sample)


def _box(node: Element) -> BoxXyxy:
    numbers = []
    for name in ("xmin", "ymin", "xmax", "ymax"):
        text = (node.findtext(f"bndbox/{name}") or "").strip()
        try:
            numbers.append(finite(float(text), name))
        except ValueError:  # FieldError is one
            raise FieldError(f"bndbox has no usable {name}: {shown(text)}") from None
    x1, y1, x2, y2 = numbers
    if not (x1 < x2 and y1 < y2):
        raise FieldError(f"bndbox must have xmin < xmax and ymin < ymax, not {shown(numbers)}")
    return x1, y1, x2, y2
