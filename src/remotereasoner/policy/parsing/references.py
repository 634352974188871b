"""The embedded model's dialect: ``<|obj_3|>``, ``<|obj_3|>-<|obj_7|>``, ``[]``."""

from __future__ import annotations

import re

from remotereasoner.policy.base import Completion
from remotereasoner.policy.parsing.limits import RawBox, Reading, UnreadableError

__all__ = ["read_references", "without_references"]

_ITEM = re.compile(r"<\|obj_([0-9]{1,6})\|>(?:\s*+(?:-|–|—)\s*+<\|obj_([0-9]{1,6})\|>)?")
_QUOTED = re.compile(rf"\s*+{_ITEM.pattern}")
_DIGIT = re.compile(r"[0-9]")
_SEPARATORS = re.compile(r"[\s,;]*+")


def without_references(text: str) -> str:
    """Reasoning as a person reads it: a reference quoted from the listing says nothing outside the model."""
    return _QUOTED.sub("", text)


def read_references(text: str, completion: Completion) -> Reading | None:
    """The boxes that the references stand for, in the order written; a range counts both of its ends. None: not this.

    Raises :class:`UnreadableError` for a reference to an object that the model was not shown, a descending range, a
    broken reference, and ``[]`` beside references.
    """
    if "<|obj_" not in text:
        return None
    references = completion.references
    scores, labels = completion.reference_scores, completion.reference_labels
    boxes: list[RawBox] = []
    rest: list[str] = []
    last = 0
    for item in _ITEM.finditer(text):
        rest.append(text[last : item.start()])
        last = item.end()
        first = int(item[1])
        final = first if item[2] is None else int(item[2])
        if final < first:
            raise UnreadableError(f"the range of objects {first} to {final} runs backwards")
        if final >= len(references):
            raise UnreadableError(f"object {final} is referred to, but the model was shown {len(references)}")
        boxes.extend(
            RawBox(
                references[index],
                label=labels[index] if index < len(labels) else "",
                score=scores[index] if index < len(scores) else None,
            )
            for index in range(first, final + 1)
        )
    rest.append(text[last:])
    around = "".join(rest)
    if "obj_" in around or _DIGIT.search(around):
        raise UnreadableError("a reference to an object is broken")
    if any("[]" in "".join(part.split()) for part in rest):
        raise UnreadableError("an empty list stands beside references to objects")
    tidy = all(_SEPARATORS.fullmatch(part) for part in rest)
    return Reading(tuple(boxes), repaired=not tidy)
