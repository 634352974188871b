"""What every engine takes and returns: :class:`Prompt`, :class:`Completion`, :class:`Engine`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.types import BoxXyxy, SizeHw, Task, UInt8Array

__all__ = ["Completion", "Engine", "FinishReason", "PolicyIdentity", "Prompt", "Sampling"]

FinishReason = Literal["stop", "length", "refusal"]


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn. ``temperature`` 0 is greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 512
    seed: int | None = None


@dataclass(frozen=True, eq=False)
class Prompt:
    """One question with its image, as text. Built by :func:`remotereasoner.policy.prompts.build_prompt` only."""

    task: Task
    question: str
    system: str
    user: str
    image: UInt8Array
    """(H, W, 3) RGB, uint8: the whole scene as rendered."""
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True)
class Completion:
    """What the model wrote, before anybody reads it."""

    text: str
    finish_reason: FinishReason
    grid_hw: SizeHw
    """Height and width of the image as the policy saw it: the frame of absolute coordinates in ``text``."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    references: tuple[BoxXyxy, ...] = ()
    """Boxes in pixels of ``grid_hw`` that ``<|obj_k|>`` in ``text`` stands for (embedded model only)."""
    reference_scores: tuple[float, ...] = ()
    """One score in [0, 1] for each of ``references``."""
    reference_labels: tuple[str, ...] = ()
    """What each of ``references`` was seen as."""
    seconds: float | None = None


@dataclass(frozen=True)
class PolicyIdentity:
    """Which model answered: goes into the provenance of every result."""

    engine: str
    """``transformers``, ``openai``, ``vllm``, ``embedded``, ``scripted``."""
    model: str
    """Name or path as the user gave it."""
    revision: str | None = None
    """Commit of a hub checkpoint, or sha256 of local weights, where known."""
    family: str | None = None
    """``qwen2_5_vl``, ``qwen3_vl``, …: what chose the codec."""
    dtype: str | None = None
    device: str | None = None


class Engine(Protocol):
    """Runs a policy. Values passed in, never globals."""

    @property
    def identity(self) -> PolicyIdentity: ...

    @property
    def codec(self) -> CoordinateCodec: ...

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion per prompt, in order. Raises :class:`~remotereasoner.errors.EngineError`."""
        ...
