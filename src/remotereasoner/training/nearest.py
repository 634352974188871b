"""The hint of an error about a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]

_MAX_LISTED = 20


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``: did you mean X?``, or the known names where none is near and they are few."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:80], names, n=1)
    if close:
        return f": did you mean {close[0]}?"
    return f". Known: {', '.join(names)}" if len(names) <= _MAX_LISTED else ""
