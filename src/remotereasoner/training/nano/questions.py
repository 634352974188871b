"""Questions with reasoning and answers for a listing of objects, drawn from the question bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from remotereasoner.data.sentences import Split, capital, plural_of_word, sentences
from remotereasoner.policy.codec_embedded import reference, write_references
from remotereasoner.policy.nano.listing import RELATION_WORDS, RELATIONS, Group, Listing
from remotereasoner.policy.nano.vocabulary import CLASSES, KEYWORDS, PLURALS, SINGULARS
from remotereasoner.types import Task

__all__ = ["Question", "QuestionBank", "Split", "looked_up", "there_are"]

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Question:
    """One question about a listing with the completion to imitate."""

    task: Task
    text: str
    reasoning: str
    answer: str
    kind: str
    targets: tuple[int, ...] = ()
    """Numbers of the objects that answer it (locate)."""
    class_index: int | None = None
    style: str | None = None
    """Of an implicit question: ``plain``, as a user asks, or ``oblique``, by allusion."""


def there_are(group: Group | None) -> str:
    """How the reasoning ends on all objects of a class."""
    if group is None:
        return "None is visible."
    n = group.count
    return "There is one." if n == 1 else f"There are {n}."


def looked_up(kind: str, name: str, number: int) -> str:
    """How the reasoning ends on one object: by quoting the listing, which a language model does best."""
    return f"I take {RELATION_WORDS[kind]} {KEYWORDS[name]} {reference(number)}."


class QuestionBank:
    """All question texts of the package, one split of them."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.bank = sentences(split)

    def implicit(self, name: str) -> list[Any]:
        """Implicit questions of a category in this split."""
        return self.bank.implicit(name)

    def _names(self, name: str, rng: np.random.Generator) -> dict[str, str]:
        if rng.random() < 0.6:
            return {"singular": SINGULARS[name], "plural": PLURALS[name]}
        word = str(rng.choice(self.bank.synonyms(name)))
        return {"singular": word, "plural": plural_of_word(word)}

    # --- one kind of question each

    def ask_implicit(self, listing: Listing, class_index: int, rng: np.random.Generator) -> Question:
        """A question that names a use or a property, about a class that is listed or not."""
        name = CLASSES[class_index]
        pool = self.implicit(name)
        item = pool[int(rng.integers(len(pool)))]
        group = listing.group_of(class_index)
        style = item.get("style", "oblique")
        reasoning = f"{item['think']} {there_are(group)}"
        if group is None:
            return Question("locate", item["q"], reasoning, "[]", "implicit_absent", (), class_index, style)
        kind, targets = "implicit", tuple(group.numbers)
        if item["number"] == "one" and group.count > 1:
            kind, targets = "implicit_one", (group.first,)
            reasoning = f"{reasoning} {looked_up('largest', name, group.first)}"
        return Question("locate", item["q"], reasoning, write_references(targets), kind, targets, class_index, style)

    def ask_direct(self, listing: Listing, class_index: int, rng: np.random.Generator) -> Question:
        """A question that names the class."""
        name = CLASSES[class_index]
        text = capital(str(rng.choice(self.bank.direct.questions)).format(**self._names(name, rng)))
        plain = {"singular": SINGULARS[name], "plural": PLURALS[name]}
        group = listing.group_of(class_index)
        # the same opening whether it is there or not: a small model decides best after having named the class
        think = str(rng.choice(self.bank.direct.reasoning)).format(**plain)
        if group is None:
            return Question("locate", text, f"{think} {there_are(None)}", "[]", "direct_absent", (), class_index)
        return Question(
            "locate", text, f"{think} {there_are(group)}", write_references(group.numbers), "direct",
            tuple(group.numbers), class_index,
        )  # fmt: skip

    def ask_two(self, listing: Listing, pair: tuple[int, int], rng: np.random.Generator) -> Question:
        """All of two classes."""
        a, b = sorted(pair)
        template = str(rng.choice(self.bank.direct.questions))
        first, second = self._names(CLASSES[a], rng), self._names(CLASSES[b], rng)
        names = {
            "singular": f"{first['singular']} and {second['singular']}",
            "plural": f"{first['plural']} and {second['plural']}",
        }
        groups = [g for g in (listing.group_of(a), listing.group_of(b)) if g is not None]
        seen = ", ".join(g.words for g in groups) or "none"
        think = f"The question names {PLURALS[CLASSES[a]]} and {PLURALS[CLASSES[b]]}. I see {seen}."
        targets = tuple(k for g in groups for k in g.numbers)
        return Question(
            "locate", capital(template.format(**names)), think, write_references(targets), "two_classes", targets
        )

    def ask_relation(self, listing: Listing, group: Group, rng: np.random.Generator) -> Question | None:
        """One object of a group by size or place; None where the relation does not exist here."""
        name = CLASSES[group.class_index]
        kind = str(rng.choice(RELATIONS))
        column = listing.relations[group.first : group.last + 1, RELATIONS.index(kind)]
        if not column.any() or kind not in self.bank.relations:
            return None
        target = group.first + int(np.argmax(column))
        text = str(rng.choice(self.bank.relations[kind].questions)).format(**self._names(name, rng))
        reasoning = f"The question is about one of the {PLURALS[name]}. {looked_up(kind, name, target)}"
        return Question(
            "locate", capital(text), reasoning, write_references([target]), f"relation_{kind}",
            (target,), group.class_index,
        )  # fmt: skip

    def ask_absent_relation(self, class_index: int, rng: np.random.Generator) -> Question:
        """The largest, northernmost, … of a class of which nothing is listed."""
        name = CLASSES[class_index]
        kind = str(rng.choice([k for k in RELATIONS if k in self.bank.relations]))
        text = str(rng.choice(self.bank.relations[kind].questions)).format(**self._names(name, rng))
        reasoning = f"The question is about one of the {PLURALS[name]}. {there_are(None)}"
        return Question("locate", capital(text), reasoning, "[]", "relation_absent", (), class_index)

    def ask_absent_thing(self, rng: np.random.Generator) -> Question:
        """A thing that is in none of the images."""
        item = self.bank.absent[int(rng.integers(len(self.bank.absent)))]
        implicit = self.bank.absent_implicit(item)
        if implicit and rng.random() < 0.65:
            chosen = implicit[int(rng.integers(len(implicit)))]
            return Question(
                "locate", chosen["q"], chosen["think"], "[]", "absent_thing", style=chosen.get("style", "oblique")
            )
        names = {"singular": item["thing"], "plural": plural_of_word(item["thing"])}
        think = f"{str(rng.choice(self.bank.direct.reasoning)).format(**names)} {there_are(None)}"
        return Question("locate", str(rng.choice(item["q_direct"])), think, "[]", "absent_thing")

    def look_up(self, listing: Listing, rng: np.random.Generator) -> Question:
        """A bare look-up in the listing: dense practice in copying references. Training only."""
        groups = listing.groups
        if not groups or rng.random() < 0.2:
            index = int(rng.integers(len(CLASSES)))
            group = listing.group_of(index)
            answer = write_references(group.numbers) if group else "[]"
            return Question("locate", f"{PLURALS[CLASSES[index]]}?", "", answer, "look_up")
        group = groups[int(rng.integers(len(groups)))]
        name = CLASSES[group.class_index]
        if group.count > 1 and rng.random() < 0.6:
            kind = str(rng.choice(RELATIONS))
            column = listing.relations[group.first : group.last + 1, RELATIONS.index(kind)]
            if column.any():
                target = group.first + int(np.argmax(column))
                text = f"{RELATION_WORDS[kind]} {SINGULARS[name]}?"
                quoted = looked_up(kind, name, target)
                return Question("locate", text, quoted, write_references([target]), "look_up")
        return Question("locate", f"{PLURALS[name]}?", "", write_references(group.numbers), "look_up")

    def ask_vqa(self, listing: Listing, class_index: int, rng: np.random.Generator) -> Question:
        """Count or presence, in words."""
        name = CLASSES[class_index]
        pool = self.bank.in_words(name)
        item = pool[int(rng.integers(len(pool)))]
        group = listing.group_of(class_index)
        plain = {"singular": SINGULARS[name], "plural": PLURALS[name]}
        think = str(rng.choice(self.bank.reasoning_in_words[item["kind"]])).format(**plain)
        seen = f"I see {group.words}." if group else "None is visible."
        count = group.count if group else 0
        answer = str(count) if item["kind"] == "count" else ("yes" if group else "no")
        return Question("vqa", item["q"], f"{think} {seen}", answer, f"vqa_{item['kind']}", (), class_index)

    def ask_caption(self, listing: Listing, rng: np.random.Generator) -> Question:
        """A one-sentence description."""
        text = str(rng.choice([*self.bank.caption_requests, "Describe this image."]))
        words = [_spelled(g) for g in sorted(listing.groups, key=lambda g: -g.count)[:4]]
        listed = (", ".join(words[:-1]) + " and " + words[-1]) if len(words) > 1 else "".join(words)
        caption = f"An overhead image with {listed}." if listed else "An overhead image without any object that I know."
        think = f"I see {listed}." if listed else "I see nothing that I know by name."
        return Question("caption", text, think, caption, "caption")


def _spelled(group: Group) -> str:
    name = CLASSES[group.class_index]
    if name in ("water", "vegetation", "land"):
        return "bare land" if name == "land" else name
    number = _NUMBERS[group.count] if group.count < len(_NUMBERS) else str(group.count)
    if group.count == 1:
        number = "an" if SINGULARS[name][0] in "aeiou" else "a"
    return f"{number} {SINGULARS[name] if group.count == 1 else PLURALS[name]}"
