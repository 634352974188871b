"""The sample file: JSON Lines, one question a line; what training, evaluation and batch read.

Every line is checked on its own, so that a broken one is named with its number and the others stay usable. Reading is
lazy: one line is in memory at a time, and of the lines before it only their ids.
"""

from __future__ import annotations

import difflib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from remotereasoner.data.fields import (
    FieldError,
    answers_of,
    attributes_of,
    boxes_of,
    json_record,
    path_of,
    polygons_of,
    shown,
    task_of,
    text_of,
)
from remotereasoner.errors import ExportError, SampleError
from remotereasoner.policy.prompts import MAX_QUESTION_CHARS
from remotereasoner.types import BoxXyxy, PointXy, Task

__all__ = [
    "MAX_LINE_BYTES",
    "BadSample",
    "Sample",
    "fault_of",
    "image_path",
    "mask_path",
    "numbered_samples",
    "read_samples",
    "sample_record",
    "write_samples",
]

MAX_LINE_BYTES = 4 * 2**20
"""A longer line is a bad sample; it is passed over without being held in memory."""
_MAX_ID_CHARS = 256
_FIELDS = (
    *("id", "image", "query", "boxes", "polygons", "mask", "task", "answer"),
    *("category", "split", "source", "licence", "kind", "attributes"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question about one image, with what answers it. Boxes and polygons in pixels of that image."""

    id: str
    image: str
    """Relative to the file's root, forward slashes."""
    query: str
    boxes: tuple[BoxXyxy, ...]
    """(): nothing in the image answers the question."""
    task: Task = "locate"
    answers: tuple[str, ...] = ()
    """Accepted answers or reference captions; one at least for ``vqa`` and ``caption``."""
    polygons: tuple[tuple[tuple[PointXy, ...], ...], ...] | None = None
    """Per box its rings of (x, y), or None."""
    mask: str | None = None
    """Path of an 8-bit PNG, above 0 is target; relative as ``image``."""
    category: str | None = None
    split: str | None = None
    source: str | None = None
    licence: str | None = None
    kind: str | None = None
    """Type of question: direct, implicit, relation, count, absent, …"""
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Whatever else is known, such as ``gsd_m``."""


@dataclass(frozen=True, slots=True)
class BadSample:
    """A line that is not a sample."""

    line: int
    """Counted from 1."""
    reason: str
    id: str | None = None
    """Where the line got as far as saying it."""


def read_samples(path: str | os.PathLike[str], *, strict: bool = False) -> Iterator[Sample | BadSample]:
    """The samples of a file in order, a :class:`BadSample` in place of each line that is not one. Blank lines are none.

    ``strict``: raises :class:`~remotereasoner.errors.SampleError` with file and line instead of yielding the first
    bad one. A file that cannot be read raises it either way, on the first step.
    """
    return (found for _, found in numbered_samples(path, strict=strict))


def numbered_samples(path: str | os.PathLike[str], *, strict: bool = False) -> Iterator[tuple[int, Sample | BadSample]]:
    """As :func:`read_samples`, each with the number of its line, counted from 1."""
    source = Path(path)
    ids: set[str] = set()
    try:
        with source.open("rb") as file:
            for line, raw in _lines(file):
                found = _read_line(line, raw, ids)
                if isinstance(found, Sample):
                    ids.add(found.id)
                elif strict:
                    raise SampleError(str(source), found.line, found.reason)
                yield line, found
    except OSError as error:
        raise SampleError(str(source), None, f"cannot be read: {error.strerror or error}") from error


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """(number, bytes) of each line that is not blank; None in place of one that is too long."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None
            continue
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # some editors mark UTF-8 so
        if raw.strip():
            yield number, raw


def _read_line(line: int, raw: bytes | None, ids: set[str]) -> Sample | BadSample:
    if raw is None:
        return BadSample(line, f"the line is longer than {MAX_LINE_BYTES:,} bytes")
    identifier: str | None = None
    try:
        record = json_record(raw.decode("utf-8"))
        identifier = text_of(record, "id", required=True, max_chars=_MAX_ID_CHARS)
        sample = _sample(record)
    except UnicodeDecodeError as error:
        return BadSample(line, f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}")
    except FieldError as error:
        return BadSample(line, str(error), identifier)
    if sample.id in ids:
        return BadSample(line, f"the id {shown(sample.id)} stands on an earlier line", sample.id)
    return sample


def _sample(record: Mapping[str, Any]) -> Sample:
    """The sample that ``record`` means. Raises :class:`FieldError`."""
    for name in record:
        if name not in _FIELDS:
            close = difflib.get_close_matches(name[:40], _FIELDS, n=1)
            hint = f"did you mean {close[0]}?" if close else "put what is not part of the format into attributes"
            raise FieldError(f"unknown field {shown(name)}: {hint}")
    task = task_of(record)
    boxes = boxes_of(record, task)
    polygons = polygons_of(record, len(boxes))
    mask = text_of(record, "mask")
    if mask is not None and polygons is not None:
        raise FieldError("polygons and mask exclude each other: which one holds?")
    return Sample(
        id=text_of(record, "id", required=True, max_chars=_MAX_ID_CHARS) or "",
        image=path_of(text_of(record, "image", required=True) or "", "image"),
        query=text_of(record, "query", required=task != "caption", max_chars=MAX_QUESTION_CHARS) or "",
        boxes=boxes,
        task=task,
        answers=answers_of(record, task),
        polygons=polygons,
        mask=None if mask is None else path_of(mask, "mask"),
        category=text_of(record, "category"),
        split=text_of(record, "split"),
        source=text_of(record, "source"),
        licence=text_of(record, "licence"),
        kind=text_of(record, "kind"),
        attributes=attributes_of(record),
    )


def sample_record(sample: Sample) -> dict[str, Any]:
    """The JSON object of a sample, without the fields that are absent."""
    record: dict[str, Any] = {
        "id": sample.id,
        "image": sample.image,
        "query": sample.query,
        "boxes": [list(box) for box in sample.boxes],
    }
    if sample.task != "locate":
        record["task"] = sample.task
    if sample.answers:
        record["answer"] = sample.answers[0] if len(sample.answers) == 1 else list(sample.answers)
    if sample.polygons is not None:
        record["polygons"] = [[[list(point) for point in ring] for ring in rings] for rings in sample.polygons]
    for name in ("mask", "category", "split", "source", "licence", "kind"):
        if (value := getattr(sample, name)) is not None:
            record[name] = value
    if sample.attributes:
        record["attributes"] = dict(sample.attributes)
    return record


def write_samples(path: str | os.PathLike[str], samples: Iterable[Sample]) -> int:
    """Write a sample file that :func:`read_samples` reads back equal; returns how many samples it has.

    The file gets its name only when everything is on the disk. Raises :class:`~remotereasoner.errors.SampleError` for
    a sample that could not be read back, and :class:`~remotereasoner.errors.ExportError` where the disk refuses.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    ids: set[str] = set()
    try:
        with temporary.open("xb") as file:
            for line, sample in enumerate(samples, start=1):
                file.write(_encoded(target, line, sample, ids))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ExportError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return len(ids)


def fault_of(sample: Sample) -> str | None:
    """Why ``sample`` could not be read back from a sample file, or None where it can."""
    try:
        _encoded(Path(), 1, sample, set())
    except SampleError as error:
        return error.reason
    return None


def _encoded(target: Path, line: int, sample: Sample, ids: set[str]) -> bytes:
    try:
        text = json.dumps(sample_record(sample), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        raw = text.encode("utf-8") + b"\n"
    except (TypeError, ValueError) as error:
        raise SampleError(str(target), line, f"cannot be written as JSON: {error}") from error
    found = _read_line(line, raw if len(raw) <= MAX_LINE_BYTES else None, ids)
    if isinstance(found, BadSample):
        raise SampleError(str(target), line, found.reason)
    ids.add(found.id)
    return raw


def image_path(root: str | os.PathLike[str], sample: Sample) -> Path:
    """Where the image lies. Raises :class:`~remotereasoner.errors.SampleError` where it leads out of ``root``."""
    return _below(root, sample.image, "image", sample.id)


def mask_path(root: str | os.PathLike[str], sample: Sample) -> Path | None:
    """Where the mask lies, or None where there is none. Raises as :func:`image_path`."""
    return None if sample.mask is None else _below(root, sample.mask, "mask", sample.id)


def _below(root: str | os.PathLike[str], relative: str, name: str, identifier: str) -> Path:
    try:
        return Path(root, path_of(relative, name))
    except FieldError as error:
        raise SampleError(f"sample {shown(identifier)}", None, str(error)) from None
