"""Checkpoints that are either whole or not there, and the newest of them.

A checkpoint is written into a hidden folder beside its place, flushed to the disk, and renamed. A process that is
killed in between leaves the hidden folder, which nothing reads and the next run removes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from remotereasoner.errors import CheckpointError, ExportError

__all__ = [
    "MANIFEST_NAME",
    "checkpoint_folders",
    "checkpoint_path",
    "newest_checkpoint",
    "publish",
    "remove_old",
    "staging_path",
]

MANIFEST_NAME = "run.json"
_NAME = re.compile(r"^checkpoint-(\d+)$")
_STATE = "trainer_state.json"


def checkpoint_path(output_dir: Path, step: int) -> Path:
    return output_dir / f"checkpoint-{step}"


def staging_path(final: Path) -> Path:
    """Where ``final`` is written first."""
    return final.with_name(f".{final.name}.partial")


def checkpoint_folders(output_dir: Path) -> list[tuple[int, Path]]:
    """(step, folder) of every checkpoint, the oldest first."""
    if not output_dir.is_dir():
        return []
    found = [(int(match[1]), entry) for entry in output_dir.iterdir() if (match := _NAME.match(entry.name))]
    return sorted((step, folder) for step, folder in found if folder.is_dir())


def newest_checkpoint(output_dir: Path) -> Path:
    """The newest whole checkpoint: it has the manifest and a readable state. Raises CheckpointError without one."""
    for _, folder in reversed(checkpoint_folders(output_dir)):
        if (folder / MANIFEST_NAME).is_file() and _has_state(folder):
            return folder
    raise CheckpointError(f"{output_dir} holds no checkpoint to resume from")


def _has_state(folder: Path) -> bool:
    try:
        state = json.loads((folder / _STATE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(state, dict) and "global_step" in state


def publish(final: Path) -> None:
    """Flush the staged folder of ``final`` to the disk and give it its name. Raises ExportError."""
    staging = staging_path(final)
    try:
        for folder, _, names in os.walk(staging):
            for name in names:
                _fsync(Path(folder) / name)
            _fsync(Path(folder))
        if final.exists():
            shutil.rmtree(final)
        staging.rename(final)
        _fsync(final.parent)
    except OSError as error:
        raise ExportError(f"the checkpoint {final} could not be written: {error.strerror or error}") from error


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_old(output_dir: Path, *, keep: int | None, protected: Iterable[Path] = ()) -> None:
    """Remove all but the newest ``keep`` checkpoints (None: keep all), never a protected one."""
    if keep is None:
        return
    spared = {path.name for path in protected}
    folders = [folder for _, folder in checkpoint_folders(output_dir)]
    for folder in folders[: max(0, len(folders) - max(1, keep))]:
        if folder.name not in spared:
            shutil.rmtree(folder)
