"""Answers in words that have a meaning of their own: nothing there, or declined. Anything else in words is neither."""

from __future__ import annotations

import re

__all__ = ["says_none", "says_refusal"]

_MAX_PHRASE_CHARS = 200

_NONE = re.compile(
    r"(?:(?:the |final )*(?:answer|output|result)(?: is)?:? )?"
    r"(?:there (?:is|are|was|were) )?"
    r"(?:none|null|nil|nothing|n/a|not found|not present|empty(?: list)?|"
    r"no(?: such| matching| relevant| suitable| visible| valid)?"
    r"(?: targets?| objects?| instances?| regions?| box| boxes| bounding box| bounding boxes| match| matches| results?"
    r"| areas?| places?| one))"
    r"(?: (?:is|are|was|were))?(?: (?:found|detected|present|visible|identified|available|here|there))?"
    r"(?: in (?:the|this) (?:image|scene|picture|view))?"
)
_REFUSAL = re.compile(
    r"(?:(?:i am|i'm|we are|we're) (?:very |really )?sorry\b|sorry\b|i apologi[sz]e\b|unfortunately\b|as an ai\b|i\b)"
    r".{0,120}?\b(?:cannot|can not|can't|won't|will not|unable to|not able to|decline to|must decline|must refuse)\b"
    r"(?! (?:find|see|locate|identify|detect|spot|make out|determine|tell|be (?:found|seen|located))\b)",
    re.DOTALL,
)


def _normalised(text: str) -> str:
    """Lower case, straight apostrophes, single spaces, without the punctuation around it."""
    return " ".join(text.replace("’", "'").lower().split()).strip(" .!?\"'`*()[]{}:")


def says_none(text: str) -> bool:
    """The whole text says that nothing answers the question: "None", "No target found."

    >>> says_none("No targets."), says_none("There is no doubt about the harbour")
    (True, False)
    """
    return len(text) <= _MAX_PHRASE_CHARS and _NONE.fullmatch(_normalised(text)) is not None


def says_refusal(text: str) -> bool:
    """The text begins by declining. "I cannot find any ship" does not decline: it is an answer in the wrong form.

    >>> says_refusal("I'm sorry, I cannot help with that."), says_refusal("I cannot find any ship.")
    (True, False)
    """
    return _REFUSAL.match(_normalised(text[:_MAX_PHRASE_CHARS])) is not None
