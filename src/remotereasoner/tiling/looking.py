"""One window, one answer: what the policy and the segmenter make of it, in pixels of the level."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import shapely
from shapely import MultiPolygon, Polygon

from remotereasoner.errors import EngineError
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, Prompt
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt
from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.polygons import masks_to_polygons
from remotereasoner.types import BoxXyxy, WindowPx

if TYPE_CHECKING:
    from remotereasoner.reasoner import Reasoner

__all__ = ["Fragment", "Look", "Looker"]


@dataclass(frozen=True, eq=False)
class Fragment:
    """One object of one window's answer, in pixels of the level. It may be a part of an object that the window cuts."""

    window: int
    """Index of the window."""
    number: int
    """Position in the window's answer."""
    box_xyxy: BoxXyxy
    mask: InstanceMask
    outline: Polygon | MultiPolygon
    """Of the mask; the box where the segmenter found nothing in it."""
    score: float | None
    """The policy's."""
    label: str | None


@dataclass(frozen=True, eq=False)
class Look:
    """What one window gave; ``answer`` is in its own pixels."""

    index: int
    window: WindowPx
    prompt: Prompt
    completion: Completion
    answer: Answer
    fragments: tuple[Fragment, ...]


@dataclass
class Looker:
    """Asks the same question about window after window, and keeps the time."""

    reasoner: Reasoner
    question: str
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def look(self, windows: Sequence[tuple[int, WindowPx, Scene]]) -> list[Look]:
        """One call of the policy for all of them; results in their order. Raises what the engine raises."""
        reasoner, codec = self.reasoner, self.reasoner.policy.codec
        prompts = [
            build_prompt("locate", self.question, scene.pixels, codec, sampling=reasoner.sampling)
            for _, _, scene in windows
        ]
        began = time.perf_counter()
        completions = reasoner.policy.generate(prompts)
        self.seconds["policy"] += time.perf_counter() - began
        if len(completions) != len(prompts):
            raise EngineError(f"the engine gave {len(completions)} answers to {len(prompts)} windows")
        return [
            self._read(index, window, scene, prompt, completion)
            for (index, window, scene), prompt, completion in zip(windows, prompts, completions, strict=True)
        ]

    def _read(self, index: int, window: WindowPx, scene: Scene, prompt: Prompt, completion: Completion) -> Look:
        answer = parse_completion(completion, task="locate", codec=self.reasoner.policy.codec, image_hw=scene.size_hw)
        return self._outlined(index, window, scene, prompt, completion, answer)

    def outline(self, look: Look, window: WindowPx, scene: Scene) -> Look:
        """The same answer with masks of ``scene``, another resolution of what ``look`` saw; the policy is not asked."""
        x = window.width / look.window.width
        y = window.height / look.window.height
        boxes = tuple((x1 * x, y1 * y, x2 * x, y2 * y) for x1, y1, x2, y2 in look.answer.boxes_xyxy)
        points = tuple(tuple((px * x, py * y) for px, py in of_box) for of_box in look.answer.points_xy)
        answer = replace(look.answer, boxes_xyxy=boxes, points_xy=points)
        return self._outlined(look.index, window, scene, look.prompt, look.completion, answer)

    def _outlined(
        self, index: int, window: WindowPx, scene: Scene, prompt: Prompt, completion: Completion, answer: Answer
    ) -> Look:
        masks: list[InstanceMask] = []
        began = time.perf_counter()
        if answer.boxes_xyxy:
            masks = self.reasoner.segmenter.segment(scene, answer.boxes_xyxy, answer.points_xy or None)
        segmented = time.perf_counter()
        moved = [_moved(mask, window) for mask in masks]
        fragments = tuple(
            self._fragment(index, number, window, answer, mask, outline)
            for number, (mask, outline) in enumerate(zip(moved, masks_to_polygons(moved), strict=True))
        )
        self.seconds["segmenter"] += segmented - began
        self.seconds["contours"] += time.perf_counter() - segmented
        return Look(index, window, prompt, completion, answer, fragments)

    def _fragment(
        self, index: int, number: int, window: WindowPx, answer: Answer, mask: InstanceMask, outline: MultiPolygon
    ) -> Fragment:
        x1, y1, x2, y2 = answer.boxes_xyxy[number]
        dx, dy = window.col_off, window.row_off
        box = (x1 + dx, y1 + dy, x2 + dx, y2 + dy)
        return Fragment(
            window=index,
            number=number,
            box_xyxy=box,
            mask=mask,
            outline=shapely.box(*box) if outline.is_empty else outline,
            score=answer.scores[number] if answer.scores else None,
            label=answer.labels[number] if answer.labels else None,
        )


def _moved(mask: InstanceMask, window: WindowPx) -> InstanceMask:
    if not mask.mask.size:
        return mask
    x, y = mask.offset_xy
    return InstanceMask(mask.mask, (x + window.col_off, y + window.row_off), mask.score)
