"""Text of others, made safe to show: model output, file names and questions can hold terminal and layout commands."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["printable", "well_formed"]

# CSI, OSC, DCS and two-character escapes as a whole, so that "\x1b[31m" does not leave "[31m" behind.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
# Joiners carry meaning in many scripts and in emoji; other format characters can reverse or hide text.
_KEPT_FORMAT = frozenset("\u200c\u200d")


def well_formed(text: str) -> str:
    """``text`` with halves of surrogate pairs, which JSON may carry and no file can, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def printable(text: str, *, newlines: bool = False) -> str:
    """``text`` without escape sequences, control, direction-changing and unassigned characters.

    Tabs become spaces; line breaks do too, unless ``newlines``.
    """
    plain = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    kept = []
    for character in plain:
        if character in "\t\n\r\v\f\u2028\u2029\x85":
            kept.append("\n" if newlines and character not in "\t" else " ")
        elif character in _KEPT_FORMAT or unicodedata.category(character)[0] != "C":
            kept.append(character)
    return "".join(kept)
