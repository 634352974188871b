"""What the tests of rewards share: completions, samples' columns, a codec that changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from remotereasoner.policy.codec_families import PixelCodec
from remotereasoner.rewards.base import Reward
from remotereasoner.rewards.presets import build_rewards
from remotereasoner.rewards.reading import AnswerReader
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.types import BoxXyxy, SizeHw

HW: SizeHw = (200, 300)
A: BoxXyxy = (10.0, 10.0, 50.0, 50.0)
B: BoxXyxy = (100.0, 20.0, 160.0, 80.0)
FAR: BoxXyxy = (200.0, 150.0, 220.0, 170.0)
WHOLE: BoxXyxy = (0.0, 0.0, 300.0, 200.0)
PROMPT = 'Question: Where could a ship moor?\nWrite [{"bbox_2d": [x1, y1, x2, y2], "label": "what"}] in these pixels.'


def reader(**settings: Any) -> AnswerReader:
    return AnswerReader(PixelCodec(), **settings)


def wrapped(answer: str, reasoning: str = "The quay lies by the water.") -> str:
    return f"<think>{reasoning}</think>\n<answer>{answer}</answer>"


def drawn(*boxes: Sequence[float], points: int = 0, label: str | None = None) -> str:
    """A well-formed answer, with so many points about each box's centre."""
    items: list[dict[str, Any]] = []
    for x1, y1, x2, y2 in boxes:
        item: dict[str, Any] = {"bbox_2d": [x1, y1, x2, y2]}
        if label is not None:
            item["label"] = label
        own = [[(x1 + x2) / 2 + i, (y1 + y2) / 2] for i in range(points)]
        if points == 1:
            item["point_2d"] = own[0]
        elif points:
            item["positive_points"] = own
        items.append(item)
    return wrapped(json.dumps(items))


def columns_of(truth: Sequence[BoxXyxy] | None, n: int = 1, hw: SizeHw = HW, **more: Any) -> dict[str, Any]:
    """The columns of ``n`` generations of one sample; ``more`` are single values."""
    boxes = None if truth is None else [list(box) for box in truth]
    single: dict[str, Any] = {"id": "s", "task": "locate", "boxes": boxes, "image_hw": list(hw), **more}
    return {name: [value] * n for name, value in single.items()}


def judge(reward: Reward, text: str, truth: Sequence[BoxXyxy] | None, hw: SizeHw = HW, **more: Any) -> float | None:
    """What one completion, as a chat message, earns."""
    (value,) = reward([PROMPT], [[{"role": "assistant", "content": text}]], **columns_of(truth, hw=hw, **more))
    return value


def total(preset: str, text: str, truth: Sequence[BoxXyxy], hw: SizeHw = HW, **more: Any) -> float:
    """The weighted sum that a preset pays, as TRL adds it up; masks are the boxes themselves."""
    segmenter = BoxSegmenter() if preset == "think2seg" else None
    rewards, weights = build_rewards(preset, codec=PixelCodec(), segmenter=segmenter)
    values = [judge(reward, text, truth, hw, **more) for reward in rewards]
    return sum(weight * value for weight, value in zip(weights, values, strict=True) if value is not None)
