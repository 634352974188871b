"""Files that are either complete or not there: written under a temporary name, flushed to the disk, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from remotereasoner.errors import ExportError

__all__ = ["flush", "temporary_name", "write_files", "write_temporary"]


def flush(path: Path) -> None:
    """A file, or the names in a folder, onto the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_name(path: Path) -> Path:
    """A new name beside ``path``, by which what a killed process leaves is known."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def write_temporary(path: Path, payload: bytes) -> Path:
    """``payload`` onto the disk under a temporary name, which is returned. Raises OSError, and leaves nothing then."""
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def write_files(
    folder: Path, payloads: Mapping[str, bytes], *, remove: frozenset[str] = frozenset()
) -> dict[str, Path]:
    """Write ``payloads`` (file name to content) into ``folder``, which is made; returns name to path.

    Nothing gets its final name before everything is on the disk, so a full disk or a missing permission leaves what was
    there before. ``remove``: names of an earlier set of files that do not belong to this one and go.
    Raises :class:`~remotereasoner.errors.ExportError`.
    """
    paths = {name: folder / name for name in payloads}
    temporaries: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, payload in payloads.items():
            temporaries[paths[name]] = write_temporary(paths[name], payload)
        for path, temporary in list(temporaries.items()):
            temporary.replace(path)
            del temporaries[path]
        for name in remove - set(payloads):
            (folder / name).unlink(missing_ok=True)
        flush(folder)
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
    return paths
