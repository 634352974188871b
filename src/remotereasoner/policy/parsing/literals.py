"""A tolerant, bounded reader for lists and tables in running text: JSON, Python literals and what models make of them.

Why not ``json`` and ``ast.literal_eval``: both accept NaN or raise RecursionError on deep nesting, neither reads prose
around a list, trailing commas *and* unquoted keys, and neither says whether the text ended in the middle of a value.
One pass with an explicit stack does, in linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from remotereasoner.policy.parsing.limits import UnreadableError

__all__ = ["Scan", "Table", "Value", "scan_literals"]


@dataclass(frozen=True)
class Table:
    """Key and value pairs in the order written, duplicates kept."""

    pairs: tuple[tuple[str, Value], ...]


Value = float | str | bool | None | Table | list["Value"] | tuple["Value", ...]

_TOKEN = re.compile(
    r"""\s*+(?:
    (?P<punct>[\[\](){},:])
  | (?P<number>[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?(?![\w.]))
  | "(?P<double>(?:[^"\\]++|\\.)*+)"
  | '(?P<single>(?:[^'\\]++|\\.)*+)'
  | (?P<word>[-+]?[A-Za-z_]\w*+)
  )""",
    re.VERBOSE | re.DOTALL,
)
_OPENER = re.compile(r"[\[{]")
_ANY_OPENER = re.compile(r"[\[{(]")
_BLANK_END = re.compile(r"\s*+\Z")  # looks at white space only: slicing would copy the rest each time
_DIGIT = re.compile(r"[0-9]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS: dict[str, float | bool | None] = {"true": True, "false": False, "null": None, "none": None}
_WORDS.update({sign + name: float(sign + name) for sign in ("", "-", "+") for name in ("nan", "inf", "infinity")})
_JSON_WORDS = frozenset({"true", "false", "null"})
_CLOSERS = {"[": "]", "(": ")", "{": "}"}


@dataclass
class _Level:
    """A bracket that is not closed yet, and what may come next in it."""

    bracket: str
    state: Literal["item", "after", "colon", "value"] = "item"
    """``item``: a value (a key in a table) or the closing bracket; ``after`` one; a key's ``colon``; its ``value``."""
    items: list[Value] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def built(self) -> Value:
        if self.bracket == "{":
            return Table(tuple(zip(self.keys, self.items, strict=True)))
        return tuple(self.items) if self.bracket == "(" else self.items


@dataclass(frozen=True)
class Scan:
    """All lists and tables of a text, in order."""

    values: tuple[Value, ...]
    gaps: tuple[str, ...]
    """The text before, between and after them: one more than ``values``."""
    repaired: bool
    """Something was not JSON: quotes, commas, brackets."""


class _BrokenError(Exception):
    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def scan_literals(text: str, *, max_depth: int) -> Scan:
    """Every outermost ``[…]`` and ``{…}`` of ``text`` as a value, and ``(…)`` where there is neither of the two.

    Brackets that break and have no digit up to the next one are prose. Missing closing brackets at the very end are
    supplied, nothing else is: a text that ends in a number, a string, a key or after a comma has lost something.
    Raises :class:`UnreadableError` then, and for any other broken list with digits in it.
    """
    opener = _OPENER if "[" in text or "{" in text else _ANY_OPENER
    values: list[Value] = []
    gaps: list[str] = []
    gap_start, repaired = 0, False
    found = opener.search(text)
    while found is not None:
        start = found.start()
        try:
            value, end, loose = _read_value(text, start, max_depth)
        except _BrokenError as broken:
            # Going on where it broke, not behind the bracket, keeps this linear.
            found = opener.search(text, max(broken.position, start + 1))
            if _DIGIT.search(text, start, len(text) if found is None else found.start()):
                raise UnreadableError(str(broken)) from broken
            continue
        gaps.append(text[gap_start:start])
        values.append(value)
        gap_start = end
        repaired = repaired or loose
        found = opener.search(text, end)
    gaps.append(text[gap_start:])
    return Scan(tuple(values), tuple(gaps), repaired)


def _read_value(text: str, start: int, max_depth: int) -> tuple[Value, int, bool]:
    """(value, where it ends, it was not JSON) of the bracket that opens at ``start``."""
    stack: list[_Level] = []
    position, loose = start, False
    while True:
        token = _TOKEN.match(text, position)
        if token is None:
            return _close_at_end(text, position, stack), len(text), True
        position, kind = token.end(), token.lastgroup
        if kind != "punct":
            loose = _take(stack[-1], token, at_end=position == len(text)) or loose
            continue
        mark = token["punct"]
        if mark in _CLOSERS:
            if len(stack) >= max_depth:
                raise UnreadableError(f"brackets are nested more than {max_depth} deep")
            loose = (_open(stack[-1], token) if stack else False) or mark == "(" or loose
            stack.append(_Level(mark))
        elif mark in "])}":
            top = stack.pop()
            if mark != _CLOSERS[top.bracket] or top.state in ("colon", "value"):
                raise _BrokenError(f"a {mark} stands where none belongs", token.start())
            loose = loose or (top.state == "item" and bool(top.items))  # a trailing comma
            if not stack:
                return top.built(), position, loose
            _add(stack[-1], top.built())
        else:
            _separate(stack[-1], token)


def _take(level: _Level, token: re.Match[str], *, at_end: bool) -> bool:
    """Put a number, string or word in its place. True: it was not JSON."""
    kind = token.lastgroup or ""
    written = token[kind]
    is_key = level.bracket == "{" and level.state == "item"
    if level.state in ("after", "colon"):
        raise _BrokenError("a comma or a colon is missing", token.start())
    if at_end and kind == "number":
        raise _BrokenError("the text ends inside a number", token.end())
    if kind in ("double", "single"):
        value: Value = _ESCAPE.sub(_unescape, written) if "\\" in written else written
    elif is_key:
        value = written
    elif kind == "number":
        value = float(written)
    elif written.lower() in _WORDS:
        value = _WORDS[written.lower()]
    else:
        raise _BrokenError(f"the bare word {written[:20]} stands in a list", token.start())
    if is_key:
        level.keys.append(str(value))
        level.state = "colon"
        return kind != "double"
    _add(level, value)
    return kind == "single" or (kind == "word" and written not in _JSON_WORDS)


def _open(level: _Level, token: re.Match[str]) -> bool:
    """A bracket opens inside ``level``. True: it was not JSON."""
    if level.state == "item" and level.bracket == "{":
        raise _BrokenError("a key is missing", token.start())
    if level.state == "colon":
        raise _BrokenError("a colon is missing", token.start())
    if level.state == "after":
        # A comma left out between two lists or tables leaves no doubt.
        if level.bracket == "{" or not isinstance(level.items[-1], list | tuple | Table):
            raise _BrokenError("a comma is missing", token.start())
        level.state = "item"
        return True
    return False


def _add(level: _Level, value: Value) -> None:
    level.items.append(value)
    level.state = "after"


def _separate(level: _Level, token: re.Match[str]) -> None:
    if token["punct"] == "," and level.state == "after":
        level.state = "item"
    elif token["punct"] == ":" and level.state == "colon":
        level.state = "value"
    else:
        raise _BrokenError(f"a {token['punct']} stands where none belongs", token.start())


def _close_at_end(text: str, position: int, stack: list[_Level]) -> Value:
    """No token follows: supply the closing brackets if they are all that is missing."""
    if _BLANK_END.match(text, position) is None:
        raise _BrokenError("the list is broken by other text", position)
    if stack[-1].state != "after":
        raise _BrokenError("the text ends in the middle of a list", position)
    while True:
        value = stack.pop().built()
        if not stack:
            return value
        _add(stack[-1], value)


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _ESCAPED.get(match[2], match[2])
