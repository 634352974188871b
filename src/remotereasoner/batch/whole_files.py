"""Files that are either complete or not there: large ones, written piece by piece, and many small ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from remotereasoner.errors import ExportError
from remotereasoner.export.atomic import flush, temporary_name, write_temporary

__all__ = ["whole_file", "write_many"]

_THREADS = 8  # a disk flushes several files in hardly more time than one


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The name to write to; at the block's end the file is on the disk and gets its name, after an exception it goes.

    The folder is made. Raises :class:`~remotereasoner.errors.ExportError` for an OSError of the block, too.
    """
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_many(folder: Path, payloads: Mapping[str, bytes], *, remove: frozenset[str] = frozenset()) -> None:
    """As :func:`~remotereasoner.export.atomic.write_files`, but for the moment between: each file gets its name when
    it is on the disk. What leads to them is to be written afterwards.

    Raises :class:`~remotereasoner.errors.ExportError`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="batch-files") as pool:
            list(pool.map(lambda name: _write_one(folder / name, payloads[name]), payloads))
        for name in remove - set(payloads):
            (folder / name).unlink(missing_ok=True)
        flush(folder)
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error


def _write_one(path: Path, payload: bytes) -> None:
    temporary = write_temporary(path, payload)
    try:
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
