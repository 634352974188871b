"""From lists and tables to boxes: which arrangements of numbers mean a box, and which leave a doubt."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from remotereasoner.policy.parsing.limits import RawBox, UnreadableError
from remotereasoner.policy.parsing.literals import Table, Value
from remotereasoner.types import BoxXyxy, PointXy

__all__ = ["boxes_of", "is_plain"]

_BOX_KEYS = frozenset({"bbox_2d", "bbox", "box", "boxes", "box_2d", "bboxes", "bounding_box", "bounding_boxes"})
_CORNER_KEYS = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
)
_LABEL_KEYS = ("label", "category", "class", "name", "class_name")
_WRAPPERS = frozenset({"answer", "final_answer", "result", "results", "output", "objects", "targets", "detections"})
_SCORE_KEYS = ("score", "confidence")
_POINT_KEY = re.compile(r"(?:point|positive_point|keypoint)s?(?:_2d)?(?:_?[0-9]{1,2})?")
_NUMBER = re.compile(r"\s*+[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?\s*+")


def is_plain(value: Value) -> bool:
    """A list of ``[x1, y1, x2, y2]`` or of tables with ``bbox_2d``: exactly what the prompts ask for."""
    return isinstance(value, list) and all(
        (isinstance(item, list) and len(item) == 4 and all(isinstance(n, float) for n in item))
        or (isinstance(item, Table) and any(key == "bbox_2d" and is_plain([box]) for key, box in item.pairs))
        for item in value
    )


def boxes_of(value: Value, label: str = "") -> list[RawBox]:
    """The boxes that ``value`` means, in order; none for ``None``, ``[]`` and tables of them.

    Raises :class:`UnreadableError` for anything that is not a box without doubt: three or five numbers, two points that
    may be two objects, numbers that are not finite, a table without a box.
    """
    if value is None:
        return []
    if isinstance(value, Table):
        return _boxes_of_table(value, label)
    if not isinstance(value, list | tuple):
        raise UnreadableError(f"{_shown(value)} stands where a box belongs")
    if not value:
        return []
    if (corners := _corners(value)) is not None:
        return [RawBox(corners, label)]
    if any(not isinstance(item, list | tuple | Table) for item in value):
        if len(value) == 1 and value[0] is None:
            return []
        raise UnreadableError(f"{len(value)} values stand where the 4 numbers of a box belong")
    found: list[RawBox] = []
    for item in value:
        boxes = boxes_of(item, label)
        if not boxes and len(value) > 1:
            raise UnreadableError("an item of the list is not a box")
        found.extend(boxes)
    return found


def _corners(value: list[Value] | tuple[Value, ...], *, keyed: bool = False) -> BoxXyxy | None:
    """Four numbers, or two points: as tuples, or as lists under a key that says box. None: another arrangement."""
    if len(value) == 4 and all(isinstance(item, float | str) for item in value):
        return _four([_number(item) for item in value])
    if len(value) == 2 and all(isinstance(item, tuple | list if keyed else tuple) and len(item) == 2 for item in value):
        written = [n for point in value if isinstance(point, tuple | list) for n in point]
        if all(isinstance(n, float | str) for n in written):
            return _four([_number(n) for n in written])
    return None


def _four(numbers: list[float]) -> BoxXyxy:
    x1, y1, x2, y2 = numbers
    return x1, y1, x2, y2


def _number(value: Value) -> float:
    """A finite number; strings of one count. Raises :class:`UnreadableError`."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if not isinstance(value, float):
        raise UnreadableError(f"{_shown(value)} stands where a number belongs")
    if not math.isfinite(value):
        raise UnreadableError("a coordinate is not a finite number")
    return value


def _boxes_of_table(table: Table, label: str) -> list[RawBox]:
    values = {key.strip().lower(): value for key, value in table.pairs}
    label = next((v for key in _LABEL_KEYS if isinstance(v := values.get(key), str)), label)
    score = next((s for key in _SCORE_KEYS if (s := _score(values.get(key))) is not None), None)
    points = tuple(_points_of(values))
    keyed = [value for key, value in table.pairs if key.strip().lower() in _BOX_KEYS]
    for names in _CORNER_KEYS:
        if all(name in values for name in names):
            keyed.append([values[n] for n in names])  # noqa: PERF401 - at most one of four
    if any(value != keyed[0] for value in keyed[1:]):
        raise UnreadableError("one object has two different boxes")
    if keyed:
        return [RawBox(box.xyxy, box.label or label, points, score) for box in _boxes_under_key(keyed[0])]
    if points:
        raise UnreadableError("an object has points but no box")
    nested = [
        (key, value)
        for key, value in table.pairs
        if isinstance(value, list | tuple | Table) and "negative" not in key.lower()
    ]
    if not nested:
        raise UnreadableError("an object has no box")
    return [box for key, value in nested for box in boxes_of(value, label or _label_from_key(key, value))]


def _boxes_under_key(value: Value) -> list[RawBox]:
    if isinstance(value, list | tuple) and value and (corners := _corners(value, keyed=True)) is not None:
        return [RawBox(corners)]
    return boxes_of(value)


def _label_from_key(key: str, value: Value) -> str:
    """``{"ship": [[…]]}`` names its boxes; ``{"objects": [{…}]}`` does not."""
    items = value if isinstance(value, list | tuple) else ()
    return "" if any(isinstance(item, Table) for item in items) or key.lower() in _WRAPPERS else key


def _points_of(values: dict[str, Value]) -> Iterator[PointXy]:
    """Positive points of an object; malformed ones are passed over, the box stands without them."""
    for key, value in values.items():
        if _POINT_KEY.fullmatch(key) and isinstance(value, list | tuple | Table):
            yield from _points(value)


def _points(value: list[Value] | tuple[Value, ...] | Table) -> Iterator[PointXy]:
    if isinstance(value, Table):
        named = dict(value.pairs)
        value = [named.get("x"), named.get("y")]
    if len(value) == 2 and all(isinstance(n, float) for n in value):
        x, y = (n for n in value if isinstance(n, float))
        if math.isfinite(x) and math.isfinite(y):
            yield x, y
        return
    for item in value:
        if isinstance(item, list | tuple | Table):
            yield from _points(item)


def _score(value: Value) -> float | None:
    return value if isinstance(value, float) and 0 <= value <= 1 else None


def _shown(value: Value) -> str:
    return repr(value)[:40]
