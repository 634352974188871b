"""Paths that a source names, as entries: is there a file at all? What is in it, the worker finds out."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remotereasoner.batch.items import Entry
from remotereasoner.types import Task

__all__ = ["RASTER_SUFFIXES", "entry_of_files", "fault_of_os_error", "has_raster_suffix", "storable_name"]

RASTER_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2")
"""Of the formats that :func:`~remotereasoner.scene.open_scene` opens, in lower case."""


def has_raster_suffix(name: str) -> bool:
    return name.lower().endswith(RASTER_SUFFIXES)


def fault_of_os_error(error: OSError, what: str) -> tuple[str, str]:
    """(code, message) with the codes of :func:`~remotereasoner.scene.door.open_raster`."""
    if isinstance(error, PermissionError):
        return "no_permission", f"{what} may not be read: check its permissions"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "not_found", f"there is no {what}"
    return "broken", f"{what} cannot be read: {error.strerror or error}"


def storable_name(text: str) -> tuple[str, bool]:
    """``text`` as UTF-8 can hold it, and whether it was so before: a file system gives bytes that are no UTF-8 as
    halves of surrogate pairs, which neither a ledger nor JSON of other programs can keep.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8"), False
    return text, True


def entry_of_files(
    paths: Sequence[Path],
    name: str,
    *,
    question: str | None = None,
    task: Task = "locate",
    extra: dict[str, Any] | None = None,
) -> Entry:
    """One image with its files. A file that is missing, is no regular file, or whose name is not UTF-8, is a fault:
    ``not_found``, ``no_permission``, ``not_a_file``, ``bad_name`` or ``broken``.
    """
    name, is_utf8 = storable_name(name)
    fault = None if is_utf8 else ("bad_name", f"{name} is not UTF-8: rename the file")
    for path in paths:
        fault = fault or _fault_of(path)
    absolute = tuple(storable_name(os.path.abspath(path))[0] for path in paths)  # noqa: PTH100  links stay as they are
    return Entry(absolute, name, question, task, fault, extra or {})


def _fault_of(path: Path) -> tuple[str, str] | None:
    shown = storable_name(str(path))
    if not shown[1]:
        return "bad_name", f"{shown[0]} is not UTF-8: rename it"
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        cause = error if isinstance(error, OSError) else OSError(str(error))
        return fault_of_os_error(cause, f"file {shown[0]}")
    if stat.S_ISREG(kind):
        return None
    what = "a folder: name the raster file" if stat.S_ISDIR(kind) else "not a regular file"
    return "not_a_file", f"{shown[0]} is {what}"
