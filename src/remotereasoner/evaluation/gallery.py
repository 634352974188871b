"""Single answers to look at: the best, the median, the worst and the failed, drawn on their images."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from PIL import Image

from remotereasoner.data.samples import Sample, image_path
from remotereasoner.errors import InputError
from remotereasoner.evaluation.asking import samples_of
from remotereasoner.evaluation.predictions import Prediction, PredictionTable
from remotereasoner.evaluation.run_file import SampleFile
from remotereasoner.evaluation.scoring import Scored, image_size
from remotereasoner.evaluation.truth import polygon_mask, true_mask
from remotereasoner.export.overlay import draw_findings
from remotereasoner.scene import open_scene
from remotereasoner.scores.runs import Runs
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.findings import Finding
from remotereasoner.transform.masks import box_window, empty_mask, trim
from remotereasoner.transform.polygons import masks_to_polygons
from remotereasoner.types import BoxXyxy, SizeHw, UInt8Array

__all__ = ["Case", "Gallery", "make_galleries"]

_SIDE_PX = 512
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Case:
    """One sample as it is shown."""

    id: str
    query: str
    status: str
    score: float
    reasoning: str
    completion: str
    reason: str | None
    text: str | None
    """The answer in words."""
    answers: tuple[str, ...]
    n_drawn: int
    n_true: int
    truth_uri: str | None
    """data: URI of the image with what is true; None where there is no place to show."""
    answer_uri: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Some cases of a kind."""

    title: str
    what: str
    cases: tuple[Case, ...]


def make_galleries(
    scored: Scored, file: SampleFile, predictions: PredictionTable, *, root: str | PathLike[str], size: int = 6
) -> list[Gallery]:
    """Up to ``size`` cases each; which of several with the same score, is drawn with a fixed seed."""
    chosen = _chosen(scored, size)
    lines = {int(scored.lines[row]) for rows in chosen.values() for row in rows}
    samples = {}
    if lines:
        for line, sample in samples_of(file, None):
            if line in lines and isinstance(sample, Sample):
                samples[line] = sample
            if len(samples) == len(lines):
                break
    whats = {
        "Best": "highest scores",
        "Median": "scores around the middle",
        "Worst": "lowest scores of answers that could be read",
        "Failed": "answers that could not be read, were cut off or refused",
    }
    galleries = []
    for title, rows in chosen.items():
        cases = []
        for row in rows:
            sample = samples[int(scored.lines[row])]
            entry = predictions.get(sample.id)
            prediction = entry if isinstance(entry, Prediction) else Prediction(sample.id, "unparseable")
            cases.append(_case(sample, prediction, float(scored.scores[row]), root))
        galleries.append(Gallery(title, whats[title], tuple(cases)))
    return galleries


def _chosen(scored: Scored, size: int) -> dict[str, list[int]]:
    """Per gallery the rows in it; none is in two."""
    scores = np.frombuffer(scored.scores, dtype=np.float64) if len(scored.scores) else np.empty(0)
    failed = np.frombuffer(bytes(scored.failed), dtype=np.bool_)
    draw = random.Random(0)  # noqa: S311  which case to show is no secret
    ties = np.array([draw.random() for _ in range(len(scores))])
    read = np.flatnonzero(~failed)
    ranked = read[np.lexsort((ties[read], -scores[read]))].tolist()
    broken = np.flatnonzero(failed)
    broken = broken[np.argsort(ties[broken])][:size].tolist()
    # “Nothing there”, answered rightly, is a good answer but no picture.
    best = [row for row in ranked if scored.telling[row]][: min(size, (len(ranked) + 2) // 3)]
    rest = [row for row in ranked if row not in set(best)]
    worst = rest[::-1][: min(size, (len(rest) + 1) // 2)]
    rest = rest[: len(rest) - len(worst)]
    middle = max(0, len(ranked) // 2 - len(best) - size // 2)
    median = rest[min(middle, max(0, len(rest) - size)) :][:size]
    return {"Best": best, "Median": median, "Worst": worst, "Failed": broken}


def _case(sample: Sample, prediction: Prediction, score: float, root: str | PathLike[str]) -> Case:
    pixels = _pixels(sample, root)
    size_hw = image_size(sample, prediction, root) or (pixels.shape[:2] if pixels is not None else (480, 640))
    locate = sample.task == "locate"
    boxes = prediction.boxes if locate and not prediction.is_failure else ()
    masks = [mask.to_instance() for mask in prediction.masks or ()] if boxes else []
    return Case(
        id=sample.id,
        query=sample.query or "Describe this image.",
        status=prediction.status,
        score=score,
        reasoning=prediction.reasoning,
        completion=prediction.completion,
        reason=prediction.reason,
        text=prediction.text,
        answers=sample.answers,
        n_drawn=len(boxes),
        n_true=len(sample.boxes),
        truth_uri=_drawn(pixels, size_hw, sample.boxes, _true_masks(sample, root, size_hw)) if locate else None,
        answer_uri=_drawn(pixels, size_hw, boxes, masks),
    )


def _pixels(sample: Sample, root: str | PathLike[str]) -> UInt8Array | None:
    """None where the image cannot be read: the case is then shown on grey."""
    try:
        return open_scene(image_path(root, sample)).pixels
    except InputError:
        return None


def _true_masks(sample: Sample, root: str | PathLike[str], size_hw: SizeHw) -> list[InstanceMask]:
    if sample.polygons is not None:
        return [polygon_mask(rings, size_hw).to_instance() for rings in sample.polygons]
    if sample.mask is None:
        return []
    try:
        whole = true_mask(sample, root, size_hw)
    except InputError:
        return []
    return [_part(whole, box, size_hw) for box in sample.boxes] if whole is not None else []


def _part(whole: Runs, box: BoxXyxy, size_hw: SizeHw) -> InstanceMask:
    """What of the mask lies in the box: an image of all targets does not say which is whose."""
    window = box_window(box, size_hw)
    if window is None:
        return empty_mask()
    rows = slice(window.row_off, window.row_off + window.height)
    columns = slice(window.col_off, window.col_off + window.width)
    return trim(whole.to_mask()[rows, columns], (window.col_off, window.row_off), 1.0)


def _drawn(pixels: UInt8Array | None, size_hw: SizeHw, boxes: Sequence[BoxXyxy], masks: Sequence[InstanceMask]) -> str:
    """A JPEG as data: URI."""
    own = list(masks) if len(masks) == len(boxes) else [empty_mask()] * len(boxes)
    findings = [
        Finding(
            index=k,
            box_xyxy=box,
            mask=mask,
            polygons=polygons,
            score=mask.score,
            score_source="segmenter",
            label=None,
            area_px=int(mask.mask.sum()),
            centroid_xy=((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
            centroid_lonlat=None,
            area_m2=None,
            perimeter_m=None,
            width_m=None,
            length_m=None,
        )
        for k, (box, mask, polygons) in enumerate(zip(boxes, own, masks_to_polygons(own), strict=True))
    ]
    fits = pixels is not None and pixels.shape[:2] == tuple(size_hw)
    picture = draw_findings(pixels if fits else None, size_hw, findings)
    picture.thumbnail((_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
