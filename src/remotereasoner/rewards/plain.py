"""Many completions of the very form that the prompts ask for, read at once.

A batch of GRPO is judged between two steps of the policy, so it must cost nothing beside them. What is read here has
one possible meaning; everything else goes to the parser, one by one. Tests hold that both give the same boxes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.parsing import ParseLimits
from remotereasoner.scores.boxes import pairwise_iou
from remotereasoner.types import FloatArray, SizeHw

__all__ = ["Frame", "read_plain"]

# No other angle bracket: no second block, no end token, no dialect with tags.
_FORM = re.compile(r"\s*<think>[^<]*</think>\s*<answer>\s*(\[[^<]*\])\s*</answer>\s*")
_OTHER_DIALECTS = re.compile(r"[(\\`]")  # pairs of points, escapes, code fences
_KEYS = ({"bbox_2d"}, {"bbox_2d", "label"})
_MAX_BOXES = 64  # of one completion: the table of their overlaps stays small
_MAX_ABS = 1e9
_IOU_MARGIN = 1e-9  # the parser computes the same IoU in another order
_CHUNK = 2_000_000  # entries of the table of overlaps


def _refuse(word: str) -> None:
    raise ValueError(word)


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # NaN and Infinity are the parser's business
_NUMBERS = frozenset({int, float})


class Frame(NamedTuple):
    """The image as the policy saw it, and the image that boxes are wanted in."""

    grid_hw: SizeHw
    image_hw: SizeHw


def read_plain(
    texts: Sequence[str], frames: Sequence[Frame], *, codec: CoordinateCodec, limits: ParseLimits
) -> list[FloatArray | None]:
    """Per text its boxes (M, 4) in pixels of the image, (0, 4) for ``[]``; None: ask the parser.

    Asked are the parser's ways also where a box is too small, repeated, or one of too many.
    """
    raw = [_numbers(text, limits) for text in texts]
    found: list[FloatArray | None] = [np.empty((0, 4)) if numbers == [] else None for numbers in raw]
    by_frame: defaultdict[Frame, list[int]] = defaultdict(list)
    for i, (numbers, frame) in enumerate(zip(raw, frames, strict=True)):
        if numbers:
            by_frame[frame].append(i)
    for frame, rows in by_frame.items():
        flat = np.array([n for i in rows for n in raw[i] or ()], dtype=np.float64).reshape(-1, 2)
        decoded = codec.decode_xy(flat, grid_hw=frame.grid_hw, image_hw=frame.image_hw).reshape(-1, 4)
        first, second = decoded[:, :2], decoded[:, 2:]
        corners = np.hstack([np.minimum(first, second), np.maximum(first, second)])
        boxes = np.clip(corners, 0.0, np.array([frame.image_hw[1], frame.image_hw[0]] * 2, dtype=np.float64))
        large = np.min(boxes[:, 2:] - boxes[:, :2], axis=1) >= limits.min_side_px
        by_count: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        start = 0
        for i in rows:
            count = len(raw[i] or ()) // 4
            if large[start : start + count].all():
                by_count[count].append((i, start))
            start += count
        for count, members in by_count.items():
            step = max(1, _CHUNK // count**2)
            for chunk in (members[k : k + step] for k in range(0, len(members), step)):
                stacked = boxes[np.array([s for _, s in chunk])[:, None] + np.arange(count)]
                repeated = _has_repeat(stacked, limits.duplicate_iou)
                for (i, _), own, again in zip(chunk, stacked, repeated.tolist(), strict=True):
                    if not again:
                        found[i] = own
    return found


def _has_repeat(stacked: FloatArray, duplicate_iou: float) -> Any:
    """(G,) whether any two of the boxes (G, M, 4) overlap so much that the parser may call them one."""
    iou = pairwise_iou(stacked, stacked)
    diagonal = np.arange(stacked.shape[1])
    iou[:, diagonal, diagonal] = 0.0
    return iou.max(axis=(1, 2)) >= duplicate_iou - _IOU_MARGIN


def _numbers(text: str, limits: ParseLimits) -> list[float] | None:
    """The numbers of all boxes, four each, in model coordinates; None where the text is not of the plain form."""
    if len(text) > limits.max_chars:
        return None
    form = _FORM.fullmatch(text)
    if form is None or _OTHER_DIALECTS.search(form[1]):
        return None
    try:
        items = _DECODER.decode(form[1])
    except (ValueError, RecursionError):
        return None
    if len(items) > min(_MAX_BOXES, limits.max_boxes):
        return None
    numbers: list[float] = []
    keyed = labelled = 0
    for item in items:
        box = item
        if type(item) is dict:
            if item.keys() not in _KEYS:
                return None
            keyed += 1
            box = item["bbox_2d"]
            if len(item) == 2:
                labelled += 1
                label = item["label"]
                if type(label) is not str or not _is_tame(label, limits.max_label_chars):
                    return None
        if type(box) is not list or len(box) != 4:
            return None
        numbers += box
    # A key that stands twice in one object is the parser's business.
    if keyed and (form[1].count('"bbox_2d"') != keyed or form[1].count('"label"') != labelled):
        return None
    if numbers and not (
        _NUMBERS.issuperset(map(type, numbers)) and max(numbers) <= _MAX_ABS and min(numbers) >= -_MAX_ABS
    ):
        return None
    return numbers


@lru_cache(maxsize=4_096)
def _is_tame(label: str, max_chars: int) -> bool:
    """The parser would not change this label."""
    return len(label) <= max_chars and label.isascii() and label.isprintable()
