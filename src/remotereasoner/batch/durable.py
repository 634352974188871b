"""Outputs of items on the disk: each file under a temporary name, flushed, renamed; then the folders are flushed.

Many items are written at a time, because a disk flushes many files in hardly more time than one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from remotereasoner.batch import failpoints
from remotereasoner.batch.items import ItemDone
from remotereasoner.batch.layout import item_folder
from remotereasoner.errors import ExportError
from remotereasoner.export.atomic import flush, temporary_name

__all__ = ["ItemWriter", "sweep"]

_THREADS = 8
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


class ItemWriter:
    """Writes items below ``out``."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="batch-flush")

    def __enter__(self) -> ItemWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._pool.shutdown()

    def write(self, items: Sequence[ItemDone]) -> list[dict[str, tuple[str, int]]]:
        """All files of all items; returns for each item its files' (sha256, size), once everything is on the disk.

        Raises :class:`~remotereasoner.errors.ExportError`; files of earlier calls stay as they are, temporary ones go.
        """
        try:
            with_folders = [(item, item_folder(self._out, item.key)) for item in items if item.files]
            made = [self._make(folder) for _, folder in with_folders]
            all(self._pool.map(lambda pair: _write_item(*pair), with_folders))
            folders = dict.fromkeys([folder for _, folder in with_folders] + [one for new in made for one in new])
            list(self._pool.map(flush, folders))
        except OSError as error:
            raise ExportError(
                f"cannot write below {self._out}: {error.strerror or error}. Make room or give permission there, and "
                "run the same command again; nothing that is finished is lost"
            ) from error
        return [
            {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in item.files.items()}
            for item in items
        ]

    def _make(self, folder: Path) -> list[Path]:
        """Make a folder and those above it; returns folders that have a new entry."""
        changed: list[Path] = []
        wanted = [folder]
        while not wanted[-1].is_dir():
            wanted.append(wanted[-1].parent)
        for one in reversed(wanted[:-1]):
            one.mkdir(exist_ok=True)
            changed.append(one.parent)
        return changed


def _write_item(item: ItemDone, folder: Path) -> bool:
    """Whoever writes an item holds it: temporary files that lie there are of a holder that is dead, and may have
    outlived the run that took over from it.
    """
    sweep([folder])
    temporaries: list[tuple[Path, Path]] = []
    try:
        for name, content in item.files.items():
            temporary = temporary_name(folder / name)
            temporaries.append((temporary, folder / name))
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                failpoints.hit("write.temp")
                os.fsync(file.fileno())
            failpoints.hit("write.fsynced")
        for temporary, path in temporaries:
            temporary.replace(path)
            failpoints.hit("write.renamed")
    except OSError:
        for temporary, _ in temporaries:
            temporary.unlink(missing_ok=True)
        raise
    return True


def sweep(folders: Iterable[Path]) -> int:
    """Remove the temporary files that a killed run left in ``folders``; returns how many."""
    swept = 0
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                path.unlink(missing_ok=True)
                swept += 1
    return swept
