"""What the policy is asked: one text per task, the same in training and inference.

Texts are short on purpose: the embedded model pays for every token. Questions come from outside and are cleaned, so
that they can neither close a tag nor open a turn of the chat template.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.policy.base import Prompt, Sampling
from remotereasoner.policy.codec import CoordinateCodec, PromptStyle
from remotereasoner.types import SizeHw, Task, UInt8Array

__all__ = ["MAX_QUESTION_CHARS", "build_prompt", "clean_question", "compose_completion", "prompt_texts"]

MAX_QUESTION_CHARS = 2_000

_SYSTEM = "You read overhead images. Reason inside <think></think>, then answer inside <answer></answer>."
_LISTS_SYSTEM = (
    "You help a user with a picture. First think the request through, then give the answer: the reasoning goes inside "
    "<think></think> and the answer inside <answer></answer>."
)
_CAPTION = "Describe this image."

# A free-standing comparison ("< 5 m", ">= 3") may stay; any other angle bracket could begin or end a special token.
_ANGLE = re.compile(r"((?<!\S)[<>]=?(?!\S))|([<＜])|([>＞])")
_CONTROL_WORD = re.compile(r"\[(/?[A-Z][A-Z_]+)\]")  # [INST], [/INST], [IMG], … of other chat templates
_KEPT_FORMAT_CHARS = "\u200c\u200d"  # joiners: words in Persian and Indic scripts, and emoji, need them


def clean_question(question: str, *, max_chars: int = MAX_QUESTION_CHARS) -> str:
    """The question on one line, without control characters and with every special-token spelling broken.

    Control, format, private and unassigned characters go; runs of white space become one space; angle brackets that
    are not a free-standing comparison become ``‹`` and ``›``; ``[INST]`` and its like become ``(INST)``.

    Raises :class:`~remotereasoner.errors.UsageError` when it is longer than ``max_chars`` or not a string.
    """
    if not isinstance(question, str):
        raise UsageError(f"the question must be text, not {type(question).__name__}")
    if len(question) > max_chars:
        raise UsageError(f"the question has {len(question)} characters; at most {max_chars} are allowed")
    spaced = " ".join(question.split())
    kept = "".join(c for c in spaced if c in _KEPT_FORMAT_CHARS or unicodedata.category(c)[0] != "C")
    bracketed = _ANGLE.sub(lambda m: m[1] or ("‹" if m[2] else "›"), kept)
    return " ".join(_CONTROL_WORD.sub(r"(\1)", bracketed).split())


def prompt_texts(
    task: Task,
    question: str,
    *,
    style: PromptStyle = "json",
    instruction: str = "",
    max_chars: int = MAX_QUESTION_CHARS,
) -> tuple[str, str]:
    """(system, user) for a task. ``instruction`` is the codec's clause on coordinates; only ``locate`` uses it.

    An empty question is allowed for ``caption`` only. Raises :class:`~remotereasoner.errors.UsageError`.
    """
    if task not in ("locate", "vqa", "caption"):
        raise UsageError(f"unknown task {task!r}: give locate, vqa or caption")
    text = clean_question(question, max_chars=max_chars)
    if not text and task != "caption":
        raise UsageError("the question is empty")
    if style == "lists":
        return _lists_texts(task, text, instruction)
    if style == "references" and task == "locate":
        return _SYSTEM, f"Question: {text}\n{instruction}"
    if task == "locate":
        return _SYSTEM, f"Question: {text}\nMark everything that answers it. {instruction} Write [] if nothing does."
    if task == "vqa":
        return _SYSTEM, f"Question: {text}\nAnswer briefly in words."
    return _SYSTEM, text or _CAPTION


def _lists_texts(task: Task, text: str, instruction: str) -> tuple[str, str]:
    """The published RemoteReasoner checkpoint was trained on another wording: what it asks for, in ours."""
    if task == "locate":
        user = (
            "Analyse the text description and find in the image what it refers to. "
            f"{instruction} One target: [[x1,y1,x2,y2]]. Several: [[x1,y1,x2,y2],[x1,y1,x2,y2]]. No target: [].\n"
            f"Text description: {text}"
        )
        return _LISTS_SYSTEM, user
    if task == "vqa":
        return _LISTS_SYSTEM, f"Question: {text}"
    return "", text or _CAPTION


def build_prompt(
    task: Task,
    question: str,
    image: UInt8Array,
    codec: CoordinateCodec,
    *,
    sampling: Sampling | None = None,
    max_chars: int = MAX_QUESTION_CHARS,
) -> Prompt:
    """The prompt for one question about ``image`` (H, W, 3) uint8, worded for the policy that ``codec`` belongs to.

    Raises :class:`~remotereasoner.errors.UsageError` for a bad question, task or array, and
    :class:`~remotereasoner.errors.CoordinateError` for a size that this family refuses.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise UsageError(f"the image of a prompt must be an array (H, W, 3) of uint8, not {got}")
    image_hw: SizeHw = (image.shape[0], image.shape[1])
    grid_hw = codec.grid_hw(image_hw)
    instruction = codec.instruction(grid_hw) if task == "locate" else ""
    system, user = prompt_texts(task, question, style=codec.style, instruction=instruction, max_chars=max_chars)
    return Prompt(
        task=task,
        question=clean_question(question, max_chars=max_chars),
        system=system,
        user=user,
        image=image,
        sampling=sampling if sampling is not None else Sampling(),
    )


def compose_completion(reasoning: str, answer: str) -> str:
    """The text that a well-trained policy writes: what supervision trains towards."""
    return f"<think>{reasoning}</think>\n<answer>{answer}</answer>"
