"""Images that somebody listed: in a text file, on standard input, in Python, or as the questions of a sample file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from remotereasoner.batch.items import Entry
from remotereasoner.batch.sources.files import entry_of_files, fault_of_os_error
from remotereasoner.data.samples import BadSample, numbered_samples
from remotereasoner.errors import InputError

__all__ = ["list_entries", "paths_entries", "sample_entries", "text_entries"]

_MAX_LINE_BYTES = 64 * 1024
_MAX_FILES_A_LINE = 64


def paths_entries(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Entry]:
    """One image a path, named as it is written."""
    for path in paths:
        yield entry_of_files([Path(path)], os.fspath(path))


def text_entries(path: Path) -> Iterator[Entry]:
    """As :func:`list_entries`, of a text file; paths are relative to its folder.

    Raises :class:`~remotereasoner.errors.InputError` where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from list_entries(file, path.parent)
    except OSError as error:
        raise InputError(fault_of_os_error(error, f"list {path}")[1]) from error


def list_entries(file: IO[bytes], root: Path) -> Iterator[Entry]:
    """One image a line. Blank lines and lines that begin with ``#`` are passed over; several files in a line, with tabs
    between them, are the bands of one scene. A line that is not UTF-8 or far too long is an entry with a fault.
    """
    number = 0
    while raw := file.readline(_MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > _MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while (more := file.readline(_MAX_LINE_BYTES)) and not more.endswith(b"\n"):
                pass
            yield _bad_line(number, f"longer than {_MAX_LINE_BYTES:,} bytes")
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # some editors mark UTF-8 so
        try:
            line = raw.decode("utf-8").strip("\r\n")
        except UnicodeDecodeError as error:
            yield _bad_line(number, f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}")
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        names = [name.strip() for name in line.split("\t") if name.strip()]
        if len(names) > _MAX_FILES_A_LINE or "\0" in line:
            yield _bad_line(number, f"more than {_MAX_FILES_A_LINE} files, or a NUL in it")
            continue
        yield entry_of_files([root / name for name in names], ", ".join(names))


def _bad_line(number: int, reason: str) -> Entry:
    return Entry((), f"line {number}", fault=("bad_line", f"line {number} of the list cannot be used: {reason}"))


def sample_entries(path: Path, root: Path) -> Iterator[Entry]:
    """The questions of a sample file, each about its own image below ``root``; what is not a sample is a fault.

    Raises :class:`~remotereasoner.errors.SampleError` where the file cannot be read.
    """
    for line, found in numbered_samples(path):
        if isinstance(found, BadSample):
            name = found.id or f"line {line}"
            yield Entry((), name, fault=("bad_sample", f"line {line} of the sample file: {found.reason}"))
        else:
            yield entry_of_files(
                [root / found.image], found.image, question=found.query, task=found.task, extra={"id": found.id}
            )
