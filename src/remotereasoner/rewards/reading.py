"""Completions beside their samples' columns, read once for all rewards: :class:`AnswerReader`.

The columns are the sample file's fields, lists with one value per completion: ``task``, ``boxes``, ``answers``,
``polygons``, ``mask``, ``image``, ``id``; and ``image_hw``, the size of the image that ``boxes`` are in, ``grid_hw``,
the size of the image as the policy saw it, and for the embedded model ``references`` (``reference_labels``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.parsing import ParseLimits, parse_completion
from remotereasoner.rewards.plain import Frame, read_plain
from remotereasoner.scores.boxes import as_boxes
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, SizeHw, Status, Task

__all__ = ["AnswerReader", "Reading", "Row", "column"]

_COLUMNS = (
    *("task", "image_hw", "grid_hw", "image", "images", "completion_ids"),
    *("references", "reference_labels", "id", "boxes", "answers"),
)
_NO_BOXES = np.empty((0, 4))
_NO_BOXES.setflags(write=False)


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """What one completion answers, in pixels of the image."""

    status: Status
    boxes: FloatArray = field(default_factory=lambda: _NO_BOXES)
    """(M, 4), clipped to the image, without repeats."""
    points_xy: tuple[tuple[PointXy, ...], ...] = ()
    """() or per box its points."""
    spurious: int = 0
    """Boxes that were written too but are repeats, empty, outside the image or beyond the limit."""
    tidy: bool = False
    """The text has exactly the form that was asked for."""
    text: str | None = None

    @property
    def is_readable(self) -> bool:
        """There is an answer, be it that nothing is there."""
        return self.status in ("answered", "no_target")


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """One completion and its sample."""

    completion: str
    reading: Reading | None
    """None: it cannot be read, because the size of the image is not known."""
    task: Task
    truth: FloatArray | None
    """(N, 4) in pixels of the image; None: not known."""
    answers: tuple[str, ...]
    image_hw: SizeHw | None
    tokens: int | None
    """Tokens of the completion, where TRL says so."""

    @property
    def places(self) -> tuple[Reading, FloatArray] | None:
        """(reading, true boxes) where boxes are asked for and both are known."""
        if self.task != "locate" or self.reading is None or self.truth is None:
            return None
        return self.reading, self.truth


_Key = tuple[str, Task, SizeHw, SizeHw, bool, tuple[BoxXyxy, ...], tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class AnswerReader:
    """Reads completions by the parser that inference uses, with the codec of the policy that is trained.

    ``max_completion_length``: the trainer's; a completion of so many tokens with an unclosed answer is ``truncated``.
    ``kept`` readings are remembered, so that several rewards of one batch read it once.
    """

    codec: CoordinateCodec
    limits: ParseLimits = field(default_factory=ParseLimits)
    max_completion_length: int | None = None
    kept: int = 16_384
    _readings: OrderedDict[_Key, Reading] = field(default_factory=OrderedDict, repr=False)
    _last: list[tuple[list[list[Any]], list[Row]]] = field(default_factory=list, repr=False)
    """The last batch's texts and columns and its rows: the rewards of one batch are called one after another."""

    def rows(self, texts: Sequence[str], columns: Mapping[str, Any]) -> list[Row]:
        """One row per text. Raises :class:`~remotereasoner.errors.UsageError` for columns that cannot be used."""
        used = [texts, *(column(columns, name, len(texts)) for name in _COLUMNS)]
        if self._last:
            before, rows = self._last[0]
            if all(len(a) == len(b) and all(map(is_, a, b)) for a, b in zip(before, used, strict=True)):
                return rows
        rows = self._rows(texts, columns)
        self._last[:] = [([list(values) for values in used], rows)]
        return rows

    def _rows(self, texts: Sequence[str], columns: Mapping[str, Any]) -> list[Row]:
        n = len(texts)
        tasks = [_task(value) for value in column(columns, "task", n)]
        sizes = [_size(value, "image_hw") for value in column(columns, "image_hw", n)]
        if None in sizes:
            images = [
                _first_image(*pair)
                for pair in zip(column(columns, "image", n), column(columns, "images", n), strict=True)
            ]
            sizes = [size or _size_of_image(image) for size, image in zip(sizes, images, strict=True)]
        grids = [_size(value, "grid_hw") for value in column(columns, "grid_hw", n)]
        tokens = [None if ids is None else len(ids) for ids in column(columns, "completion_ids", n)]
        references = column(columns, "references", n)
        labels = column(columns, "reference_labels", n)
        keys: list[_Key | None] = []
        for i, (text, task, size, grid) in enumerate(zip(texts, tasks, sizes, grids, strict=True)):
            if size is None and task == "locate":
                keys.append(None)
                continue
            image_hw = size or (1, 1)  # words have no place
            cut = self.max_completion_length is not None and (tokens[i] or 0) >= self.max_completion_length
            shown = tuple(tuple(map(float, box)) for box in references[i] or ())
            grid_hw = grid or (self.codec.grid_hw(image_hw) if task == "locate" else image_hw)
            keys.append((text, task, grid_hw, image_hw, cut, shown, tuple(labels[i] or ())))  # type: ignore[arg-type]
        readings = self._read(keys)
        ids = column(columns, "id", n)
        boxes = column(columns, "boxes", n)
        answers = column(columns, "answers", n)
        return [
            Row(
                completion=text,
                reading=readings[i],
                task=tasks[i],
                truth=_truth(boxes[i], ids[i]),
                answers=(answers[i],) if isinstance(answers[i], str) else tuple(answers[i] or ()),
                image_hw=sizes[i],
                tokens=tokens[i],
            )
            for i, text in enumerate(texts)
        ]

    def _read(self, keys: Sequence[_Key | None]) -> list[Reading | None]:
        known = self._readings
        wanted = {key: known.get(key) for key in keys if key is not None}
        new = [key for key, reading in wanted.items() if reading is None]
        plain = [key for key in new if key[1] == "locate" and self.codec.style != "references"]
        frames = [Frame(grid_hw=key[2], image_hw=key[3]) for key in plain]
        quick = read_plain([key[0] for key in plain], frames, codec=self.codec, limits=self.limits)
        for key, boxes in zip(plain, quick, strict=True):
            if boxes is not None:
                status: Status = "answered" if len(boxes) else "no_target"
                wanted[key] = Reading(status, boxes, tidy=True)
        for key in new:
            reading = wanted[key] or self._parse(key)
            wanted[key] = known[key] = reading
        while len(known) > self.kept:
            known.popitem(last=False)
        return [None if key is None else wanted[key] for key in keys]

    def _parse(self, key: _Key) -> Reading:
        text, task, grid_hw, image_hw, cut, references, labels = key
        completion = Completion(
            text, "length" if cut else "stop", grid_hw, references=references, reference_labels=labels
        )
        answer = parse_completion(completion, task=task, codec=self.codec, image_hw=image_hw, limits=self.limits)
        return _reading(answer)


def _reading(answer: Answer) -> Reading:
    return Reading(
        answer.status,
        as_boxes(answer.boxes_xyxy),
        answer.points_xy,
        spurious=answer.dropped_degenerate + answer.dropped_duplicate + answer.dropped_over_limit,
        tidy=answer.status in ("answered", "no_target") and not answer.repaired,
        text=answer.text,
    )


def column(columns: Mapping[str, Any], name: str, n: int) -> Sequence[Any]:
    """The values of a column, None for each completion where there is no such column.

    Raises :class:`~remotereasoner.errors.UsageError` where it has another length than the completions.
    """
    values = columns.get(name)
    if values is None:
        return [None] * n
    if len(values) != n:
        raise UsageError(f"the column {name} has {len(values)} values for {n} completions")
    found: Sequence[Any] = values
    return found


def _task(value: object) -> Task:
    if value is None or value == "locate":
        return "locate"
    if value == "vqa":
        return "vqa"
    if value == "caption":
        return "caption"
    raise UsageError(f"task must be locate, vqa or caption, not {value!r}")


def _size(value: Any, name: str) -> SizeHw | None:
    if value is None:
        return None
    if len(value) != 2 or value[0] < 1 or value[1] < 1:
        raise UsageError(f"{name} must be [height, width] in pixels, not {value!r}")
    return int(value[0]), int(value[1])


def _first_image(image: Any, images: Any) -> Any:
    return images[0] if image is None and images else image


def _size_of_image(image: Any) -> SizeHw | None:
    """Of an array (H, W, …) or a PIL image; None for a path: it is not opened for this."""
    if isinstance(image, np.ndarray):
        return int(image.shape[0]), int(image.shape[1])
    size = getattr(image, "size", None)
    return None if size is None else (int(size[1]), int(size[0]))


def _truth(boxes: Any, identifier: Any) -> FloatArray | None:
    if boxes is None:
        return None
    try:
        return as_boxes(boxes)
    except (UsageError, ValueError, TypeError) as error:
        raise UsageError(f"the true boxes of sample {identifier!r} cannot be used: {error}") from error
