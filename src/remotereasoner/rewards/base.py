"""What every reward is, :class:`Reward`, and three ways to write one: of the text, of each answer, of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from remotereasoner.errors import UsageError
from remotereasoner.rewards.reading import AnswerReader, Row

__all__ = ["AnswerReward", "BatchReward", "Completions", "Reward", "TextReward", "text_of"]

Completions = Sequence[str | Sequence[Mapping[str, Any]]]
"""As TRL hands them over: strings, or lists of chat messages."""


class Reward(Protocol):
    """What ``GRPOTrainer(reward_funcs=…)`` calls."""

    @property
    def __name__(self) -> str:
        """TRL logs under this name."""
        ...

    def __call__(self, prompts: Sequence[Any], completions: Completions, **columns: Any) -> list[float | None]:
        """One value in [0, 1] per completion; None where this reward cannot judge it."""
        ...


@dataclass(frozen=True)
class TextReward(ABC):
    """A reward of the completion's text alone."""

    name: str = "text"

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, prompts: Sequence[Any], completions: Completions, **columns: Any) -> list[float | None]:  # noqa: ARG002
        """See :class:`Reward`."""
        return [self.judge_text(text_of(completion)) for completion in completions]

    @abstractmethod
    def judge_text(self, text: str) -> float | None:
        """The reward of one completion."""


@dataclass(frozen=True)
class BatchReward(ABC):
    """A reward of the answers that were read from the completions, beside the truth in the samples' columns."""

    reader: AnswerReader
    name: str = "batch"

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, prompts: Sequence[Any], completions: Completions, **columns: Any) -> list[float | None]:  # noqa: ARG002
        """See :class:`Reward`."""
        return self.judge_rows(self.reader.rows([text_of(c) for c in completions], columns), columns)

    @abstractmethod
    def judge_rows(self, rows: Sequence[Row], columns: Mapping[str, Any]) -> list[float | None]:
        """The rewards of a batch, in order."""


@dataclass(frozen=True)
class AnswerReward(BatchReward):
    """A reward that judges each answer alone."""

    name: str = "answer"

    def judge_rows(self, rows: Sequence[Row], columns: Mapping[str, Any]) -> list[float | None]:  # noqa: ARG002
        """See :class:`BatchReward`."""
        return [self.judge(row) for row in rows]

    @abstractmethod
    def judge(self, row: Row) -> float | None:
        """The reward of one completion."""


def text_of(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of a completion: itself, or what its last message says.

    Raises :class:`~remotereasoner.errors.UsageError` for anything that TRL does not hand over.
    """
    if isinstance(completion, str):
        return completion
    last = completion[-1] if isinstance(completion, list | tuple) and completion else None
    content = last.get("content") if isinstance(last, dict) else None
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    raise UsageError(f"a completion must be text or a list of chat messages, not {type(completion).__name__}")
