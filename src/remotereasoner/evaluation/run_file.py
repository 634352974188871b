"""What a run was asked to do: kept beside its predictions, so that it is only ever continued as it was begun."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from remotereasoner.errors import ResultFormatError, SampleError, UsageError
from remotereasoner.export.atomic import write_files
from remotereasoner.version import package_version

__all__ = ["FILE_NAME", "RunParameters", "SampleFile", "begin_or_continue", "inspect_samples", "read_run"]

FILE_NAME = "run.json"
_FORMAT = "remotereasoner-run"


@dataclass(frozen=True)
class RunParameters:
    """Everything that an answer depends on. What only the scoring depends on is no part of it."""

    samples: str
    """Name of the file, without its folder."""
    samples_sha256: str
    model: Mapping[str, Any]
    """The policy's identity: engine, name, revision, …"""
    codec: str
    segmenter: str
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int | None
    limit: int | None
    batch: int
    votes: int
    vote_temperature: float | None
    masks: bool


@dataclass(frozen=True)
class SampleFile:
    """A sample file, looked at once: its hash, and which of its lines are blank."""

    path: Path
    sha256: str
    n_records: int
    blank_lines: tuple[int, ...]
    """Counted from 1."""
    may_have_captions: bool = True
    """False: certainly none."""

    def line_of(self, ordinal: int) -> int:
        """The line on which record ``ordinal`` (from 0) stands."""
        line = ordinal + 1
        for blank in self.blank_lines:
            if blank > line:
                break
            line += 1
        return line


def inspect_samples(path: Path) -> SampleFile:
    """Raises :class:`~remotereasoner.errors.SampleError` where the file cannot be read."""
    digest = hashlib.sha256()
    blank: list[int] = []
    lines = 0
    inside, filled = False, False  # of the line that a block ends in
    captions, tail = False, b""
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                captions = captions or b"caption" in tail + block
                tail = block[-len(b"caption") :]
                parts = block.split(b"\n")
                for i, part in enumerate(parts):
                    inside = inside or bool(part)
                    filled = filled or bool(part.strip())
                    if i < len(parts) - 1:
                        lines += 1
                        if not filled:
                            blank.append(lines)
                        inside, filled = False, False
    except OSError as error:
        raise SampleError(str(path), None, f"cannot be read: {error.strerror or error}") from error
    if inside:
        lines += 1
        if not filled:
            blank.append(lines)
    return SampleFile(path, digest.hexdigest(), lines - len(blank), tuple(blank), captions)


def read_run(folder: Path) -> dict[str, Any] | None:
    """The parameters of the run in ``folder``, or None where there is none."""
    path = folder / FILE_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ResultFormatError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ResultFormatError(f"{path} does not describe a run: its format is not {_FORMAT!r}")
    return document


def begin_or_continue(folder: Path, parameters: RunParameters) -> bool:
    """Write ``run.json``, or check that the one there says the same; True where the run is continued.

    Raises :class:`~remotereasoner.errors.UsageError` where it was begun otherwise, naming what differs.
    """
    wanted: dict[str, Any] = json.loads(json.dumps(asdict(parameters)))
    kept = read_run(folder)
    if kept is None:
        if (folder / "predictions.jsonl").exists():
            raise UsageError(f"{folder} has predictions of an unknown run: choose another folder")
        document = {"format": _FORMAT, "version": package_version(), "parameters": wanted}
        write_files(folder, {FILE_NAME: json.dumps(document, indent=1, ensure_ascii=False).encode()})
        return False
    before = kept.get("parameters")
    before = before if isinstance(before, dict) else {}
    differing = [
        f"{name}: {_shown(before.get(name))} then, {_shown(value)} now"
        for name, value in wanted.items()
        if before.get(name) != value
    ]
    if differing:
        raise UsageError(
            f"{folder} holds a run that was begun otherwise ({'; '.join(differing)}): "
            "continue it with its own parameters, or choose another folder"
        )
    return True


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 80 else text[:79] + "…"
