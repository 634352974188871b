"""One completion to one answer: the five statuses are told apart here and nowhere else."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion
from remotereasoner.policy.boxes import scene_boxes
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.parsing.limits import ParseLimits, RawBox, Reading, UnreadableError
from remotereasoner.policy.parsing.literals import Scan, scan_literals
from remotereasoner.policy.parsing.marks import read_geochat, read_point_pairs, read_tagged
from remotereasoner.policy.parsing.phrases import says_none, says_refusal
from remotereasoner.policy.parsing.references import read_references, without_references
from remotereasoner.policy.parsing.sections import Sections, split_sections
from remotereasoner.policy.parsing.shapes import boxes_of, is_plain
from remotereasoner.types import SizeHw, Task

__all__ = ["parse_completion", "read_boxes"]

_FENCE = re.compile(r"```[ \t]*+(?:[A-Za-z0-9_+-]*+[ \t]*+\r?\n)?(.*?)```", re.DOTALL)
_FENCE_OPEN = re.compile(r"```[ \t]*+(?:json|python|text)?[ \t]*+\r?\n?")
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")


def parse_completion(
    completion: Completion,
    *,
    task: Task,
    codec: CoordinateCodec,
    image_hw: SizeHw,
    limits: ParseLimits | None = None,
) -> Answer:
    """The answer in ``completion``, in pixels of a scene of ``image_hw``. Never raises for what the model wrote.

    ``refused``: the engine said so, or the text declines and holds no answer. ``truncated``: the token limit cut it off
    before the answer was closed, even if some boxes were complete. ``no_target``: ``[]``, "None" and the like.
    ``unparseable``: anything that is not an answer without doubt, with the reason; also when every box is empty or
    outside the scene.
    """
    limits = limits if limits is not None else ParseLimits()
    text = completion.text
    if len(text) > limits.max_chars:
        too_long = f"the text is longer than {limits.max_chars} characters"
        return Answer("refused" if completion.finish_reason == "refusal" else "unparseable", task, reason=too_long)
    try:
        sections = split_sections(text)
    except UnreadableError as problem:
        if completion.finish_reason == "refusal":
            return Answer("refused", task, reason="the model declined")
        return Answer("unparseable", task, reason=str(problem))
    reasoning = without_references(sections.reasoning) if codec.style == "references" else sections.reasoning
    blank = Answer("unparseable", task, reasoning=_cleaned(reasoning, multiline=True))
    if completion.finish_reason == "refusal":
        return replace(blank, status="refused", reason="the model declined")
    if completion.finish_reason == "length" and not sections.closed:
        where = "reasoning" if sections.answer is None else "answer"
        return replace(blank, status="truncated", reason=f"the token limit cut the text off in the {where}")
    if sections.answer is None:
        return replace(blank, reason="there is no answer after the reasoning")
    if not sections.answer:
        return replace(blank, reason="the answer is empty")
    if task != "locate":
        return _words(blank, sections, untagged_form=codec.style == "lists" and task == "caption")
    return _places(blank, sections, completion, codec, image_hw, limits)


def _words(blank: Answer, sections: Sections, *, untagged_form: bool) -> Answer:
    content = sections.answer or ""
    if not sections.tagged and says_refusal(content):
        return replace(blank, status="refused", reason="the model declined")
    text = _cleaned(content, multiline=True)
    if not text:
        return replace(blank, reason="the answer is empty")
    return replace(blank, status="answered", text=text, repaired=not (sections.tidy or untagged_form))


def _places(
    blank: Answer,
    sections: Sections,
    completion: Completion,
    codec: CoordinateCodec,
    image_hw: SizeHw,
    limits: ParseLimits,
) -> Answer:
    content = sections.answer or ""
    try:
        reading = read_boxes(content, completion, codec=codec, tagged=sections.tagged, limits=limits)
    except UnreadableError as problem:
        return replace(blank, reason=str(problem))
    if reading is None:
        if says_refusal(content):
            return replace(blank, status="refused", reason="the model declined")
        return replace(blank, reason="the answer has neither boxes nor an empty list")
    repaired = reading.repaired or not sections.tidy
    if not reading.boxes:
        return replace(blank, status="no_target", repaired=repaired)
    raw = [_tamed(box, limits) for box in reading.boxes]
    found = scene_boxes(raw, codec, grid_hw=completion.grid_hw, image_hw=image_hw, limits=limits)
    counted = replace(
        blank,
        clipped=found.clipped,
        dropped_degenerate=found.dropped_degenerate,
        dropped_duplicate=found.dropped_duplicate,
        dropped_over_limit=found.dropped_over_limit,
    )
    if not found.boxes_xyxy:
        return replace(counted, reason=f"all {len(raw)} boxes are empty or outside the image")
    return replace(
        counted,
        status="answered",
        boxes_xyxy=found.boxes_xyxy,
        points_xy=found.points_xy,
        labels=found.labels,
        scores=found.scores,
        repaired=repaired,
    )


def _tamed(box: RawBox, limits: ParseLimits) -> RawBox:
    """The box with a label and points of bounded length."""
    # Cut first: one long label can stand for thousands of boxes.
    label = _cleaned(box.label[: 4 * limits.max_label_chars])[: limits.max_label_chars].strip()
    return replace(box, label=label, points_xy=box.points_xy[: limits.max_points])


def read_boxes(
    content: str, completion: Completion, *, codec: CoordinateCodec, tagged: bool, limits: ParseLimits
) -> Reading | None:
    """The boxes of an answer, in model coordinates, by the first dialect that applies. None: no dialect does.

    Raises :class:`UnreadableError` where a dialect applies and the text breaks it.
    """
    if codec.style == "references":
        found = read_references(content, completion)
        if found is not None:
            return found
    for dialect in (read_geochat(content), read_tagged(content, max_depth=limits.max_depth)):
        if dialect is not None:
            return _without_digits(dialect, codec)
    content, fenced = _unfenced(content)
    pairs = read_point_pairs(content)
    if pairs is not None:
        return _without_digits(pairs, codec)
    if says_none(content):
        return Reading((), repaired=content.strip() != "[]")
    scan = scan_literals(content, max_depth=limits.max_depth)
    boxes = _boxes_of_scan(scan, tagged=tagged)
    if boxes is None:
        return None
    lone = len(scan.values) == 1 and not "".join(scan.gaps).strip() and is_plain(scan.values[0])
    return _without_digits(Reading(tuple(boxes), repaired=fenced or scan.repaired or not lone), codec)


def _boxes_of_scan(scan: Scan, *, tagged: bool) -> list[RawBox] | None:
    if not scan.values:
        return None
    if not tagged and any(_SENTENCE_END.search(gap) for gap in scan.gaps[1:-1]):
        raise UnreadableError("several lists stand in running text, without answer tags")
    groups = [boxes_of(value) for value in scan.values]
    if len(groups) > 1 and not all(groups):
        raise UnreadableError("an empty list stands beside another")
    return [box for group in groups for box in group]


def _without_digits(reading: Reading, codec: CoordinateCodec) -> Reading:
    """A policy that answers with references has never learnt coordinates: digits from it mean nothing certain."""
    if codec.style == "references" and reading.boxes:
        raise UnreadableError("there are coordinates where references to objects belong")
    return reading


def _unfenced(content: str) -> tuple[str, bool]:
    """(the code blocks of a text or the text itself, there was a fence)."""
    if "```" not in content:
        return content, False
    blocks = [block.strip() for block in _FENCE.findall(content)]
    if not blocks:
        return _FENCE_OPEN.sub("", content).strip(), True
    distinct = list(dict.fromkeys(blocks))
    if len(distinct) > 1:
        raise UnreadableError(f"there are {len(distinct)} different code blocks")
    return distinct[0], True


def _cleaned(text: str, *, multiline: bool = False) -> str:
    """Without control, format and private characters (joiners stay), white space squeezed; lines kept on request."""
    lines = text.splitlines() if multiline else [text]
    kept = (
        "".join(c for c in " ".join(line.split()) if c in "\u200c\u200d" or unicodedata.category(c)[0] != "C")
        for line in lines
    )
    return "\n".join(kept).strip()
