"""The sentences of the question bank that the synthetic world draws from, one split of them."""

from __future__ import annotations

import functools

from remotereasoner.data.sentences import Split, capital, plural_of_word, sentences
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.vocabulary import plural_of, singular_of

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
        self._bank = sentences(split)
        self._absent = [
            (q["q"], q["think"])
            for item in self._bank.absent
            if item["thing"] not in _DRAWN_THINGS
            for q in self._bank.absent_implicit(item)
        ]

    def implicit(self, dice: Dice, category: str, *, number: str | None = None) -> tuple[str, str, str]:
        """(question, reasoning, "one" or "many")."""
        pool = [q for q in self._bank.implicit(category) if number in (None, q["number"])]
        item = dice.pick(pool)
        return item["q"], item["think"], item["number"]

    def direct(self, dice: Dice, category: str) -> tuple[str, str]:
        """A question that names the category, by one of its names, and its reasoning."""
        texts, thinks = self._bank.direct.questions, self._bank.direct.reasoning
        question = capital(dice.pick(texts).format(**self._names(dice, category)))
        return question, dice.pick(thinks).format(singular=singular_of(category), plural=plural_of(category))

    def relation(self, dice: Dice, kind: str, category: str, of: str | None) -> tuple[str, str] | None:
        """A question about a relation; None for a kind without sentences."""
        templates = self._bank.relations.get(kind)
        if templates is None:
            return None
        landmark = {} if of is None else {"of": singular_of(of) if of != "water" else "water"}
        question = capital(dice.pick(templates.questions).format(**self._names(dice, category), **landmark))
        plain = {"singular": singular_of(category), "plural": plural_of(category)}
        return question, dice.pick(templates.reasoning).format(**plain, **landmark)

    def vqa(self, dice: Dice, category: str, kind: str) -> tuple[str, str]:
        """A question of ``count`` or ``presence``."""
        pool = self._bank.in_words(category, kind)
        plain = {"singular": singular_of(category), "plural": plural_of(category)}
        return dice.pick(pool)["q"], dice.pick(self._bank.reasoning_in_words[kind]).format(**plain)

    def absent_thing(self, dice: Dice) -> tuple[str, str]:
        """A question about something that no scene holds."""
        return dice.pick(self._absent)

    def _names(self, dice: Dice, category: str) -> dict[str, str]:
        synonyms = self._bank.synonyms(category)
        if dice.chance(0.6) or not synonyms:
            return {"singular": singular_of(category), "plural": plural_of(category)}
        word = dice.pick(synonyms)
        return {"singular": word, "plural": plural_of_word(word)}


@functools.cache
def question_texts(split: Split) -> QuestionTexts:
    """The sentences, read once a process."""
    return QuestionTexts(split)
