"""Splitting a completion into reasoning and answer, whatever became of the tags."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remotereasoner.policy.parsing.limits import UnreadableError

__all__ = ["Sections", "split_sections"]

_THINK_OPEN = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_THINK_CLOSE = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_ANSWER = re.compile(r"<(/?)answer>", re.IGNORECASE)
_END_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>", "<eos>")


@dataclass(frozen=True)
class Sections:
    """Reasoning and answer, and how sure their borders are."""

    reasoning: str
    answer: str | None
    """None: there is none, the text ends in the reasoning."""
    tagged: bool
    """The answer had an opening tag."""
    closed: bool
    """The answer had a closing tag: nothing of it is missing."""
    tidy: bool
    """Exactly ``<think>…</think><answer>…</answer>``."""


def split_sections(text: str) -> Sections:
    """Reasoning and answer of one completion.

    A missing ``<think>`` (some chat templates write it into the prompt), a missing ``</think>`` before ``<answer>``, a
    missing ``<answer>`` or ``</answer>``, no tags at all, repeated blocks, and text around the blocks are understood.
    Raises :class:`UnreadableError` for two different answers.
    """
    text = _without_end_tokens(text)
    reasoning, body, tidy = _split_reasoning(text)
    if body is None:
        return Sections(reasoning, None, tagged=False, closed=False, tidy=False)
    tags = list(_ANSWER.finditer(body))
    if not tags:
        content = body.strip()
        return Sections(reasoning, content or None, tagged=False, closed=False, tidy=False)
    answers, tagged, closed, around = _answers(body, tags)
    distinct = list(dict.fromkeys(a for a in answers if a)) or [""]
    if len(distinct) > 1:
        raise UnreadableError(f"there are {len(distinct)} different answers")
    tidy = tidy and tagged and closed and len(tags) == 2 and not around.strip()
    return Sections(reasoning, distinct[0], tagged=tagged, closed=closed, tidy=tidy)


def _split_reasoning(text: str) -> tuple[str, str | None, bool]:
    """(reasoning, the rest or None where the reasoning never ends, in good order)."""
    opening = _THINK_OPEN.search(text)
    closing = _THINK_CLOSE.search(text)
    first_answer = _ANSWER.search(text)
    if closing is None:
        if opening is None:
            if first_answer is None or first_answer[1]:
                return "", text, False
            return text[: first_answer.start()].strip(), text[first_answer.start() :], False
        if first_answer is None:
            return text[opening.end() :].strip(), None, False
        start = _answer_start(text, opening.end())
        if start is None:
            return text[opening.end() :].strip(), None, False
        return text[opening.end() : start].strip(), text[start:], False
    if opening is None and first_answer is not None and _answer_start(text, closing.end()) is None:
        # A stray closing tag behind the answer, or only a closing tag of each kind.
        if first_answer[1] or first_answer.start() > closing.start():
            return text[: closing.start()].strip(), text[closing.end() :], False
        return text[: first_answer.start()].strip(), text[first_answer.start() :], False
    parts: list[str] = []
    start = opening.end() if opening is not None and opening.start() < closing.start() else 0
    tidy = opening is not None and not text[: opening.start()].strip()
    while True:
        parts.append(text[start : closing.start()].strip())
        rest = closing.end()
        opening = _THINK_OPEN.search(text, rest)
        if opening is None or text[rest : opening.start()].strip():
            break
        next_closing = _THINK_CLOSE.search(text, opening.end())
        if next_closing is None:
            break
        start, closing, tidy = opening.end(), next_closing, False
    return "\n".join(parts), text[rest:], tidy


def _answer_start(text: str, position: int) -> int | None:
    """Where the first answer opens that is closed again; else the last that opens. Reasoning may mention the tag."""
    last_open: int | None = None
    for tag in _ANSWER.finditer(text, position):
        if not tag[1]:
            last_open = tag.start()
        elif last_open is not None:
            return last_open
    return last_open


def _answers(body: str, tags: list[re.Match[str]]) -> tuple[list[str], bool, bool, str]:
    """(contents of all answer blocks, an opening tag was there, a closing tag was there, text around the blocks)."""
    found: list[str] = []
    around: list[str] = []
    open_at: int | None = None
    last = 0
    complete = True
    for tag in tags:
        if tag[1]:
            if open_at is not None:
                found.append(body[open_at : tag.start()].strip())
            elif not found:
                found.append(body[last : tag.start()].strip())
            complete, open_at = True, None
        else:
            if open_at is not None:
                found.append(body[open_at : tag.start()].strip())
            else:
                around.append(body[last : tag.start()])
            complete, open_at = False, tag.end()
        last = tag.end()
    if open_at is not None:
        found.append(body[open_at:].strip())
    else:
        around.append(body[last:])
    return found, any(not tag[1] for tag in tags), complete, "".join(around)


def _without_end_tokens(text: str) -> str:
    text = text.strip()
    end = len(text)
    while True:
        # By index: thousands of end tokens must not copy the text thousands of times.
        token = next((t for t in _END_TOKENS if text.endswith(t, 0, end)), None)
        if token is None:
            return text[:end].rstrip()
        end -= len(token)
