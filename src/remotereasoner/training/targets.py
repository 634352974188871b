"""What supervision trains towards: the completion that answers a sample, in the coordinates of the policy."""

from __future__ import annotations

import json

import numpy as np

from remotereasoner.data.samples import Sample
from remotereasoner.errors import UsageError
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_families import UnitCodec
from remotereasoner.policy.prompts import compose_completion
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["MAX_REASONING_CHARS", "checked_reasoning", "encoded_boxes", "target_text"]

MAX_REASONING_CHARS = 4_000


def target_text(sample: Sample, codec: CoordinateCodec, image_hw: SizeHw) -> str:
    """Reasoning (``attributes.reasoning``, may be absent) and answer, as ``policy.prompts`` asks for them.

    Raises UsageError for a codec whose answers are no coordinates, and for a ``reasoning`` that is no text.
    """
    reasoning = checked_reasoning(sample)
    if sample.task == "locate":
        return compose_completion(reasoning, _boxes_text(sample, codec, image_hw))
    if sample.task == "caption" and codec.style == "lists":
        return sample.answers[0]  # that wording asks for the bare sentence
    return compose_completion(reasoning, sample.answers[0])


def checked_reasoning(sample: Sample) -> str:
    """``attributes.reasoning`` on one line, "" where there is none. Raises UsageError for what could close a tag."""
    reasoning = sample.attributes.get("reasoning", "")
    if not isinstance(reasoning, str) or len(reasoning) > MAX_REASONING_CHARS:
        raise UsageError(f"sample {sample.id}: reasoning must be text of at most {MAX_REASONING_CHARS} characters")
    reasoning = " ".join(reasoning.split())
    if "<" in reasoning:
        raise UsageError(f"sample {sample.id}: reasoning holds '<', which could close a tag")
    return reasoning


def _boxes_text(sample: Sample, codec: CoordinateCodec, image_hw: SizeHw) -> str:
    if codec.style == "references":
        raise UsageError("a policy that answers with references needs a target of its own")
    if not sample.boxes:
        return "[]"
    boxes = encoded_boxes(sample.boxes, codec, image_hw)
    if codec.style == "lists":
        return json.dumps(boxes, separators=(",", ":"))
    label = (sample.category or "target").replace("_", " ")
    return json.dumps([{"bbox_2d": box, "label": label} for box in boxes], ensure_ascii=False)


def encoded_boxes(boxes: tuple[BoxXyxy, ...], codec: CoordinateCodec, image_hw: SizeHw) -> list[list[float]]:
    """(N, 4) model coordinates: whole numbers, thousandths where the frame is 0 to 1. No side becomes empty."""
    height, width = image_hw
    grid_hw = codec.grid_hw(image_hw)
    corners = np.clip(np.asarray(boxes, dtype=np.float64).reshape(-1, 2), 0, (width, height))
    encoded = codec.encode_xy(corners, grid_hw=grid_hw, image_hw=image_hw).reshape(-1, 4)
    frame = codec.encode_xy(np.array([[width, height]], dtype=np.float64), grid_hw=grid_hw, image_hw=image_hw)[0]
    unit = 1e-3 if isinstance(codec, UnitCodec) else 1.0
    steps = np.floor(encoded / unit + 0.5)
    for low, high, end in ((0, 2, frame[0]), (1, 3, frame[1])):
        empty = steps[:, high] <= steps[:, low]
        steps[empty, high] = steps[empty, low] + 1
        over = steps[:, high] > np.floor(end / unit)
        steps[over & empty, low] -= 1
        steps[over & empty, high] -= 1
    if unit == 1.0:
        return [[int(value) for value in row] for row in steps]
    return [[round(float(value) * unit, 3) for value in row] for row in steps]
