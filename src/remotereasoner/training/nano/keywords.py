"""What one would do without reasoning: the same tower as a detector, and the words of the question as its filter."""

from __future__ import annotations

import functools
import re

from remotereasoner.data.sentences import plural_of_word, sentences
from remotereasoner.policy.nano.listing import Listing
from remotereasoner.policy.nano.vocabulary import CLASSES, PLURALS, SINGULARS

__all__ = ["keyword_answer", "named_classes"]


@functools.cache
def _names() -> tuple[tuple[re.Pattern[str], int], ...]:
    """Every name of every class, singular and plural, longest first: "storage tank" before "tank"."""
    found: dict[str, int] = {}
    for index, name in enumerate(CLASSES):
        words = [SINGULARS[name], PLURALS[name], name.replace("_", " ")]
        for word in sentences("train").synonyms(name):
            words += [word, plural_of_word(word)]
        for word in words:
            found.setdefault(word.casefold(), index)
    ordered = sorted(found.items(), key=lambda item: (-len(item[0]), item[0]))
    return tuple((re.compile(rf"\b{re.escape(word)}\b"), index) for word, index in ordered)


def named_classes(query: str) -> tuple[int, ...]:
    """Classes that a question names, in the order of ``CLASSES``. What a longer name has claimed counts once."""
    text = query.casefold()
    classes = set()
    for pattern, index in _names():
        text, hits = pattern.subn(" ", text)
        if hits:
            classes.add(index)
    return tuple(sorted(classes))


def keyword_answer(query: str, listing: Listing) -> list[int]:
    """Numbers of all listed objects of the classes that the question names; none where it names none."""
    groups = [listing.group_of(index) for index in named_classes(query)]
    return [number for group in groups if group is not None for number in group.numbers]
