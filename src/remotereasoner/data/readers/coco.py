"""Any COCO detection or instance file: one question a category and image, answered by all of its objects.

``ROOT`` is the folder of the images, ``--annotations`` the JSON file (default: the only one in ROOT or
ROOT/annotations). COCO has no questions: they are made from the category's name by a template.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.mask_outlines import Rings, outlines_by_box
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions, tracked
from remotereasoner.data.readers.coco_masks import rings_of, rle_mask
from remotereasoner.data.readers.files import below, box_xywh, entry, key_of, listing, read_table
from remotereasoner.data.readers.rasters import image_size
from remotereasoner.data.samples import Sample
from remotereasoner.errors import InputError, UsageError
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["question_of", "read"]


def question_of(template: str, category: str) -> str:
    """The template with the category's name in it, underscores as spaces. Raises UsageError for another placeholder."""
    try:
        return template.format(category=category.replace("_", " "))
    except (KeyError, IndexError, ValueError, AttributeError):
        raise UsageError(f"the template {template!r} may hold {{category}} and no other braces") from None


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """Samples in the order of the file's images. A category with a crowd region is left out of its image:
    it has no complete answer.
    """
    question_of(options.template, "thing")
    path = Path(options.annotations) if options.annotations else _only_annotations(root)
    file = path if path.is_absolute() else root / path
    name = str(path)
    table = read_table(file.parent, file.name)
    images, annotations, categories = (table.get(key) for key in ("images", "annotations", "categories"))
    if not isinstance(images, list) or not isinstance(annotations, list) or not isinstance(categories, list):
        raise InputError(f"{file} is no COCO file: it needs the lists images, annotations and categories")
    names = {key_of(item.get("id")): item.get("name") for item in categories if isinstance(item, dict)}
    of_image: dict[Any, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for place, annotation in enumerate(annotations):
        try:
            of_image[entry(annotation, "image_id", (int, str), "it")].append((place, annotation))
        except FieldError as error:
            yield BadRecord(name, None, f"annotations[{place}]: {error}")
    split = options.splits[0] if options.splits else None
    for place, image in enumerate(tracked(images, options)):
        try:
            yield from _image(root, options, image, of_image, names, name, split)
        except FieldError as error:
            yield BadRecord(name, None, f"images[{place}]: {error}")
    for image_id, left in of_image.items():
        yield BadRecord(name, None, f"{len(left)} annotations are of image {shown(image_id)}, which is not listed")


def _only_annotations(root: Path) -> Path:
    found = [Path(name) for name in listing(root, (".json",))]
    if (root / "annotations").is_dir():
        found += [Path("annotations", name) for name in listing(root / "annotations", (".json",))]
    if len(found) != 1:
        names = ", ".join(map(str, found[:8])) or "none"
        raise UsageError(f"{root} holds not one JSON file but {len(found)} ({names}): name one with --annotations")
    return found[0]


def _image(
    root: Path,
    options: ReadOptions,
    record: Any,
    of_image: dict[Any, list[tuple[int, dict[str, Any]]]],
    names: Mapping[Any, Any],
    file: str,
    split: str | None,
) -> Iterator[Found]:
    identity = entry(record, "id", (int, str), "it")
    mine = of_image.pop(identity, [])
    folder = Path(options.images) if options.images else Path()
    image = (folder / below(root / folder, record.get("file_name"), "file_name")).as_posix()
    size_hw = image_size(root / image)
    stated = record.get("height"), record.get("width")
    if all(isinstance(side, int) for side in stated) and stated != size_hw:
        raise FieldError(
            f"it is {stated[1]} x {stated[0]} by the annotations and {size_hw[1]} x {size_hw[0]} by its file"
        )
    objects: dict[Any, list[tuple[BoxXyxy, Rings | None]]] = {}
    crowded = set()
    for place, annotation in mine:
        category = key_of(annotation.get("category_id"))
        if annotation.get("iscrowd"):
            crowded.add(category)
            continue
        try:
            if not isinstance(names.get(category), str):
                raise FieldError(f"there is no category {shown(category)}")
            objects.setdefault(category, []).append(_object(annotation, size_hw))
        except FieldError as error:
            crowded.add(category)  # an incomplete answer would be a wrong one
            yield BadRecord(file, None, f"annotations[{place}]: {error}")
    for category, found in objects.items():
        if category in crowded:
            continue
        name = str(names[category])
        rings = [own for _, own in found if own is not None]
        yield Item(
            Sample(
                id=f"coco/{split or 'all'}/{identity}/{category}",
                image=image,
                query=question_of(options.template, name),
                boxes=tuple(box for box, _ in found),
                polygons=tuple(rings) if len(rings) == len(found) else None,
                category=name,
                split=split,
                source="coco",
                kind="direct",
            )
        )


def _object(annotation: Mapping[str, Any], size_hw: SizeHw) -> tuple[BoxXyxy, Rings | None]:
    box = box_xywh(annotation.get("bbox"), "bbox")
    segmentation = annotation.get("segmentation")
    rings = rings_of(segmentation, "segmentation")
    if rings is None and segmentation:
        mask = rle_mask(segmentation, size_hw, "segmentation")
        outlines = None if mask is None else outlines_by_box(mask, (box,))
        rings = None if outlines is None else outlines[0]
    return box, rings
