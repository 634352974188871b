"""Samples and predictions to scores, in one pass and without a model: :func:`score_predictions`."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from remotereasoner.data.samples import BadSample, Sample, image_path, mask_path
from remotereasoner.errors import ResultFormatError, SampleError
from remotereasoner.evaluation.asking import samples_of
from remotereasoner.evaluation.consistency import Reliability, agreement
from remotereasoner.evaluation.judging import STATUSES, Row, judge
from remotereasoner.evaluation.predictions import Invalid, Prediction, PredictionTable
from remotereasoner.evaluation.protocols import Protocol
from remotereasoner.evaluation.run_file import SampleFile
from remotereasoner.evaluation.table import Table
from remotereasoner.evaluation.truth import true_mask
from remotereasoner.scores.captions import CiderD
from remotereasoner.scores.detection import Detections
from remotereasoner.scores.runs import Runs
from remotereasoner.types import SizeHw

__all__ = ["Problem", "Scored", "image_size", "score_predictions", "status_rates"]

_KEPT_PROBLEMS = 100
_NO_SCORE = 0.0  # of a box whose prediction has no scores: all are equal then


@dataclass(frozen=True, slots=True)
class Problem:
    """A sample that could not be judged."""

    line: int
    reason: str


@dataclass(eq=False)
class Scored:
    """All that a summary and a report are made of; no predictions."""

    table: Table = field(default_factory=Table)
    detections: Detections = field(default_factory=Detections)
    reliability: Reliability = field(default_factory=Reliability)
    statuses: Counter[str] = field(default_factory=Counter)
    n_invalid: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first hundred."""
    n_missing: int = 0
    """Samples without a prediction; they count as answers that could not be read."""
    n_unknown: int = 0
    """Predictions without a sample; they count for nothing."""
    n_masks_from_boxes: int = 0
    """Predictions without masks, whose boxes' pixels were judged in their place."""
    has_true_masks: bool = False
    """Some sample says by mask or polygons where its targets are."""
    meteor: float | None = None
    # Per row, for galleries and plots.
    lines: array[int] = field(default_factory=lambda: array("q"))
    scores: array[float] = field(default_factory=lambda: array("d"))
    failed: bytearray = field(default_factory=bytearray)
    telling: bytearray = field(default_factory=bytearray)
    """There is something to see: a target, or words."""
    detection_rows: array[int] = field(default_factory=lambda: array("q"))
    seconds: array[float] = field(default_factory=lambda: array("d"))
    """Of each answer, where known."""


def score_predictions(
    file: SampleFile,
    predictions: PredictionTable,
    *,
    root: str | PathLike[str],
    chosen: frozenset[int] | None = None,
    protocols: Sequence[Protocol] = (),
    rows_file: BinaryIO | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Judge every chosen sample of ``file``. ``rows_file``: gets a JSON line for each.

    Raises :class:`~remotereasoner.errors.ResultFormatError` for a prediction that does not fit its sample's image.
    """
    scored = Scored()
    cider = _cider(file, chosen)
    captions = _Captions()
    known = 0
    for line, sample in samples_of(file, chosen):
        if isinstance(sample, BadSample):
            _note(scored, line, sample.reason)
            progress(1)
            continue
        entry = predictions.get(sample.id)
        known += entry is not None
        if isinstance(entry, Invalid):
            _note(scored, line, entry.reason)
        else:
            prediction = entry or Prediction(sample.id, "unparseable", reason="there is no prediction")
            scored.n_missing += entry is None
            try:
                row = _judged(scored, sample, prediction, root, protocols, cider)
            except SampleError as error:
                _note(scored, line, str(error))
            else:
                captions.add(sample, prediction)
                _keep(scored, line, sample, prediction, row, rows_file)
        progress(1)
    scored.n_unknown = len(predictions) - known
    scored.meteor = captions.meteor()
    return scored


def _note(scored: Scored, line: int, reason: str) -> None:
    scored.n_invalid += 1
    if len(scored.problems) < _KEPT_PROBLEMS:
        scored.problems.append(Problem(line, reason))


def _judged(
    scored: Scored,
    sample: Sample,
    prediction: Prediction,
    root: str | PathLike[str],
    protocols: Sequence[Protocol],
    cider: CiderD | None,
) -> Row:
    truth: Runs | None = None
    if sample.task == "locate":
        size_hw = image_size(sample, prediction, root)
        truth = None if size_hw is None else true_mask(sample, root, size_hw)
        for mask in prediction.masks or ():
            if size_hw is not None and mask.size_hw != size_hw:
                raise ResultFormatError(
                    f"prediction {prediction.id!r:.80}: a mask of {mask.size_hw[1]} x {mask.size_hw[0]} px, "
                    f"its image has {size_hw[1]} x {size_hw[0]}"
                )
    row = judge(sample, prediction, truth, protocols=protocols, cider=cider)
    if truth is not None:
        scored.n_masks_from_boxes += prediction.masks is None and bool(prediction.boxes)
        scored.has_true_masks = scored.has_true_masks or truth.edges.size > 0
    return row


def _keep(
    scored: Scored, line: int, sample: Sample, prediction: Prediction, row: Row, rows_file: BinaryIO | None
) -> None:
    index = len(scored.table)
    scored.table.add(sample.image, row.parts, row.groups)
    scored.statuses[prediction.status] += 1
    scored.lines.append(line)
    scored.scores.append(row.score)
    scored.failed.append(prediction.is_failure)
    scored.telling.append(bool(sample.boxes) or sample.task != "locate")
    if prediction.seconds is not None:
        scored.seconds.append(prediction.seconds)
    if sample.task == "locate":
        boxes = () if prediction.is_failure else prediction.boxes
        scores = [_NO_SCORE if score is None else score for score in prediction.scores] or [_NO_SCORE] * len(boxes)
        scored.detections.add(boxes, scores[: len(boxes)], sample.boxes)
        scored.detection_rows.append(index)
    confidence = agreement(prediction, prediction.votes, sample.task)
    if confidence is not None:
        scored.reliability.add(confidence, row.correct)
    if rows_file is not None:
        rows_file.write(_encoded(sample, prediction, row, confidence))


def _encoded(sample: Sample, prediction: Prediction, row: Row, confidence: float | None) -> bytes:
    record: dict[str, Any] = {
        "id": sample.id,
        "image": sample.image,
        "task": sample.task,
        "status": prediction.status,
        "score": row.score,
        "correct": row.correct,
        "confidence": confidence,
        "groups": row.groups,
        "parts": {name: list(part) for name, part in row.parts.items() if part[1] or part[0]},
    }
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def image_size(sample: Sample, prediction: Prediction, root: str | PathLike[str]) -> SizeHw | None:
    """(height, width): as predicted, else from the mask's or the image's header; None where nothing tells."""
    if prediction.image_hw is not None:
        return prediction.image_hw
    for path in (mask_path(root, sample), image_path(root, sample)):
        if path is not None and path.is_file():
            try:
                with Image.open(path) as image:
                    return image.height, image.width
            except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
                continue
    return None


# Captions need the whole corpus --------------------------------------------------------------------------------------


def _cider(file: SampleFile, chosen: frozenset[int] | None) -> CiderD | None:
    if not file.may_have_captions:
        return None
    return CiderD(_references(file, chosen))


def _references(file: SampleFile, chosen: frozenset[int] | None) -> Iterator[Sequence[str]]:
    for _, sample in samples_of(file, chosen):
        if isinstance(sample, Sample) and sample.task == "caption":
            yield sample.answers


class _Captions:
    """Texts for METEOR, which wants all at once; kept only where it is there."""

    def __init__(self) -> None:
        self._predicted: list[str] = []
        self._references: list[Sequence[str]] = []
        self._jar: Path | None = None
        self._looked = False

    def add(self, sample: Sample, prediction: Prediction) -> None:
        if sample.task != "caption":
            return
        if not self._looked:
            from remotereasoner.scores.meteor import find_meteor

            self._jar, self._looked = find_meteor(), True
        if self._jar is not None:
            self._predicted.append("" if prediction.is_failure else prediction.text or "")
            self._references.append(sample.answers)

    def meteor(self) -> float | None:
        if self._jar is None or not self._predicted:
            return None
        from remotereasoner.scores.meteor import meteor_scores

        return meteor_scores(self._jar, self._predicted, self._references)[0]


def status_rates(statuses: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Per status how many and what share."""
    total = sum(statuses.values())
    return {
        name: {"n": statuses.get(name, 0), "rate": statuses.get(name, 0) / total if total else 0.0} for name in STATUSES
    }
