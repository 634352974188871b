"""What an image is, by its content: :class:`FileHasher`."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from remotereasoner.batch.items import Entry
from remotereasoner.batch.ledger_planning import SeenFile
from remotereasoner.batch.ledger_schema import connect, guarded
from remotereasoner.batch.sources.files import fault_of_os_error
from remotereasoner.scene.bands import band_name_of_file, is_early_landsat_name

__all__ = ["Content", "FileHasher", "Hasher"]

_BLOCK_BYTES = 1 << 20
_TRIES = 3


@dataclass(frozen=True)
class Content:
    """``sha256`` of an entry's content, or the fault why there is none; ``hashed``: files that had to be read."""

    sha256: str | None
    fault: tuple[str, str] | None = None
    hashed: tuple[SeenFile, ...] = ()


class Hasher(Protocol):
    """From an entry to its content; asked in the planner's thread."""

    def __call__(self, entry: Entry) -> Content: ...


class FileHasher:
    """Hashes files, but for those that the ledger knows by path, size and time of change.

    The bytes of one file are its content. What a file's name says about bands changes what is seen of it, so it counts
    too: the names of several bands of one scene, and a name of an early Landsat.
    """

    def __init__(self, ledger: Path) -> None:
        self._path = ledger
        self._known = connect(ledger, read_only=True)

    def __enter__(self) -> FileHasher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._known.close()

    def __call__(self, entry: Entry) -> Content:
        """Files that cannot be read are a fault with the codes of :func:`remotereasoner.scene.door.open_raster`."""
        digests: list[str] = []
        hashed: list[SeenFile] = []
        for path in entry.paths:
            try:
                seen, is_new = self._seen(path)
            except OSError as error:
                return Content(None, fault_of_os_error(error, f"file {Path(path).name}"), tuple(hashed))
            digests.append(seen.sha256)
            if is_new:
                hashed.append(seen)
        return Content(_together(entry.paths, digests), None, tuple(hashed))

    def _seen(self, path: str) -> tuple[SeenFile, bool]:
        now = Path(path).stat()
        with guarded(self._path):
            found = self._known.execute(
                "SELECT sha256 FROM files WHERE path = ? AND size = ? AND mtime_ns = ?",
                (path, now.st_size, now.st_mtime_ns),
            ).fetchone()
        if found is not None:
            return SeenFile(path, now.st_size, now.st_mtime_ns, found[0]), False
        return _hash_file(path), True


def _hash_file(path: str) -> SeenFile:
    """Hash a regular file that does not change meanwhile. Raises OSError."""
    for _ in range(_TRIES):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a pipe must not wait
        with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor has no path
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            digest = hashlib.sha256()
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
            after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            return SeenFile(path, after.st_size, after.st_mtime_ns, digest.hexdigest())
    raise OSError(errno.EBUSY, "it is being written to")


def _together(paths: Sequence[str], digests: Sequence[str]) -> str:
    names = [Path(path).name for path in paths]
    if len(paths) == 1:
        if not is_early_landsat_name(names[0]):
            return digests[0]
        parts = ["early landsat", digests[0]]
    else:
        parts = ["early landsat" if is_early_landsat_name(names[0]) else "bands"]
        parts += [f"{band_name_of_file(name)} {digest}" for name, digest in zip(names, digests, strict=True)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
