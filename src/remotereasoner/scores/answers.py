"""Whether a short answer in words is one of the accepted ones."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

__all__ = ["answer_match", "normalised_answer", "number_of"]

_MAX_CHARS = 1_000  # a longer text is no short answer
_ARTICLES = frozenset({"a", "an", "the"})
_OPENING = re.compile(r"^(?:the )?(?:final )?(?:answer|result)(?: is| are)?\s*[:=]?\s*(?=\S)")
_PUNCTUATION = re.compile(r"(?<!\d)[.,](?!\d)|[.,](?!\d)|[^\w\s.,%+/-]|(?<!\w)[-/](?!\w)")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-+]?\.\d+")
_LONGEST_NUMBER = 30  # characters
_YES = frozenset({"yes", "yeah", "yep", "true", "correct", "present", "it is", "there is", "there are", "yes it is"})
_YES_MORE = frozenset({"yes there is", "yes there are", "yes they are", "yes it does", "affirmative", "y"})
_NO = frozenset({"no", "nope", "false", "incorrect", "absent", "not present", "it is not", "there is not", "n"})
_NO_MORE = frozenset(
    {"there are not", "no it is not", "no there is not", "no there are not", "no they are not", "negative"}
)
_UNITS = {
    "none": 0,
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_NUMBER_WORDS = re.compile(
    rf"\b(?:({'|'.join(_TENS)})(?:[ -](one|two|three|four|five|six|seven|eight|nine))?|({'|'.join(_UNITS)}))\b"
)


def answer_match(predicted: str, accepted: Sequence[str], *, relative_tolerance: float = 0.0) -> float:
    """1 where ``predicted`` means one of ``accepted``, else 0.

    Both are normalised: case, white space, articles, punctuation and an opening "the answer is" do not matter; words
    for yes and no are one; numbers are compared as numbers ("1,200" = "1200.0", "three" = "3"), within
    ``relative_tolerance`` of the accepted one. A unit or another word beside the number must agree, except where only
    one side has it and that side is the prediction ("12 ships" answers "12").
    """
    found = normalised_answer(predicted)
    if not found:
        return 0.0
    return float(any(_same(found, normalised_answer(text), relative_tolerance) for text in accepted))


def _same(found: str, wanted: str, tolerance: float) -> bool:
    if found == wanted:
        return True
    if wanted in ("yes", "no"):
        # "Yes, two of them" answers yes; "yes and no" does not.
        first, _, rest = found.partition(" ")
        return first == wanted and not {"yes", "no", "not"} & set(rest.split())
    number, unit = _number_and_rest(found)
    expected, expected_unit = _number_and_rest(wanted)
    if number is None or expected is None:
        return False
    if expected_unit and unit != expected_unit:
        return False
    return math.isclose(number, expected, rel_tol=1e-9, abs_tol=abs(expected) * tolerance)


def normalised_answer(text: str) -> str:
    """``text`` as it is compared: "The answer is: Two  Ships." becomes "2 ships"; "" where it is no short answer."""
    if len(text) > _MAX_CHARS:
        return ""
    lower = " ".join(unicodedata.normalize("NFKC", text).lower().replace("’", "'").split())
    lower = _OPENING.sub("", lower.strip(" .*`\"'"))
    bare = _PUNCTUATION.sub(" ", lower.replace("n't", " not").replace("'s ", " ")).split()
    words = [word for word in bare if word not in _ARTICLES] or bare
    joined = " ".join(words)
    if joined in _YES or joined in _YES_MORE:
        return "yes"
    if joined in _NO or joined in _NO_MORE:
        return "no"
    return _NUMBER_WORDS.sub(lambda m: str(_TENS.get(m[1], 0) + _UNITS.get(m[2] or m[3], 0)), " ".join(words))


def number_of(text: str) -> float | None:
    """The one number that ``text`` holds, written in digits or in words up to ninety-nine; else None."""
    return _number_and_rest(normalised_answer(text))[0]


def _number_and_rest(text: str) -> tuple[float | None, str]:
    """The one number in ``text`` and the other words; None where there is none or more than one."""
    numbers = [match for match in _NUMBER.finditer(text) if len(match[0]) <= _LONGEST_NUMBER]
    if len(numbers) != 1:
        return None, text
    match = numbers[0]
    before, after = text[: match.start()], text[match.end() :]
    if before[-1:].isalnum() or after[:1].isdigit():
        return None, text
    return float(match[0].replace(",", "")), " ".join((before + " " + after).split())
