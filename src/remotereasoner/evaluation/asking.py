"""Samples to predictions: asked in the file's order, written as they are answered, never asked twice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from remotereasoner.data.samples import BadSample, Sample, image_path, read_samples
from remotereasoner.errors import InputError, SampleError
from remotereasoner.evaluation.predictions import (
    Invalid,
    Prediction,
    PredictionLog,
    PredictionTable,
    Vote,
    prediction_of,
)
from remotereasoner.evaluation.run_file import SampleFile
from remotereasoner.evaluation.truth import check_mask
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt, clean_question
from remotereasoner.reasoner import Reasoner
from remotereasoner.scene import open_scene
from remotereasoner.scene.scene import Scene

__all__ = ["AskOptions", "Asker", "chosen_ordinals", "root_of", "samples_of"]


@dataclass(frozen=True)
class AskOptions:
    """How samples are asked."""

    root: str | PathLike[str]
    batch: int = 8
    """Questions about one image that go to the policy together."""
    votes: int = 0
    """Further answers to each question, sampled at ``vote_temperature``, for self-consistency."""
    vote_temperature: float = 0.7
    masks: bool = True
    strict: bool = False
    """The first sample that cannot be asked ends the run."""


def chosen_ordinals(n_records: int, limit: int | None, seed: int | None) -> frozenset[int] | None:
    """Which records are asked, None for all: the first ``limit``, or with a seed as many drawn at random."""
    if limit is None or limit >= n_records:
        return None
    if seed is None:
        return frozenset(range(limit))
    return frozenset(random.Random(seed).sample(range(n_records), limit))  # noqa: S311  a draw, no secret


def samples_of(
    file: SampleFile, chosen: frozenset[int] | None, *, strict: bool = False
) -> Iterator[tuple[int, Sample | BadSample]]:
    """(line, sample) of the chosen records, in order."""
    for ordinal, sample in enumerate(read_samples(file.path, strict=strict)):
        if chosen is None or ordinal in chosen:
            yield file.line_of(ordinal), sample


_Numbered = tuple[int, Sample]


class Asker:
    """Asks what is not answered yet."""

    def __init__(self, reasoner: Reasoner, log: PredictionLog, done: PredictionTable, options: AskOptions) -> None:
        self._reasoner = reasoner
        self._log = log
        self._done = done
        self._options = options

    def run(self, file: SampleFile, chosen: frozenset[int] | None) -> Iterator[int]:
        """Yields how many samples were dealt with since the last yield.

        Questions are put together as they stand in the file, whatever was answered before, so that a run that was
        interrupted gives the same answers as one that was not. Raises :class:`~remotereasoner.errors.SampleError` for
        a broken sample where ``strict``, :class:`~remotereasoner.errors.ModelError` where the engine fails (what was
        answered is kept).
        """
        group: list[_Numbered] = []
        for line, sample in samples_of(file, chosen, strict=self._options.strict):
            if isinstance(sample, BadSample):
                yield self._skip(line, sample)
                continue
            if group and not self._belongs(sample, group):
                yield self._answer(file, group)
                group = []
            group.append((line, sample))
        if group:
            yield self._answer(file, group)

    def _belongs(self, sample: Sample, group: Sequence[_Numbered]) -> bool:
        first = group[0][1]
        return len(group) < self._options.batch and (sample.image, sample.task) == (first.image, first.task)

    def _skip(self, line: int, bad: BadSample) -> int:
        if line not in self._done.invalid_lines:
            named = "" if bad.id is None else f"sample {bad.id!r:.80}: "
            self._log.append([Invalid(None, line, named + bad.reason)])
        return 1

    def _answer(self, file: SampleFile, group: list[_Numbered]) -> int:
        if all(sample.id in self._done for _, sample in group):
            return len(group)
        entries: dict[str, Prediction | Invalid] = {}
        ready: list[Sample] = []
        scene: Scene | None = None
        for line, sample in group:
            try:
                if scene is None:
                    scene = self._open(sample)
                check_mask(self._options.root, sample, scene.size_hw)
                if sample.task != "caption" and not clean_question(sample.query):
                    raise SampleError(f"sample {sample.id!r:.80}", None, "its question holds no readable character")
                ready.append(sample)
            except InputError as error:
                entries[sample.id] = self._invalid(file, line, sample, error)
        if scene is not None and ready:
            try:
                entries |= self._asked(scene, ready)
            except InputError as error:  # a shape of image that the policy's processor refuses
                lines = {sample.id: line for line, sample in group}
                entries |= {one.id: self._invalid(file, lines[one.id], one, error) for one in ready}
        self._log.append([entries[sample.id] for _, sample in group if sample.id not in self._done])
        return len(group)

    def _open(self, sample: Sample) -> Scene:
        return open_scene(image_path(self._options.root, sample))

    def _invalid(self, file: SampleFile, line: int, sample: Sample, error: InputError) -> Invalid:
        if self._options.strict:
            raise SampleError(str(file.path), line, f"image {sample.image}: {error}") from error
        return Invalid(sample.id, line, f"image {sample.image}: {error}")

    def _asked(self, scene: Scene, samples: Sequence[Sample]) -> dict[str, Prediction | Invalid]:
        task = samples[0].task
        results = self._reasoner.ask_many(scene, [sample.query for sample in samples], task=task)
        votes = self._votes(scene, samples)
        return {
            sample.id: prediction_of(sample.id, result, votes=own, with_masks=self._options.masks)
            for sample, result, own in zip(samples, results, votes, strict=True)
        }

    def _votes(self, scene: Scene, samples: Sequence[Sample]) -> list[list[Vote]]:
        """Per sample its further answers. Each has its own seed, so that they differ and can be drawn again."""
        found: list[list[Vote]] = [[] for _ in samples]
        policy = self._reasoner.policy
        for k in range(self._options.votes):
            seed = (self._reasoner.sampling.seed or 0) + 1 + k
            sampling = replace(self._reasoner.sampling, temperature=self._options.vote_temperature, seed=seed)
            prompts = [
                build_prompt(sample.task, sample.query, scene.pixels, policy.codec, sampling=sampling)
                for sample in samples
            ]
            for own, prompt, completion in zip(found, prompts, policy.generate(prompts), strict=True):
                answer = parse_completion(completion, task=prompt.task, codec=policy.codec, image_hw=scene.size_hw)
                own.append(Vote(answer.status, answer.boxes_xyxy, answer.text, completion.text))
        return found


def root_of(samples: Path, root: Path | None) -> Path:
    """The folder that images are relative to: as given, else the sample file's own."""
    return samples.parent if root is None else root
