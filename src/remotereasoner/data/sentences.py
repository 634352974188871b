"""The sentences of the question bank: what is asked of overhead images, and how one reasons about it.

``question_bank/CATEGORY.json`` holds names, implicit questions with their reasoning, and questions for counts and
presence; ``relations.json`` and ``relations_between.json`` hold templates, ``absent.json`` questions about things that
no image of ours holds. Every sentence belongs to training or to validation, never to both.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

__all__ = ["Sentences", "Split", "Templates", "capital", "plural_of_word", "sentences"]

Split = Literal["train", "val"]
_SHARED = ("relations", "relations_between", "absent")


@dataclass(frozen=True)
class Templates:
    """Texts with ``{singular}`` and ``{plural}``, those of a relation between classes with ``{of}``."""

    questions: tuple[str, ...]
    reasoning: tuple[str, ...]


class Sentences:
    """One split of the bank."""

    def __init__(self, split: Split) -> None:
        folder = resources.files("remotereasoner.data") / "question_bank"
        documents: dict[str, Any] = {
            file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
            for file in folder.iterdir()
            if file.name.endswith(".json")
        }
        shared = {name: documents.pop(name) for name in _SHARED}
        key = "templates" if split == "train" else "templates_val"

        def templates(part: Any) -> Templates:
            return Templates(tuple(part[key]), tuple(part["think"]))

        self.split = split
        self._documents = documents
        self.direct = templates(shared["relations"]["direct"])
        """Questions that name their class."""
        parts = [*shared["relations"]["relations"], *shared["relations_between"]["relations"]]
        self.relations: dict[str, Templates] = {part["kind"]: templates(part) for part in parts}
        self.reasoning_in_words: dict[str, list[str]] = shared["relations"]["vqa_think"]
        """By the kind of a question for words: ``count``, ``presence``."""
        self.caption_requests: list[str] = shared["relations"]["caption_requests"]
        self.absent: list[Any] = shared["absent"]["absent"]
        """``thing``, ``q_direct``, ``q_implicit``; the latter of both splits, see :meth:`absent_implicit`."""

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted(self._documents))

    def synonyms(self, category: str) -> list[str]:
        """Other names of a category, singular."""
        found: list[str] = self._documents[category]["names"]["synonyms"]
        return found

    def implicit(self, category: str) -> list[Any]:
        """``q``, ``think``, ``number`` ("one" or "many") and ``style`` where it is plain."""
        return self._mine(self._documents[category]["implicit"])

    def in_words(self, category: str, kind: str | None = None) -> list[Any]:
        """``q`` and ``kind`` of questions that are answered in words."""
        return [q for q in self._mine(self._documents[category]["vqa"]) if kind in (None, q["kind"])]

    def absent_implicit(self, item: Any) -> list[Any]:
        return self._mine(item["q_implicit"])

    def _mine(self, items: list[Any]) -> list[Any]:
        return [item for item in items if item["split"] == self.split]


@functools.cache
def sentences(split: Split) -> Sentences:
    """That split, read once a process."""
    return Sentences(split)


def plural_of_word(word: str) -> str:
    """``docks`` stays, ``overpass`` becomes ``overpasses``, ``ferry`` ``ferries``."""
    if word.endswith(("ss", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"


def capital(text: str) -> str:
    """With an upper-case first letter."""
    return text[:1].upper() + text[1:]
