"""Whether a completion has the form asked for: :class:`FormatTags`, :class:`FormatStrict`, :class:`FormatSoft`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remotereasoner.rewards.base import AnswerReward, TextReward
from remotereasoner.rewards.reading import Row

__all__ = ["FormatSoft", "FormatStrict", "FormatTags"]

_BETWEEN = re.compile(r"</think>\s*+<answer>")
_EACH = tuple(re.compile(tag) for tag in ("<think>", "</think>", "<answer>", "</answer>"))


@dataclass(frozen=True)
class FormatTags(TextReward):
    """1 where the whole text is ``<think>…</think><answer>…</answer>``, whatever stands in them.

    The format reward of ms-swift, as RemoteReasoner's script uses it, without its leniency towards text after a line
    that closes the answer.
    """

    name: str = "format_tags"

    def judge_text(self, text: str) -> float:
        return float(_is_tagged(text))


@dataclass(frozen=True)
class FormatStrict(AnswerReward):
    """1 where the text has exactly the form asked for, blocks and content; else 0."""

    name: str = "format"

    def judge(self, row: Row) -> float | None:
        return None if row.reading is None else float(row.reading.tidy)


@dataclass(frozen=True)
class FormatSoft(AnswerReward):
    """A quarter each: one closed think block; one closed answer block after it; nothing around; a readable answer."""

    name: str = "format_soft"

    def judge(self, row: Row) -> float | None:
        if row.reading is None:
            return None
        text = row.completion.strip()
        places = [[match.start() for match in tag.finditer(text)] for tag in _EACH]
        thinks = len(places[0]) == len(places[1]) == 1 and places[0][0] < places[1][0]
        answers = len(places[2]) == len(places[3]) == 1 and places[2][0] < places[3][0]
        ordered = answers and thinks and places[1][0] < places[2][0]
        bare = thinks and ordered and _is_tagged(text)
        return (thinks + ordered + bare + row.reading.is_readable) / 4


def _is_tagged(text: str) -> bool:
    """One look at each character: a pattern for the whole would look at a hostile text again for every tag in it."""
    text = text.strip()
    if not (text.startswith("<think>") and text.endswith("</answer>")):
        return False
    return _BETWEEN.search(text, len("<think>"), len(text) - len("</answer>")) is not None
