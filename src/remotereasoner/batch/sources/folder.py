"""Rasters below a folder, or those that a pattern matches: one by one, in the order of their paths.

A fixed order means sorting: the names in one folder are in memory at a time, with those of the folders above it, never
those of the whole tree. Names that begin with a dot are passed over, and folders that are symbolic links are not
entered, so that a walk ends.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources.files import entry_of_files, fault_of_os_error, has_raster_suffix, storable_name

__all__ = ["folder_entries", "glob_entries", "is_pattern", "split_pattern"]

_MAGIC = re.compile(r"[*?\[]")


class _Found(NamedTuple):
    """``relative``: path below the walk's root, forward slashes, of a folder with one at its end ("": the root)."""

    relative: str
    error: OSError | None = None
    """Why the folder could not be read; None for a file, and for a folder that a pattern matched."""


def folder_entries(root: Path, *, leave_out: Path | None = None) -> Iterator[Entry]:
    """Every file below ``root`` with a raster's suffix; named by its path below ``root``.

    ``leave_out``: a folder that is not entered. A folder that cannot be read is an entry with a fault.
    """
    for found in _walk(root, "", _below(root, leave_out)):
        if found.error is not None or has_raster_suffix(found.relative):
            yield _entry(root, found)


def is_pattern(text: str) -> bool:
    return _MAGIC.search(text) is not None


def split_pattern(pattern: str) -> tuple[Path, tuple[str, ...]]:
    """The folder before the first part with ``*``, ``?`` or ``[``, and the parts from there on."""
    parts = Path(pattern).parts
    first = next(number for number, part in enumerate(parts) if is_pattern(part))
    return Path(*parts[:first]), parts[first:]


def glob_entries(pattern: str, *, leave_out: Path | None = None) -> Iterator[Entry]:
    """Every file that ``pattern`` matches, and what :func:`folder_entries` finds in folders that it matches.

    ``*``, ``?`` and ``[…]`` stand for parts of one name, ``**`` for any number of folders. Named by the path below the
    folder before the first of these.
    """
    root, levels = split_pattern(pattern)
    left_out = _below(root, leave_out)
    for found in _matches(root, "", levels, left_out):
        if found.error is None and found.relative[-1:] in ("", "/"):
            for below in _walk(root, found.relative, left_out):
                if below.error is not None or has_raster_suffix(below.relative):
                    yield _entry(root, below)
        else:
            yield _entry(root, found)


def _entry(root: Path, found: _Found) -> Entry:
    if found.error is None:
        return entry_of_files([root / found.relative], found.relative)
    name, _ = storable_name(found.relative)
    path, _ = storable_name(str((root / found.relative).absolute()))
    return Entry((path,), name or ".", fault=fault_of_os_error(found.error, f"folder {name or path}"))


def _below(root: Path, folder: Path | None) -> str | None:
    """``folder`` as a walk of ``root`` calls it; None where it does not meet it."""
    if folder is None:
        return None
    try:
        return f"{folder.resolve().relative_to(root.resolve()).as_posix()}/"
    except ValueError:
        return None


def _names(folder: Path) -> list[str]:
    """Sorted names, of folders with a slash at the end: so their order is that of whole paths. Raises OSError."""
    names = []
    with os.scandir(folder) as children:
        for child in children:
            if child.name.startswith("."):
                continue
            if child.is_dir(follow_symlinks=False):
                names.append(f"{child.name}/")
            elif not (child.is_symlink() and os.path.isdir(child.path)):  # noqa: PTH112  no error for broken links
                names.append(child.name)
    names.sort()
    return names


def _walk(root: Path, start: str, left_out: str | None) -> Iterator[_Found]:
    """The files below ``root / start``, and the folders that cannot be read.

    Not recursive: a tree may be deeper than Python's stack.
    """
    waiting: list[Iterator[str]] = [iter([start])]
    while waiting:
        relative = next(waiting[-1], None)
        if relative is None:
            waiting.pop()
        elif relative and not relative.endswith("/"):
            yield _Found(relative)
        elif relative != left_out:
            try:
                names = _names(root / relative)
            except OSError as error:
                yield _Found(relative, error)
            else:
                waiting.append(map(relative.__add__, names))


def _matches(root: Path, relative: str, levels: Sequence[str], left_out: str | None) -> Iterator[_Found]:
    """Files and folders below ``root / relative`` whose parts match ``levels``."""
    level, rest = levels[0], levels[1:]
    if relative and relative == left_out:
        return
    if level == "**":
        if not rest:
            yield _Found(relative)
            return
        for found in _walk(root, relative, left_out):
            if found.error is not None or _fits(found.relative[len(relative) :].split("/"), levels):
                yield found
        return
    try:
        names = _names(root / relative)
    except OSError as error:
        yield _Found(relative, error)
        return
    for name in names:
        if fnmatch.fnmatchcase(name.removesuffix("/"), level):
            if not rest:
                yield _Found(relative + name)
            elif name.endswith("/"):
                yield from _matches(root, relative + name, rest, left_out)


def _fits(parts: Sequence[str], levels: Sequence[str]) -> bool:
    if not levels:
        return not parts
    if levels[0] == "**":
        return any(_fits(parts[skipped:], levels[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], levels[0]) and _fits(parts[1:], levels[1:])
