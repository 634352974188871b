"""Dialects that mark boxes in their own notation: Qwen2-VL, InternVL, GeoChat, and bare pairs of points."""

from __future__ import annotations

import math
import re

from remotereasoner.policy.parsing.limits import RawBox, Reading, UnreadableError
from remotereasoner.policy.parsing.literals import scan_literals
from remotereasoner.policy.parsing.shapes import boxes_of

__all__ = ["read_geochat", "read_point_pairs", "read_tagged"]

# Possessive repeats (Python 3.11): nothing here can backtrack.
_N = r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)"
_PAIR = re.compile(rf"\(\s*+({_N})\s*+,\s*+({_N})\s*+\)\s*+,?\s*+\(\s*+({_N})\s*+,\s*+({_N})\s*+\)")
_POINT_OPEN = re.compile(r"\(\s*+[-+.]?[0-9]")
_GEOCHAT = re.compile(rf"\{{<({_N})><({_N})><({_N})><({_N})>(?:\|<({_N})>)?\}}")
_GEOCHAT_LABEL = re.compile(r"<p>([^<>]*+)</p>\s*+$")
_REF = re.compile(r"(?:<ref>|<\|object_ref_start\|>)([^<>]*+)(?:</ref>|<\|object_ref_end\|>)\s*+$")
_OPEN_TAGS, _CLOSE_TAGS = ("<box>", "<|box_start|>"), ("</box>", "<|box_end|>")


def read_geochat(text: str) -> Reading | None:
    """``<p>ship</p> {<x1><y1><x2><y2>|<angle>}<delim>{…}``; the angle, in degrees, may be missing. None: not this."""
    if "{<" not in text:
        return None
    boxes: list[RawBox] = []
    label, last = "", 0
    for found in _GEOCHAT.finditer(text):
        named = _GEOCHAT_LABEL.search(text, last, found.start())
        label = named[1].strip() if named else label
        x1, y1, x2, y2, angle = (_finite(n) for n in (*found.group(1, 2, 3, 4), found[5] or "0"))
        boxes.append(RawBox((x1, y1, x2, y2), label, angle_deg=angle))
        last = found.end()
    if len(boxes) != text.count("{<"):
        raise UnreadableError("a box in braces is broken")
    return Reading(tuple(boxes), repaired=True)


def read_tagged(text: str, *, max_depth: int) -> Reading | None:
    """``<ref>ship</ref><box>[[…]]</box>`` (InternVL) and ``<|box_start|>(x1,y1),(x2,y2)<|box_end|>`` (Qwen2-VL)."""
    for opening, closing in zip(_OPEN_TAGS, _CLOSE_TAGS, strict=True):
        if opening in text:
            return _read_between(text, opening, closing, max_depth)
    return None


def _read_between(text: str, opening: str, closing: str, max_depth: int) -> Reading:
    boxes: list[RawBox] = []
    position = 0
    while (start := text.find(opening, position)) >= 0:
        end = text.find(closing, start)
        if end < 0:
            raise UnreadableError(f"{closing} is missing")
        named = _REF.search(text, position, start)
        label = named[1].strip() if named else ""
        inner = text[start + len(opening) : end]
        pairs = read_point_pairs(inner)
        if pairs is not None:
            found = list(pairs.boxes)
        else:
            found = [box for value in scan_literals(inner, max_depth=max_depth).values for box in boxes_of(value)]
            if not found:
                raise UnreadableError("a marked box has no coordinates")
        boxes.extend(RawBox(box.xyxy, label) for box in found)
        position = end + len(closing)
    return Reading(tuple(boxes), repaired=True)


def read_point_pairs(text: str) -> Reading | None:
    """``(x1,y1),(x2,y2)``, any number of them, where the text has no other brackets. None: not this."""
    if "[" in text or "{" in text:
        return None
    matches = list(_PAIR.finditer(text))
    if not matches:
        return None
    if len(_POINT_OPEN.findall(text)) != 2 * len(matches):
        raise UnreadableError("points do not come in pairs")
    boxes = []
    for found in matches:
        x1, y1, x2, y2 = (_finite(n) for n in found.groups())
        boxes.append(RawBox((x1, y1, x2, y2)))
    return Reading(tuple(boxes), repaired=True)


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise UnreadableError("a coordinate is not a finite number")
    return value
