"""What supervision of the embedded model trains towards: a faultless reading of what its tower sees.

A listing in words does not show which of its objects are false alarms, so that nothing could be learnt from targets
that leave those out. Which answers pay all the same is for the rewards to say.
"""

from __future__ import annotations

from remotereasoner.data.samples import Sample
from remotereasoner.policy.codec_embedded import write_references
from remotereasoner.policy.nano.listing import RELATION_WORDS, Listing
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.training.nano.questions import looked_up, there_are

__all__ = ["read_listing"]


def read_listing(sample: Sample, listing: Listing) -> tuple[str, str] | None:
    """How the reasoning ends, and the answer, of a question about one of the tower's classes. None for others, for
    ``caption``, and for a relation that the listing does not tell.
    """
    if sample.category not in CLASSES or sample.task == "caption":
        return None
    group = listing.group_of(CLASSES.index(sample.category))
    kind = sample.kind or ""
    if sample.task == "vqa":
        seen = "None is visible." if group is None else f"I see {group.words}."
        count = 0 if group is None else group.count
        if kind == "count":
            return seen, str(count)
        return (seen, "yes" if count else "no") if kind == "presence" else None
    if group is None:
        return there_are(None), "[]"
    if not kind.startswith("relation_"):
        return there_are(group), write_references(group.numbers)
    relation = kind.removeprefix("relation_")
    word = RELATION_WORDS.get(relation)
    numbers = [n for told, n in listing.named(group) if told == word] if group.count > 1 else list(group.numbers)
    if word is None or not numbers:
        return None
    return looked_up(relation, sample.category, numbers[0]), write_references(numbers[:1])
