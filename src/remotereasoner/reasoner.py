"""Scene and question to result: one answer of one policy, and transformations of it.

    scene, question ──> prompt ──> policy ──> answer ──> segmenter ──> findings ──> result
                                  one pass     boxes       masks       contours

Region, pixel and contour are three readings of the same answer: the policy is asked once, no task has its own decoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from remotereasoner.errors import EngineError
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, Engine, Prompt, Sampling
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt
from remotereasoner.provenance import Provenance, collect_versions, prompt_sha256, utc_now
from remotereasoner.result import Result
from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask, Segmenter
from remotereasoner.transform.findings import build_findings
from remotereasoner.types import Task

__all__ = ["Reasoner"]


class Reasoner:
    """A policy that reasons and a segmenter that draws. Both are values: share them, swap them.

    ``sampling`` holds for every question; greedy unless said otherwise.
    """

    def __init__(self, policy: Engine, segmenter: Segmenter, *, sampling: Sampling | None = None) -> None:
        self.policy = policy
        self.segmenter = segmenter
        self.sampling = sampling if sampling is not None else Sampling()

    @classmethod
    def load(
        cls,
        model: str = "embedded",
        segmenter: str = "embedded",
        *,
        sampling: Sampling | None = None,
        **options: Any,
    ) -> Reasoner:
        """A reasoner from names as on the command line; ``options`` go to the engine.

        Raises :class:`~remotereasoner.errors.UsageError` for unknown names and options,
        :class:`~remotereasoner.errors.ModelError` or :class:`~remotereasoner.errors.MissingExtraError` where a
        model cannot be loaded.
        """
        from remotereasoner.policy.load import load_engine
        from remotereasoner.transform.load import load_segmenter

        return cls(load_engine(model, **options), load_segmenter(segmenter), sampling=sampling)

    def ask(self, scene: Scene | Path | str, question: str) -> Result:
        """Where in ``scene`` is what the question asks for: boxes, masks and contours from one call of the policy."""
        return self.ask_many(scene, [question])[0]

    def answer_question(self, scene: Scene | Path | str, question: str) -> Result:
        """An answer in words."""
        return self.ask_many(scene, [question], task="vqa")[0]

    def caption(self, scene: Scene | Path | str, instruction: str = "") -> Result:
        """A description of the scene, or what ``instruction`` asks for instead."""
        return self.ask_many(scene, [instruction], task="caption")[0]

    def ask_many(self, scene: Scene | Path | str, questions: Sequence[str], *, task: Task = "locate") -> list[Result]:
        """One result per question, in order; the questions go to the policy as one batch."""
        if not questions:
            return []
        seen = _opened(scene)
        started, began = utc_now(), time.perf_counter()
        codec = self.policy.codec
        prompts = [build_prompt(task, text, seen.pixels, codec, sampling=self.sampling) for text in questions]
        completions = self._generate(prompts)
        policy_s = time.perf_counter() - began
        return [
            self._transform(seen, prompt, completion, started=started, policy_s=policy_s)
            for prompt, completion in zip(prompts, completions, strict=True)
        ]

    def survey(
        self,
        scene: Scene | Path | str | Sequence[Path | str],
        question: str,
        *,
        tile_px: int = 768,
        overlap_px: int | None = None,
        gsd_m: float | None = None,
        exhaustive: bool = False,
        max_windows: int = 1024,
        batch_size: int = 4,
        progress: Callable[[int, int], None] | None = None,
        **part: Any,
    ) -> Result:
        """:meth:`ask` of a scene of any size: an overview, windows where it points, and one answer out of theirs.

        The parameters are those of :class:`~remotereasoner.tiling.options.SurveyOptions`; ``part`` takes ``bands``,
        ``window``, ``bounds`` and ``bounds_crs`` as :func:`~remotereasoner.scene.opening.open_scene` does. A file is
        read window by window. See :func:`remotereasoner.tiling.survey.survey` for what is looked at, and raised.
        """
        from remotereasoner.tiling.options import SurveyOptions
        from remotereasoner.tiling.sources import open_source
        from remotereasoner.tiling.survey import survey

        options = SurveyOptions(tile_px, overlap_px, gsd_m, exhaustive, max_windows, batch_size)
        with open_source(scene, **part) as source:
            return survey(self, source, question, options, progress=progress)

    def _generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        completions = self.policy.generate(prompts)
        if len(completions) != len(prompts):
            raise EngineError(f"the engine gave {len(completions)} answers to {len(prompts)} questions")
        return completions

    def _transform(
        self, scene: Scene, prompt: Prompt, completion: Completion, *, started: str, policy_s: float
    ) -> Result:
        began = time.perf_counter()
        answer = parse_completion(completion, task=prompt.task, codec=self.policy.codec, image_hw=scene.size_hw)
        parsed = time.perf_counter()
        masks = self._segment(scene, answer)
        segmented = time.perf_counter()
        findings = build_findings(scene, answer, masks)
        done = time.perf_counter()
        seconds = {
            "policy": policy_s,
            "parsing": parsed - began,
            "segmenter": segmented - parsed,
            "contours": done - segmented,
            "total": policy_s + done - began,
        }
        provenance = Provenance(
            model=self.policy.identity,
            codec=self.policy.codec.name,
            segmenter=self.segmenter.name if answer.boxes_xyxy else None,
            prompt_system=prompt.system,
            prompt_user=prompt.user,
            prompt_sha256=prompt_sha256(prompt),
            sampling=prompt.sampling,
            started_utc=started,
            finished_utc=utc_now(),
            seconds={name: round(value, 6) for name, value in seconds.items()},
            versions=collect_versions(),
        )
        return Result(
            question=prompt.question,
            answer=answer,
            findings=findings,
            grid=scene.grid,
            rendering=scene.rendering,
            completion=completion,
            provenance=provenance,
            pixels=scene.pixels,
        )

    def _segment(self, scene: Scene, answer: Answer) -> list[InstanceMask]:
        """One call for all boxes; none where there is nothing to draw."""
        if not answer.boxes_xyxy:
            return []
        return self.segmenter.segment(scene, answer.boxes_xyxy, answer.points_xy or None)


def _opened(scene: Scene | Path | str) -> Scene:
    if isinstance(scene, Scene):
        return scene
    from remotereasoner.scene import open_scene

    return open_scene(scene)
