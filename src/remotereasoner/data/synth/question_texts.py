"""The sentences of the question bank that the synthetic world draws from, one split of them."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.options import Split
from remotereasoner.data.synth.vocabulary import ALL_CLASSES, NEW_CLASSES, plural_of, singular_of

__all__ = ["QuestionTexts", "question_texts"]

_DRAWN_THINGS = frozenset(
    [
        "wind turbine",
        "windmill",
        "dam",
        "quarry",
        "crater",
        "vineyard",
        "rice terraces",
        "desert dunes",
        "greenhouse",
        "waterfall",
    ]
)
"""Things of the bank's list of absent ones that a scene may hold, or something that looks like them."""


class QuestionTexts:
    """Sentences by category; see ``data/question_bank`` for their layout."""

    def __init__(self, split: Split) -> None:
        common = resources.files("remotereasoner.data") / "question_bank"
        own = resources.files("remotereasoner.data.synth") / "question_bank"
        self._categories: dict[str, dict[str, Any]] = {}
        for name in ALL_CLASSES:
            folder = own if name in NEW_CLASSES else common
            self._categories[name] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        shared = json.loads((common / "relations.json").read_text(encoding="utf-8"))
        placed = json.loads((own / "relations.json").read_text(encoding="utf-8"))
        key = "templates" if split == "train" else "templates_val"
        relations = [*shared["relations"], *placed["relations"]]
        self._relations: dict[str, tuple[list[str], list[str]]] = {r["kind"]: (r[key], r["think"]) for r in relations}
        self._direct: tuple[list[str], list[str]] = (shared["direct"][key], shared["direct"]["think"])
        self._vqa_think: dict[str, list[str]] = shared["vqa_think"]
        absent = json.loads((common / "absent.json").read_text(encoding="utf-8"))["absent"]
        self._absent = [
            (q["q"], q["think"])
            for item in absent
            if item["thing"] not in _DRAWN_THINGS
            for q in item["q_implicit"]
            if q["split"] == split
        ]
        self._split = split

    def implicit(self, dice: Dice, category: str, *, number: str | None = None) -> tuple[str, str, str]:
        """(question, reasoning, "one" or "many")."""
        pool = [
            q
            for q in self._categories[category]["implicit"]
            if q["split"] == self._split and number in (None, q["number"])
        ]
        item = dice.pick(pool)
        return item["q"], item["think"], item["number"]

    def direct(self, dice: Dice, category: str) -> tuple[str, str]:
        """A question that names the category, by one of its names, and its reasoning."""
        texts, thinks = self._direct
        question = _capital(dice.pick(texts).format(**self._names(dice, category)))
        return question, dice.pick(thinks).format(singular=singular_of(category), plural=plural_of(category))

    def relation(self, dice: Dice, kind: str, category: str, of: str | None) -> tuple[str, str] | None:
        """A question about a relation; None for a kind without sentences."""
        if kind not in self._relations:
            return None
        texts, thinks = self._relations[kind]
        landmark = {} if of is None else {"of": singular_of(of) if of != "water" else "water"}
        question = _capital(dice.pick(texts).format(**self._names(dice, category), **landmark))
        plain = {"singular": singular_of(category), "plural": plural_of(category)}
        return question, dice.pick(thinks).format(**plain, **landmark)

    def vqa(self, dice: Dice, category: str, kind: str) -> tuple[str, str]:
        """A question of ``count`` or ``presence``."""
        pool = [q for q in self._categories[category]["vqa"] if q["split"] == self._split and q["kind"] == kind]
        plain = {"singular": singular_of(category), "plural": plural_of(category)}
        return dice.pick(pool)["q"], dice.pick(self._vqa_think[kind]).format(**plain)

    def absent_thing(self, dice: Dice) -> tuple[str, str]:
        """A question about something that no scene holds."""
        return dice.pick(self._absent)

    def _names(self, dice: Dice, category: str) -> dict[str, str]:
        names = self._categories[category]["names"]
        if dice.chance(0.6) or not names["synonyms"]:
            return {"singular": singular_of(category), "plural": plural_of(category)}
        word = dice.pick(names["synonyms"])
        return {"singular": word, "plural": _plural(word)}


def _plural(word: str) -> str:
    if word.endswith(("ss", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@functools.cache
def question_texts(split: Split) -> QuestionTexts:
    """The sentences, read once a process."""
    return QuestionTexts(split)
