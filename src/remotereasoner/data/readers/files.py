"""Files of a data set: found below the root, read up to a size, decoded without trusting them.

Everything raises :class:`~remotereasoner.data.fields.FieldError` for what concerns one record, which becomes a bad
record, and :class:`~remotereasoner.errors.InputError` where the layout as a whole is not there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from remotereasoner.data.fields import FieldError, path_of, shown
from remotereasoner.errors import InputError
from remotereasoner.types import BoxXyxy

__all__ = [
    "MAX_RECORD_BYTES",
    "MAX_TABLE_BYTES",
    "below",
    "box_xywh",
    "entry",
    "find_below",
    "finite",
    "is_there",
    "key_of",
    "listing",
    "read_bytes",
    "read_json",
    "read_table",
    "stem_below",
    "text_lines",
    "words",
]

MAX_TABLE_BYTES = 1 << 30
"""Of a file with a whole data set's annotations; COCO's largest has half of it."""
MAX_RECORD_BYTES = 4 << 20
"""Of a file about one image."""
_MAX_LINE_BYTES = 64 << 10
_IMAGE_ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2")


def below(root: Path, relative: object, name: str = "file name") -> str:
    """A path of an annotation, checked: text, relative, with no way out of ``root``; and the file is there."""
    if not isinstance(relative, str) or not relative.strip():
        raise FieldError(f"{name} must be text, not {shown(relative)}")
    checked = path_of(relative, name)
    if not is_there(root / checked):
        raise FieldError(f"there is no {name} {shown(checked)}")
    return checked


def is_there(path: Path) -> bool:
    """A file that can be looked at; a name too long or a folder without permission is not there."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def stem_below(root: Path, folder: str, stem: str, endings: Sequence[str] = _IMAGE_ENDINGS) -> str:
    """``folder/stem.ending``, whichever ending is there. Raises FieldError where none is, or a way leads out."""
    path_of(stem, "file name")
    for ending in endings:
        for spelled in (ending, ending.upper()):
            relative = f"{folder}/{stem}{spelled}" if folder else f"{stem}{spelled}"
            if is_there(root / relative):
                return relative
    raise FieldError(f"there is no file {shown(stem)} in {folder or 'the root'} ending in {', '.join(endings)}")


def find_below(root: Path, candidates: Sequence[str], what: str) -> str:
    """The first of ``candidates`` (relative paths) that exists. Raises InputError that names them all."""
    for candidate in candidates:
        if (root / candidate).exists() and candidate:
            return candidate
    raise InputError(f"{root} does not hold {what}: looked for {', '.join(candidates)}")


def listing(folder: Path, endings: Sequence[str] = _IMAGE_ENDINGS) -> list[str]:
    """Names of the files of a folder with one of ``endings``, in alphabetical order, hidden ones left out."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError as error:
        raise InputError(f"{folder} cannot be listed: {error.strerror or error}") from error
    return sorted(name for name in names if name.lower().endswith(tuple(endings)) and not name.startswith("."))


def read_bytes(path: Path, limit: int) -> bytes:
    """All of a regular file of at most ``limit`` bytes; the size is looked at before anything is read."""
    try:
        if not path.is_file():
            raise FieldError(f"there is no file {shown(path.name)}")
        with path.open("rb") as file:
            content = file.read(limit + 1) if path.stat().st_size <= limit else None
    except OSError as error:
        raise FieldError(f"{shown(path.name)} cannot be read: {error.strerror or error}") from error
    if content is None or len(content) > limit:
        raise FieldError(f"{shown(path.name)} is larger than the {limit:,} bytes that are read")
    return content


def read_json(path: Path, limit: int = MAX_RECORD_BYTES) -> dict[str, Any]:
    """A JSON object. NaN and Infinity become numbers that the checks of boxes refuse, record by record."""
    content = read_bytes(path, limit)
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise FieldError(f"{shown(path.name)}: brackets are nested too deep") from None
    except json.JSONDecodeError as error:
        raise FieldError(f"{shown(path.name)} is not JSON: {error.msg} in line {error.lineno}") from None
    except ValueError as error:  # not UTF-8; an integer with more digits than Python converts
        raise FieldError(f"{shown(path.name)} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FieldError(f"{shown(path.name)} must hold a JSON object")
    return value


def read_table(root: Path, relative: str) -> dict[str, Any]:
    """:func:`read_json` of a file without which there is no data set: what is wrong with it is an InputError."""
    try:
        return read_json(root / relative, MAX_TABLE_BYTES)
    except FieldError as error:
        raise InputError(f"{root / relative}: {error}") from None


def text_lines(path: Path) -> Iterator[tuple[int, str | FieldError]]:
    """(number from 1, line) of a text file, blank ones left out; a FieldError for one too long or not UTF-8."""
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(_MAX_LINE_BYTES):
                number += 1
                if len(raw) == _MAX_LINE_BYTES and not raw.endswith(b"\n"):
                    while (rest := file.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                        pass
                    yield number, FieldError(f"the line is longer than {_MAX_LINE_BYTES:,} bytes")
                    continue
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError as error:
                    yield number, FieldError(f"not UTF-8: byte 0x{raw[error.start]:02x}")
                    continue
                if text:
                    yield number, text
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def entry(record: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """``record[key]`` where it is of that kind. Raises FieldError otherwise."""
    if not isinstance(record, dict):
        raise FieldError(f"{where} must be an object, not {shown(record)}")
    value = record.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise FieldError(f"{where} has no usable {key}: {shown(value)}")
    return value


def words(value: object, name: str) -> str:
    """Text that is not blank, with single spaces."""
    if not isinstance(value, str) or not value.strip():
        raise FieldError(f"{name} must be text that is not empty, not {shown(value)}")
    return " ".join(value.split())


def finite(value: object, where: str) -> float:
    """A number that is neither infinite nor NaN."""
    if not isinstance(value, bool) and isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:  # an integer of more than 308 digits
            number = math.inf
        if math.isfinite(number):
            return number
    raise FieldError(f"{where} must hold finite numbers, not {shown(value)}")


def key_of(value: object) -> int | str | None:
    """``value`` where it can be an id, else None: lists and objects cannot be looked up."""
    return value if isinstance(value, int | str) else None


def box_xywh(value: object, where: str) -> BoxXyxy:
    """COCO's [x, y, width, height] as [x1, y1, x2, y2]: four finite numbers, width and height above 0."""
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise FieldError(f"{where} must be [x, y, width, height], not {shown(value)}")
    x, y, width, height = (finite(number, where) for number in value)
    if width <= 0 or height <= 0:
        raise FieldError(f"{where} must have a width and a height above 0, not {shown(value)}")
    return x, y, x + width, y + height
