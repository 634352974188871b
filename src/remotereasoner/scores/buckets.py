"""RSVQA's classes of numbers (Lobry et al. 2020): counts and areas are judged by the range that they fall in."""

from __future__ import annotations

import re

from remotereasoner.scores.answers import normalised_answer, number_of

__all__ = ["area_bucket", "bucket_match", "count_bucket"]

_AREA = re.compile(r"^(.*?)\s*(?:m2|m\^2|m²|sq(?:uare)? ?m(?:et(?:er|re)s?)?)$")
_RANGE = re.compile(r"between (\d+)\s*(?:m2)? and (\d+)\s*(?:m2)?$")
_MORE = re.compile(r"(?:more than|over) (\d+)\s*(?:m2)?$")


def count_bucket(number: float) -> str:
    """``0``, ``1–10``, ``11–100``, ``101–1000`` or ``>1000``."""
    if number <= 0:
        return "0"
    for low, high in ((1, 10), (11, 100), (101, 1000)):
        if number < high + 1:
            return f"{low}–{high}"
    return ">1000"


def area_bucket(area_m2: float) -> str:
    """``0 m²``, ``≤10 m²``, ``≤100 m²``, ``≤1000 m²`` or ``>1000 m²``."""
    if area_m2 <= 0:
        return "0 m²"
    return next((f"≤{limit} m²" for limit in (10, 100, 1000) if area_m2 <= limit), ">1000 m²")


def bucket_match(predicted: str, accepted: str) -> float | None:
    """1 where both fall in one range, 0 where not, None where the accepted answer is neither a number nor a range."""
    wanted = _bucket(accepted)
    if wanted is None:
        return None
    found = _bucket(predicted)
    if found is None or found == wanted:
        return float(found == wanted)
    # "12" answers "12 m2": a bare number takes the truth's unit.
    number = number_of(predicted)
    bare = number is not None and wanted.endswith("m²") and not found.endswith("m²")
    return float(bare and number is not None and area_bucket(number) == wanted)


def _bucket(text: str) -> str | None:
    flat = normalised_answer(text)
    if span := _RANGE.search(flat):
        upper = float(span[2])
        return area_bucket(upper) if "m2" in flat else count_bucket(upper)
    if more := _MORE.search(flat):
        above = float(more[1]) + 1
        return area_bucket(above) if "m2" in flat else count_bucket(above)
    if area := _AREA.match(flat):
        number = number_of(area[1])
        return None if number is None else area_bucket(number)
    number = number_of(flat)
    return None if number is None else count_bucket(number)
