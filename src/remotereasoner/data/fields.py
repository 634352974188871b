"""The checks of the sample file, field by field: small functions that return the value or say what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from remotereasoner.types import BoxXyxy, PointXy, Task

__all__ = [
    "FieldError",
    "answers_of",
    "attributes_of",
    "boxes_of",
    "json_record",
    "path_of",
    "polygons_of",
    "shown",
    "task_of",
    "text_of",
]

_TASKS: tuple[Task, ...] = ("locate", "vqa", "caption")
_SHOWN = 60


class FieldError(ValueError):
    """What is wrong with a field. Becomes a reason in a bad sample; never leaves :mod:`remotereasoner.data`."""


def json_record(text: str) -> dict[str, Any]:
    """One JSON object: no NaN or Infinity, no key twice, no nesting that exhausts the stack."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except FieldError:
        raise
    except json.JSONDecodeError as error:
        raise FieldError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise FieldError("not a sample: brackets are nested too deep") from None
    except ValueError as error:  # an integer with more digits than Python converts
        raise FieldError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FieldError(f"a line must be a JSON object, not {_kind(value)}")
    return value


def _refuse_constant(name: str) -> None:
    raise FieldError(f"{name} is not a number that a sample may have")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        twice = next(key for i, (key, _) in enumerate(pairs) if any(key == other for other, _ in pairs[:i]))
        raise FieldError(f"the key {shown(twice)} stands twice in one object")
    return table


def text_of(
    record: Mapping[str, Any], name: str, *, required: bool = False, max_chars: int | None = None
) -> str | None:
    """A string, None where it is absent or null. ``required``: must be there and not blank."""
    value = record.get(name)
    if value is None:
        if required:
            raise FieldError(f"{name} is missing")
        return None
    if not isinstance(value, str):
        raise FieldError(f"{name} must be text, not {_kind(value)}")
    if required and not value.strip():
        raise FieldError(f"{name} is empty")
    if max_chars is not None and len(value) > max_chars:
        raise FieldError(f"{name} has {len(value)} characters; at most {max_chars} are allowed")
    if not _is_encodable(value):
        raise FieldError(f"{name} holds half a surrogate pair: it is not text")
    return value


def path_of(value: str, name: str) -> str:
    """A path below the file's root: relative, with forward slashes, without ``..``."""
    parts = value.split("/")
    if value.startswith("/") or "\\" in value or "\0" in value or ":" in parts[0]:
        raise FieldError(f"{name} must be a relative path with forward slashes, not {shown(value)}")
    if ".." in parts:
        raise FieldError(f"{name} must not lead out of the root: {shown(value)}")
    if PurePosixPath(value) == PurePosixPath("."):
        raise FieldError(f"{name} names no file: {shown(value)}")
    return value


def task_of(record: Mapping[str, Any]) -> Task:
    """One of the three tasks; ``locate`` where the field is absent or null."""
    value = record.get("task")
    if value is None:
        return "locate"
    if value not in _TASKS:
        raise FieldError(f"task must be one of {', '.join(_TASKS)}, not {shown(value)}")
    return cast("Task", value)


def boxes_of(record: Mapping[str, Any], task: Task) -> tuple[BoxXyxy, ...]:
    """Boxes with a positive width and height; must be there, if only as ``[]``, to locate something."""
    value = record.get("boxes")
    if value is None:
        if task == "locate":
            raise FieldError("boxes are missing: write [] where nothing answers the question")
        return ()
    if not isinstance(value, list):
        raise FieldError(f"boxes must be a list of [x1, y1, x2, y2], not {_kind(value)}")
    return tuple(_box(item, index) for index, item in enumerate(value))


def _box(value: object, index: int) -> BoxXyxy:
    if not isinstance(value, list) or len(value) != 4:
        raise FieldError(f"boxes[{index}] must be four numbers [x1, y1, x2, y2], not {shown(value)}")
    x1, y1, x2, y2 = (_number(item, f"boxes[{index}]") for item in value)
    if not (x1 < x2 and y1 < y2):
        raise FieldError(f"boxes[{index}] must have x1 < x2 and y1 < y2, not {shown(value)}")
    return x1, y1, x2, y2


def polygons_of(record: Mapping[str, Any], n_boxes: int) -> tuple[tuple[tuple[PointXy, ...], ...], ...] | None:
    """Per box its rings, per ring at least three (x, y)."""
    value = record.get("polygons")
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != n_boxes:
        count = f"{len(value)} of them" if isinstance(value, list) else _kind(value)
        raise FieldError(f"polygons must be one list of rings for each of the {n_boxes} boxes, not {count}")
    return tuple(_rings(rings, index) for index, rings in enumerate(value))


def _rings(value: object, index: int) -> tuple[tuple[PointXy, ...], ...]:
    if not isinstance(value, list) or not value:
        raise FieldError(f"polygons[{index}] must be a list of rings, not {shown(value)}")
    return tuple(_ring(ring, f"polygons[{index}][{i}]") for i, ring in enumerate(value))


def _ring(value: object, where: str) -> tuple[PointXy, ...]:
    if not isinstance(value, list) or len(value) < 3:
        raise FieldError(f"{where} must be a ring of at least three points [x, y], not {shown(value)}")
    points = []
    for point in value:
        if not isinstance(point, list) or len(point) != 2:
            raise FieldError(f"{where} must hold points [x, y], not {shown(point)}")
        points.append((_number(point[0], where), _number(point[1], where)))
    return tuple(points)


def answers_of(record: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """The accepted answers: one string or several, for questions and captions; none to locate something."""
    value = record.get("answer")
    if task == "locate":
        if value is not None:
            raise FieldError("answer belongs to the tasks vqa and caption, not to locate")
        return ()
    if value is None:
        raise FieldError(f"answer is missing: the task {task} needs a text or a list of accepted ones")
    accepted = [value] if isinstance(value, str) else value
    if not isinstance(accepted, list) or not accepted:
        raise FieldError(f"answer must be text or a list of accepted texts, not {shown(value)}")
    for item in accepted:
        if not isinstance(item, str) or not item.strip() or not _is_encodable(item):
            raise FieldError(f"answer must be text that is not empty, not {shown(item)}")
    return tuple(accepted)


def attributes_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Anything else that is known of a sample: a JSON object."""
    value = record.get("attributes")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError(f"attributes must be a JSON object, not {_kind(value)}")
    return value


def shown(value: object) -> str:
    """``value`` for a message: short, on one line."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(f"{where} must hold numbers, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FieldError(f"{where} must hold finite numbers, not {shown(value)}")
    return number


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


_Kind = Literal["null", "a list", "an object", "text", "a truth value", "a number"]


def _kind(value: object) -> _Kind:
    """A JSON value's kind, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return "text" if isinstance(value, str) else "a number"
