"""What a batch works on: :func:`open_entries` finds out what a source is and yields its entries, one by one.

    folder · pattern · list of paths · sample file · STAC item, item collection or catalogue  ──>  Entry, Entry, …

A source is read lazily and in a fixed order, so that a second run over it sees the same entries in the same order. An
entry that cannot be used carries a fault; only a source that cannot be used as a whole is an error.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources.files import RASTER_SUFFIXES, fault_of_os_error, has_raster_suffix
from remotereasoner.batch.sources.folder import folder_entries, glob_entries, is_pattern, split_pattern
from remotereasoner.batch.sources.lists import list_entries, paths_entries, sample_entries, text_entries
from remotereasoner.batch.sources.stac import stac_entries
from remotereasoner.errors import InputError, UsageError

__all__ = ["RASTER_SUFFIXES", "Source", "brings_questions", "open_entries"]

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_ADDRESS = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+:|/vsi|<)", re.ASCII)
_KINDS = (
    "a folder, a pattern, a raster, a .txt list of paths, a .jsonl sample file, or a .json STAC file "
    "(item, item collection, catalogue)"
)


def brings_questions(source: Source) -> bool:
    """True for a sample file, whose lines bring their own questions."""
    return isinstance(source, str | os.PathLike) and os.fspath(source).lower().endswith((".jsonl", ".ndjson"))


def open_entries(
    source: Source, *, asset: str | None = None, root: Path | None = None, leave_out: Path | None = None
) -> Iterator[Entry]:
    """The entries of ``source``, lazily and in a fixed order.

    ``source``: a folder (every raster below it), a pattern with ``*``, ``?`` or ``**``, one raster, a ``.txt`` file or
    ``-`` (standard input) with a path a line, a sample file (``.jsonl``), a STAC file (``.json``), or several paths.
    ``asset``: of STAC items, the key of the asset that is the image, or several with commas: bands of one scene.
    ``root``: of a sample file, the folder that its images are relative to; None: its own.
    ``leave_out``: a folder that is not looked into, such as the batch's own output.

    Raises, before the first entry, :class:`~remotereasoner.errors.InputError` for a source that is not there, cannot be
    read or is empty, :class:`~remotereasoner.errors.UsageError` for one of no known kind and for options that do not
    go with it, and :class:`~remotereasoner.errors.MissingExtraError` for STAC without its extra.
    """
    if not isinstance(source, str | os.PathLike):
        return _not_empty(paths_entries(source), "the list of paths is empty: name at least one file")
    text = os.fspath(source)
    if asset is not None and not text.lower().endswith((".json", ".geojson")):
        raise UsageError("an asset is chosen of STAC items only: leave it out, or name a STAC file")
    if root is not None and not brings_questions(text):
        raise UsageError("a root goes with a sample file only: leave it out")
    if text == "-":
        return _not_empty(list_entries(sys.stdin.buffer, Path()), "no path came on standard input")
    if _ADDRESS.match(text) or "\0" in text or not text.strip():
        raise InputError(f"{ascii(text)[:60]} is not a path on this machine: {_KINDS} is wanted")
    path = Path(text)
    try:
        kind = path.stat().st_mode
    except OSError as error:
        if is_pattern(text) and isinstance(error, FileNotFoundError | NotADirectoryError):
            return _of_pattern(text, leave_out)
        raise InputError(f"{fault_of_os_error(error, f'file or folder {text}')[1]}: {_KINDS} is wanted") from error
    if stat.S_ISDIR(kind):
        return _of_folder(path, leave_out)
    if not stat.S_ISREG(kind):
        raise InputError(f"{text} is neither a folder nor a regular file: {_KINDS} is wanted")
    return _of_file(path, asset, root)


def _of_pattern(pattern: str, leave_out: Path | None) -> Iterator[Entry]:
    root, _ = split_pattern(pattern)
    _require_readable(root)
    return _not_empty(glob_entries(pattern, leave_out=leave_out), f"nothing matches {pattern}")


def _of_folder(folder: Path, leave_out: Path | None) -> Iterator[Entry]:
    _require_readable(folder)
    if leave_out is not None and leave_out.exists() and leave_out.samefile(folder):
        raise UsageError(
            f"{folder} is both where the images are and where results go: write to a folder below or beside"
        )
    endings = ", ".join(RASTER_SUFFIXES)
    return _not_empty(folder_entries(folder, leave_out=leave_out), f"no raster is below {folder}: none of {endings}")


def _require_readable(folder: Path) -> None:
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise InputError(fault_of_os_error(error, f"folder {folder}")[1]) from error


def _of_file(path: Path, asset: str | None, root: Path | None) -> Iterator[Entry]:
    suffix = path.suffix.lower()
    if brings_questions(path):
        return _not_empty(sample_entries(path, path.parent if root is None else root), f"{path} has no samples")
    if suffix == ".txt":
        return _not_empty(text_entries(path), f"{path} lists no path")
    if suffix in (".json", ".geojson"):
        return _not_empty(stac_entries(path, asset), f"{path} has no items")
    if has_raster_suffix(path.name):
        return paths_entries([path])
    raise UsageError(f"{path.name} is of no known kind: {_KINDS} is wanted")


def _not_empty(entries: Iterator[Entry], message: str) -> Iterator[Entry]:
    """``entries``, of which the first is read now, so that an empty source is an error at once."""
    first = next(entries, None)
    if first is None:
        raise InputError(message)
    return itertools.chain([first], entries)
