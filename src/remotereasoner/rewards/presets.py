"""Rewards and weights of the systems of the field, and ours: :func:`build_rewards`.

What each pays, with its source, is in ``docs/rewards.md``. Every part is in [0, 1]; the weights give the ranges that
the systems publish.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from remotereasoner.errors import UsageError
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.parsing import ParseLimits
from remotereasoner.rewards.answer import AnswerMatch
from remotereasoner.rewards.base import Reward
from remotereasoner.rewards.caption import Caption
from remotereasoner.rewards.formats import FormatStrict, FormatTags
from remotereasoner.rewards.grounding import Grounding
from remotereasoner.rewards.items import ItemFormat
from remotereasoner.rewards.mask import MaskIou
from remotereasoner.rewards.non_repeating import NonRepeating, NoSentenceTwice
from remotereasoner.rewards.points import Points
from remotereasoner.rewards.reading import AnswerReader
from remotereasoner.rewards.scenes import ScenePool
from remotereasoner.rewards.seg_zero import SegZeroTerm
from remotereasoner.rewards.visionreasoner import VisionReasonerAccuracy
from remotereasoner.rewards.vlm_r1 import VlmR1Accuracy
from remotereasoner.transform.base import Segmenter

__all__ = ["PRESETS", "build_rewards"]

_Weighted = list[tuple[Reward, float]]


@dataclass(frozen=True)
class _Parts:
    reader: AnswerReader
    segmenter: Segmenter | None
    root: Path | None

    def pool(self) -> ScenePool:
        return ScenePool(self.root)


def _default(parts: _Parts) -> _Weighted:
    """Form, place above the whole image, no circles; words for questions in words; masks where there is a segmenter."""
    reader = parts.reader
    found: _Weighted = [
        (FormatStrict(reader), 0.2),
        (Grounding(reader, above_whole_image=True), 1.0),
        (NonRepeating(reader), 0.1),
        (AnswerMatch(reader), 1.0),
        (Caption(reader), 1.0),
    ]
    if parts.segmenter is None:
        return found
    mask = MaskIou(reader, segmenter=parts.segmenter, pool=parts.pool(), above_whole_image=True)
    return [*found, (mask, 0.5)]


def _remotereasoner(parts: _Parts) -> _Weighted:
    """Format and grounding accuracy, 1:1 (``RemoteReasoner_GRPO.sh``; its accuracy is not published: ours)."""
    return [(FormatTags(name="format"), 1.0), (Grounding(parts.reader), 1.0)]


def _think2seg(parts: _Parts) -> _Weighted:
    """2 · mask IoU + JSON format + tag format (``geo_reward_func_ultra.py``)."""
    if parts.segmenter is None:
        raise UsageError("the reward preset think2seg judges masks: give a segmenter")
    return [
        (MaskIou(parts.reader, segmenter=parts.segmenter, pool=parts.pool(), suppress_iou=0.5), 2.0),
        (ItemFormat(name="sam_format", rule="think2seg"), 1.0),
        (FormatTags(name="format"), 1.0),
    ]


def _visionreasoner(parts: _Parts) -> _Weighted:
    """Tags (1), items (2), accuracy (3), no sentence twice (1) (``vision_reasoner.py``)."""
    return [
        (FormatTags(name="format"), 1.0),
        (ItemFormat(rule="visionreasoner"), 2.0),
        (VisionReasonerAccuracy(parts.reader, name="accuracy"), 3.0),
        (NoSentenceTwice(), 1.0),
    ]


def _vlm_r1(parts: _Parts) -> _Weighted:
    """Format and accuracy, 1:1 (``grpo_jsonl.py``)."""
    return [(ItemFormat(name="format", rule="vlm-r1"), 1.0), (VlmR1Accuracy(parts.reader, name="accuracy"), 1.0)]


def _seg_zero(parts: _Parts) -> _Weighted:
    """Five terms of 0 or 1 (``seg.py``)."""
    return [
        (FormatTags(name="format"), 1.0),
        (ItemFormat(rule="seg-zero"), 1.0),
        (SegZeroTerm(parts.reader, name="box_iou", term="iou"), 1.0),
        (SegZeroTerm(parts.reader, name="box_l1", term="l1"), 1.0),
        (SegZeroTerm(parts.reader, name="points", term="points"), 1.0),
    ]


def _grasp(parts: _Parts) -> _Weighted:
    """Form, boxes and two positive points (arXiv 2508.17102; its numbers are not published: equal parts)."""
    return [
        (FormatTags(name="format"), 0.5),
        (ItemFormat(rule="grasp"), 0.5),
        (Grounding(parts.reader, name="boxes"), 1.0),
        (Points(parts.reader, per_box=2), 1.0),
    ]


_BUILDERS: Mapping[str, Callable[[_Parts], _Weighted]] = {
    "default": _default,
    "remotereasoner": _remotereasoner,
    "think2seg": _think2seg,
    "visionreasoner": _visionreasoner,
    "vlm-r1": _vlm_r1,
    "seg-zero": _seg_zero,
    "grasp": _grasp,
}

PRESETS = tuple(_BUILDERS)
"""Names of the presets."""


def build_rewards(
    preset: str,
    *,
    codec: CoordinateCodec,
    segmenter: Segmenter | None = None,
    root: str | os.PathLike[str] | None = None,
    limits: ParseLimits | None = None,
    max_completion_length: int | None = None,
) -> tuple[list[Reward], list[float]]:
    """(functions, weights) for ``GRPOTrainer(reward_funcs=…)`` and ``GRPOConfig(reward_weights=…)``.

    ``codec``: of the policy that is trained. ``segmenter``: for the presets that judge masks; ``default`` judges them
    too where it is given. ``root``: folder that the paths in ``image`` and ``mask`` are relative to.
    ``max_completion_length``: the trainer's, to know an answer that was cut off. The functions share one reader, so
    that a batch is read once. Raises :class:`~remotereasoner.errors.UsageError` for a preset that there is not, and
    for ``think2seg`` without a segmenter.
    """
    build = _BUILDERS.get(preset)
    if build is None:
        raise UsageError(f"there is no reward preset {preset!r}; there are: {', '.join(PRESETS)}")
    reader = AnswerReader(codec, limits or ParseLimits(), max_completion_length)
    weighted = build(_Parts(reader, segmenter, None if root is None else Path(root)))
    return [reward for reward, _ in weighted], [weight for _, weight in weighted]
