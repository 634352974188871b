"""RRSIS-D (RMSIN): referring expressions on DIOR images, masks as run lengths.

::

    ROOT/rrsisd/refs(unc).p              pickle: list of {ref_id, ann_id, image_id, split, sentences: [{raw, …}]}
    ROOT/rrsisd/instances.json           COCO: images, annotations (segmentation RLE, bbox xywh), categories
    ROOT/images/rrsisd/JPEGImages/<file>.jpg

A ref leads to its annotation by ``ann_id`` and to its image by ``image_id``. Neither is the ``ref_id``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remotereasoner.data.fields import FieldError
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, choose, chosen_splits, tracked
from remotereasoner.data.readers.coco_masks import rings_of, rle_mask
from remotereasoner.data.readers.files import below, box_xywh, entry, find_below, key_of, read_table, words
from remotereasoner.data.readers.plain_pickle import read_plain_pickle
from remotereasoner.data.readers.rasters import image_size
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError

__all__ = ["read"]

_LICENCE = "none stated; DIOR's images are CC BY-NC 4.0"


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """One sample a sentence (default: all sentences of a ref), with the annotation's box and mask."""
    refs_file = find_below(root, ("rrsisd/refs(unc).p", "refs(unc).p"), "RRSIS-D")
    instances = find_below(root, ("rrsisd/instances.json", "instances.json"), "RRSIS-D")
    folder = find_below(root, ("images/rrsisd/JPEGImages", "rrsisd/JPEGImages", "JPEGImages"), "RRSIS-D's images")
    refs = read_plain_pickle(root / refs_file)
    if not isinstance(refs, list):
        raise InputError(f"{root / refs_file} must hold a list of refs")
    table = read_table(root, instances)
    images, annotations = _by_id(table, "images", root / instances), _by_id(table, "annotations", root / instances)
    names = {key: value.get("name") for key, value in _by_id(table, "categories", root / instances).items()}
    there = sorted({ref["split"] for ref in refs if isinstance(ref, dict) and isinstance(ref.get("split"), str)})
    wanted = chosen_splits(options.splits, there, "RRSIS-D")
    numbered = [
        (number, ref)
        for number, ref in enumerate(refs)
        if not isinstance(ref, dict) or not isinstance(ref.get("split"), str) or ref["split"] in wanted
    ]
    for number, ref in tracked(numbered, options):
        try:
            yield from _ref(root, folder, f"refs[{number}]", ref, images, annotations, names, options)
        except FieldError as error:
            yield BadRecord(refs_file, None, f"refs[{number}]: {error}")


def _by_id(table: Mapping[str, Any], name: str, path: Path) -> dict[Any, dict[str, Any]]:
    entries = table.get(name)
    if not isinstance(entries, list):
        raise InputError(f"{path} has no list of {name}")
    return {item["id"]: item for item in entries if isinstance(item, dict) and isinstance(item.get("id"), int | str)}


def _ref(
    root: Path,
    folder: str,
    where: str,
    ref: Any,
    images: Mapping[Any, dict[str, Any]],
    annotations: Mapping[Any, dict[str, Any]],
    names: Mapping[Any, Any],
    options: ReadOptions,
) -> Iterator[Found]:
    split = entry(ref, "split", str, where)
    annotation = annotations.get(entry(ref, "ann_id", (int, str), where))
    record = images.get(entry(ref, "image_id", (int, str), where))
    if annotation is None or record is None:
        raise FieldError(f"instances.json has no {'annotation' if annotation is None else 'image'} of that number")
    if annotation.get("image_id", ref["image_id"]) != ref["image_id"]:
        raise FieldError("its annotation is of another image")
    image = f"{folder}/{below(root / folder, record.get('file_name', ref.get('file_name')))}"
    size_hw = image_size(root / image)
    box = box_xywh(annotation.get("bbox"), "bbox")
    segmentation = annotation.get("segmentation")
    mask = rle_mask(segmentation, size_hw, "segmentation")
    rings = None if mask is not None else rings_of(segmentation, "segmentation")
    sentences = entry(ref, "sentences", list, where)
    category = names.get(key_of(annotation.get("category_id")))
    for index, sentence in choose(sentences, options.questions or "all", options.seed, where):
        text = sentence.get("raw") or sentence.get("sent") if isinstance(sentence, dict) else None
        try:
            query = words(text, f"sentences[{index}]")
        except FieldError as error:
            yield BadRecord("refs(unc).p", None, f"{where}: {error}")
            continue
        sample = Sample(
            id=f"rrsisd/{split}/{ref.get('ref_id', where)}/{index}",
            image=image,
            query=query,
            boxes=(box,),
            polygons=None if rings is None else (rings,),
            category=category if isinstance(category, str) else None,
            split=split,
            source="rrsisd",
            licence=_LICENCE,
            kind="referring",
        )
        yield Item(sample, mask, f"{split}/{ref['ann_id']}")
