"""The predictions file: JSON Lines, one line a sample, with the raw completion, so that it can be scored again."""

from __future__ import annotations

import fcntl
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from remotereasoner.errors import ExportError, ResultFormatError, UsageError
from remotereasoner.result import Result
from remotereasoner.scores.runs import Runs
from remotereasoner.types import BoxXyxy, SizeHw, Status

__all__ = ["Invalid", "Prediction", "PredictionLog", "PredictionTable", "Vote", "prediction_of", "read_predictions"]

_STATUSES: tuple[Status, ...] = get_args(Status)
_MAX_LINE_BYTES = 64 << 20
_SYNC_EVERY_S = 5.0
_OWN_LINE = re.compile(rb'\{"id":"([ !#-\[\]-~]{1,256})",')  # ASCII without quotes and escapes


@dataclass(frozen=True, slots=True)
class Vote:
    """One of several sampled answers to the same question."""

    status: Status
    boxes: tuple[BoxXyxy, ...] = ()
    text: str | None = None
    completion: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the policy answered to one sample. Boxes and masks in pixels of the sample's image."""

    id: str
    status: Status
    boxes: tuple[BoxXyxy, ...] = ()
    scores: tuple[float | None, ...] = ()
    """() or one per box."""
    masks: tuple[Runs, ...] | None = None
    """One per box, or None where they were not kept."""
    text: str | None = None
    reasoning: str = ""
    completion: str = ""
    """Raw, as the model wrote it."""
    reason: str | None = None
    """Why it could not be read."""
    image_hw: SizeHw | None = None
    gsd_m: float | None = None
    """Side of a pixel on the ground, where the image has a CRS."""
    seconds: float | None = None
    tokens: int | None = None
    votes: tuple[Vote, ...] = ()

    @property
    def is_failure(self) -> bool:
        """There is no answer that could be right or wrong: it was not readable, cut off or refused."""
        return self.status not in ("answered", "no_target")


@dataclass(frozen=True, slots=True)
class Invalid:
    """A sample that could not be asked: its line, image or mask is broken. Not the model's failure."""

    id: str | None
    line: int
    reason: str


def prediction_of(
    identifier: str, result: Result, *, votes: Sequence[Vote] = (), with_masks: bool = True
) -> Prediction:
    """What is kept of a result."""
    size_hw = result.grid.size_hw
    masks = tuple(Runs.of_instance(mask, size_hw) for mask in result.masks) if with_masks else None
    return Prediction(
        id=identifier,
        status=result.status,
        boxes=result.boxes,
        scores=tuple(finding.score for finding in result.findings),
        masks=masks if result.task == "locate" else None,
        text=result.text,
        reasoning=result.reasoning,
        completion=result.completion.text,
        reason=result.answer.reason,
        image_hw=size_hw,
        gsd_m=result.grid.ground_sample_distance_m(),
        seconds=result.provenance.seconds.get("total"),
        tokens=result.completion.completion_tokens,
        votes=tuple(votes),
    )


def record_of(entry: Prediction | Invalid) -> dict[str, Any]:
    """The JSON object of a line."""
    if isinstance(entry, Invalid):
        return {"id": entry.id, "line": entry.line, "invalid": entry.reason}
    record: dict[str, Any] = {
        "id": entry.id,
        "status": entry.status,
        "boxes": [list(box) for box in entry.boxes],
        "scores": list(entry.scores),
        "text": entry.text,
        "reasoning": entry.reasoning,
        "completion": entry.completion,
        "reason": entry.reason,
        "image_hw": None if entry.image_hw is None else list(entry.image_hw),
        "gsd_m": entry.gsd_m,
        "seconds": entry.seconds,
        "tokens": entry.tokens,
    }
    if entry.masks is not None:
        record["masks"] = [mask.to_coco() for mask in entry.masks]
    if entry.votes:
        record["votes"] = [
            {"status": v.status, "boxes": [list(box) for box in v.boxes], "text": v.text, "completion": v.completion}
            for v in entry.votes
        ]
    return record


def entry_of(record: Mapping[str, Any]) -> Prediction | Invalid:
    """Raises :class:`~remotereasoner.errors.ResultFormatError` naming the field."""
    try:
        if record.get("invalid") is not None:
            identifier = record.get("id")
            return Invalid(None if identifier is None else str(identifier), int(record["line"]), str(record["invalid"]))
        boxes = _boxes(record.get("boxes"))
        text = _text(record, "text")
        scores = tuple(None if score is None else _finite(score) for score in record.get("scores") or ())
        masks = record.get("masks")
        if scores and len(scores) != len(boxes):
            raise ValueError(f"{len(scores)} scores for {len(boxes)} boxes")
        if masks is not None and len(masks) != len(boxes):
            raise ValueError(f"{len(masks)} masks for {len(boxes)} boxes")
        size = record.get("image_hw")
        return Prediction(
            id=_required_id(record),
            status=_status(record.get("status"), has_answer=bool(boxes) or text is not None),
            boxes=boxes,
            scores=scores,
            masks=None if masks is None else tuple(Runs.of_coco(mask) for mask in masks),
            text=text,
            reasoning=_text(record, "reasoning") or "",
            completion=_text(record, "completion") or "",
            reason=_text(record, "reason"),
            image_hw=None if size is None else (int(size[0]), int(size[1])),
            gsd_m=_optional(record.get("gsd_m")),
            seconds=_optional(record.get("seconds")),
            tokens=None if record.get("tokens") is None else int(record["tokens"]),
            votes=tuple(_vote(vote) for vote in record.get("votes") or ()),
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise ResultFormatError(f"not a prediction: {error}") from None


def _required_id(record: Mapping[str, Any]) -> str:
    identifier = record.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise ValueError("its id is missing")
    return identifier


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value


def _status(value: object, *, has_answer: bool) -> Status:
    if value is None:
        return "answered" if has_answer else "no_target"
    if value not in _STATUSES:
        raise ValueError(f"status must be one of {', '.join(_STATUSES)}")
    return value


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number


def _optional(value: Any) -> float | None:
    return None if value is None else _finite(value)


def _boxes(values: Any) -> tuple[BoxXyxy, ...]:
    boxes = []
    for value in values or ():
        x1, y1, x2, y2 = (_finite(number) for number in value)
        boxes.append((x1, y1, x2, y2))
    return tuple(boxes)


def _vote(raw: Mapping[str, Any]) -> Vote:
    boxes, text = _boxes(raw.get("boxes")), _text(raw, "text")
    status = _status(raw.get("status"), has_answer=bool(boxes) or text is not None)
    return Vote(status, boxes, text, _text(raw, "completion") or "")


# Reading -------------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, bytes) of each whole line; a torn last one is not a line."""
    try:
        with path.open("rb") as file:
            offset = number = 0
            while raw := file.readline(_MAX_LINE_BYTES + 1):
                number += 1
                if not raw.endswith(b"\n"):
                    if len(raw) > _MAX_LINE_BYTES:
                        raise ResultFormatError(f"{path}, line {number}: longer than {_MAX_LINE_BYTES:,} bytes")
                    # Written by others, the last line may lack its end; written by us, it was torn.
                    if not _is_json(raw):
                        return
                if raw.strip():
                    yield number, offset, raw
                offset += len(raw)
    except OSError as error:
        raise ResultFormatError(f"{path} cannot be read: {error.strerror or error}") from error


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _parse(path: Path, number: int, raw: bytes) -> Prediction | Invalid:
    try:
        record = json.loads(raw)
        if not isinstance(record, dict):
            raise ResultFormatError("not a prediction: a line must be a JSON object")
        return entry_of(record)
    except (ValueError, RecursionError) as error:
        raise ResultFormatError(f"{path}, line {number}: not JSON ({error})") from None
    except ResultFormatError as error:
        raise ResultFormatError(f"{path}, line {number}: {error}") from None


def read_predictions(path: Path) -> Iterator[Prediction | Invalid]:
    """One by one. Raises :class:`~remotereasoner.errors.ResultFormatError` naming file and line."""
    for number, _, raw in _lines(path):
        yield _parse(path, number, raw)


class PredictionTable:
    """Where each sample's prediction lies in a file: ids are in memory, predictions are not."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`~remotereasoner.errors.ResultFormatError` for a broken line or an id that stands twice."""
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}
        self.invalid_lines: set[int] = set()
        """Lines of the sample file whose samples could not be asked and have no id."""
        for number, offset, raw in _lines(path):
            identifier, line = _identity(path, number, raw)
            if identifier is None:
                self.invalid_lines.add(line)
            elif identifier in self._places:
                raise ResultFormatError(f"{path}, line {number}: a second prediction of {identifier!r:.80}")
            else:
                self._places[identifier] = (number, offset)
        self._file = path.open("rb")

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._places

    def __enter__(self) -> PredictionTable:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def get(self, identifier: str) -> Prediction | Invalid | None:
        """None where the file has no such prediction."""
        place = self._places.get(identifier)
        if place is None:
            return None
        self._file.seek(place[1])
        return _parse(self.path, place[0], self._file.readline(_MAX_LINE_BYTES))


def _identity(path: Path, number: int, raw: bytes) -> tuple[str | None, int]:
    """(id, line in the sample file) without building the rest; of a line that we wrote, without reading the rest."""
    if (own := _OWN_LINE.match(raw)) and raw.endswith(b"}\n"):
        return own[1].decode(), 0
    try:
        record = json.loads(raw)
        identifier = record.get("id")
        if isinstance(identifier, str) and identifier:
            return identifier, 0
        if record.get("invalid") is not None:
            return None, int(record["line"])
        raise ValueError("its id is missing")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise ResultFormatError(f"{path}, line {number}: not a prediction: {error}") from None


# Writing -------------------------------------------------------------------------------------------------------------


class PredictionLog:
    """Appends to a predictions file that another process may have left in the middle of a line.

    The lines of one call of :meth:`append` go to the system at once, so a killed process loses no answer that was
    given; the disk is flushed every few seconds. Only one process writes.
    """

    def __init__(self, path: Path) -> None:
        """Cuts off a torn last line. Raises UsageError where another process writes, ExportError where none can."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UsageError(f"another process is writing {path}: wait for it, or choose another folder") from None
        self._cut_torn_line()
        self._synced = time.monotonic()

    def _cut_torn_line(self) -> None:
        end = self._file.seek(0, os.SEEK_END)
        position = end
        while position > 0:
            step = min(1 << 16, position)
            self._file.seek(position - step)
            newline = self._file.read(step).rfind(b"\n")
            if newline >= 0:
                position = position - step + newline + 1
                break
            position -= step
        if position < end:
            self._file.truncate(position)

    def append(self, entries: Sequence[Prediction | Invalid]) -> None:
        """Raises :class:`~remotereasoner.errors.ExportError` where the disk refuses."""
        text = "".join(
            json.dumps(record_of(entry), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
            for entry in entries
        )
        # A model may write half a surrogate pair; the file stays UTF-8.
        raw = memoryview(text.encode("utf-8", errors="replace"))
        try:
            while raw:
                raw = raw[self._file.write(raw) :]
            if time.monotonic() - self._synced > _SYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise ExportError(f"cannot write {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
