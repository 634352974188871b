"""Text made to break a reader: size, depth, odd characters, damage. Nothing escapes, everything stays finite."""

from __future__ import annotations

import json
import math
import random
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, FinishReason
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.parsing import ParseLimits, parse_completion
from remotereasoner.types import Task

HW = (400, 600)
REFERENCES = ((10.0, 20.0, 110.0, 120.0), (200.0, 50.0, 260.0, 90.0), (-5.0, 0.0, 900.0, 40.0))
CODECS = [codec_by_name(name) for name in ("pixels", "qwen2.5-vl", "qwen3-vl", "0-1", "embedded")]


def parse(
    text: str, finish: FinishReason, task: Task, codec: CoordinateCodec, limits: ParseLimits | None = None
) -> Answer:
    completion = Completion(text, finish, codec.grid_hw(HW), references=REFERENCES)
    return parse_completion(completion, task=task, codec=codec, image_hw=HW, limits=limits)


def check(answer: Answer, text: str, finish: FinishReason) -> None:
    """What holds for every answer, whatever was written."""
    n = len(answer.boxes_xyxy)
    for x1, y1, x2, y2 in answer.boxes_xyxy:
        assert 0 <= x1 < x2 <= 600
        assert 0 <= y1 < y2 <= 400
    for parallel in (answer.points_xy, answer.labels, answer.scores):
        assert len(parallel) in (0, n)
    assert all(math.isfinite(v) for points in answer.points_xy for point in points for v in point)
    assert n <= 500
    assert all(len(label) <= 100 for label in answer.labels)
    if answer.status == "answered":
        assert answer.text if answer.task != "locate" else n
        assert answer.reason is None
    else:
        assert (n, answer.text) == (0, None)
        assert answer.reason or answer.status == "no_target"
    if answer.task != "locate":
        assert answer.status != "no_target"
    if finish == "refusal":
        assert answer.status == "refused"
    if answer.status == "truncated":
        assert finish == "length"
    if finish == "length" and "</answer>" not in text.lower() and len(text) <= 200_000:
        assert answer.status == "truncated" or "different answers" in str(answer.reason)


PIECES = [
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    ":",
    "[[",
    "]]",
    "[]",
    "{}",
    '"',
    "'",
    "\\",
    "\\u12",
    "```",
    "```json\n",
    "\n",
    " ",
    "bbox_2d",
    '"bbox_2d":',
    '"bbox":',
    '"label": "x"',
    '"point_2d": [3, 4]',
    "10",
    "20",
    "300",
    "-5",
    "1e400",
    "NaN",
    "Infinity",
    "0.5",
    "null",
    "None",
    "true",
    "1" * 50,
    "[10,20,110,120]",
    "(10,20)",
    "(110,120)",
    "<box>",
    "</box>",
    "<ref>",
    "</ref>",
    "<|box_start|>",
    "<|box_end|>",
    "{<",
    "<10>",
    "|<0>}",
    "<|obj_0|>",
    "<|obj_1|>-<|obj_2|>",
    "<|obj_99|>",
    "<|obj_",
    "I'm sorry, I cannot",
    "no target",
    "机场",
    "\u202e",
    "\x00",
    "\ud800",
    "{'a': ",
    "//",
    "<|im_end|>",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=20).map(
        lambda parts: f"<think>r</think><answer>{''.join(parts)}</answer>"
    ),
    st.text(max_size=40),
)
FINISHES = st.sampled_from(["stop", "length", "refusal"])
TASKS = st.sampled_from(["locate", "locate", "locate", "vqa", "caption"])
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=2_000, deadline=None, suppress_health_check=CHECKS)
@given(TEXTS, FINISHES, TASKS, st.sampled_from(CODECS))
def test_fuzz(text: str, finish: FinishReason, task: Task, codec: CoordinateCodec) -> None:
    check(parse(text, finish, task, codec), text, finish)


@pytest.mark.slow
@settings(max_examples=100_000, deadline=None, suppress_health_check=CHECKS)
@given(TEXTS, FINISHES, TASKS, st.sampled_from(CODECS))
def test_fuzz_long(text: str, finish: FinishReason, task: Task, codec: CoordinateCodec) -> None:
    check(parse(text, finish, task, codec), text, finish)


CORPUS = [
    '<think>The pier lies in the north.</think>\n<answer>[{"bbox_2d": [10, 20, 110, 120], "label": "pier"}]</answer>',
    '<think>停机坪在左上角。</think><answer>```json\n[{"bbox_2d": [1, 2, 30, 40], "label": "停机坪"}]\n```</answer>',
    "<think>a</think><answer>[[10,20,110,120],[200,50,260,90],[300,10,330,40]]</answer>",
    "<think>a</think><answer><|obj_0|>-<|obj_1|></answer>",
    "<ref>ship</ref><box>[[10,20,110,120],[1,2,30,40]]</box>",
    "<|object_ref_start|>pier<|object_ref_end|><|box_start|>(10,20),(110,120)<|box_end|>",
    "<p>pier</p> {<10><20><60><70>|<30>}<delim>{<1><2><3><40>}",
    "<think>nothing</think><answer>[]</answer>",
    "I'm sorry, I cannot help with that.",
    '<answer>{"objects": [{"bbox": [10, 20, 110, 120], "positive_points": [[20, 30], [40, 50]], "score": 1}]}</answer>',
]


def _damaged(text: str, rng: random.Random) -> str:
    """The text with one to four random cuts, repeats, swaps and foreign pieces."""
    for _ in range(rng.randint(1, 4)):
        i, j = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:i]
        elif kind == 1:
            text = text[:i] + text[j:]
        elif kind == 2:
            text = text[:j] + text[i:]
        elif kind == 3:
            text = text[:i] + rng.choice(PIECES) + text[i:]
        else:
            text = text[:i] + chr(rng.randrange(0x3000)) + text[i + 1 :]
    return text


@pytest.mark.parametrize("seed", range(10))
def test_damaged_answers(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(350):
        text = _damaged(rng.choice(CORPUS), rng)
        finish: FinishReason = rng.choice(["stop", "stop", "length"])
        codec = rng.choice(CODECS)
        check(parse(text, finish, "locate", codec), text, finish)


@pytest.mark.parametrize("text", CORPUS)
def test_every_prefix_of_an_answer_that_was_cut_off_is_truncated_and_never_answered(text: str) -> None:
    codec = CODECS[4] if "obj_" in text else CODECS[0]
    whole = parse(text, "stop", "locate", codec)
    for end in range(len(text)):
        prefix = text[:end]
        assert parse(prefix, "length", "locate", codec).status == "truncated", prefix
        read = parse(prefix, "stop", "locate", codec)
        check(read, prefix, "stop")
        if read.boxes_xyxy:  # a prefix may lose whole closing brackets or tags, never a part of a box
            assert set(read.boxes_xyxy) <= set(whole.boxes_xyxy), prefix


PATTERNS = [
    "[",
    "(",
    "{",
    "]",
    '["',
    "['",
    '["\\"[',
    '{"a":',
    "<answer>",
    "</answer>",
    "<think>",
    "</think>",
    "<think>a</think>",
    "<|im_end|>",
    "</s>",
    "```",
    "```\n",
    "<box>",
    "<ref>a</ref>",
    "<p>a</p> ",
    "{<",
    "{<1><2>",
    "(1,2),",
    "(1,2),(30,40)",
    "[a ",
    "[1,",
    "[1,2,30,40],",
    "[]",
    "9",
    "1 ",
    " ",
    "\n",
    "x",
    "'",
    '"',
    "\\",
    "<|obj_0|>",
    "<|obj_0|>-<|obj_2|>",
    "<|obj_",
    "I ",
    "no ",
    "sorry ",
    "机",
    "\u202e",
    "<",
    "<a",
    "{<1><2><30><40>}",
    '{"bbox_2d":[1,2,30,40]}',
    "[null],",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("frame", ["<think>r</think>{}", "<answer>[[1,2,30,40],{}]</answer>"])
def test_time_is_linear(pattern: str, frame: str) -> None:
    """Eight times the text may take at most some twenty times as long: what is quadratic takes sixty-four times."""
    limits = ParseLimits(max_chars=10**7)
    codec = CODECS[4] if "obj_" in pattern else CODECS[0]

    def seconds(chars: int) -> float:
        text = frame.replace("{}", pattern * (chars // len(pattern)), 1)
        best = math.inf
        for _ in range(2):
            start = time.process_time()
            check(parse(text, "stop", "locate", codec, limits), text, "stop")
            best = min(best, time.process_time() - start)
        return best

    assert seconds(24_000) < 20 * seconds(3_000) + 0.1


@pytest.mark.parametrize("pattern", ["x", "[", "[1,2,30,40],", "机", "<think>"])
def test_five_megabytes_are_refused_at_once(pattern: str) -> None:
    text = pattern * (5_000_000 // len(pattern))
    start = time.process_time()
    read = parse(text, "stop", "locate", CODECS[0])
    assert time.process_time() - start < 0.5
    assert read.status == "unparseable"
    assert "200000 characters" in str(read.reason)
    assert parse(text, "refusal", "vqa", CODECS[0]).status == "refused"


def test_the_longest_text_that_is_read() -> None:
    boxes = [[i % 500, i % 300, i % 500 + 60 + i % 7, i % 300 + 70] for i in range(9_000)]
    text = f"<think>r</think><answer>{json.dumps(boxes)}</answer>"[:200_000]
    start = time.process_time()
    read = parse(text if len(text) < 200_000 else "", "stop", "locate", CODECS[0])
    assert time.process_time() - start < 5
    assert len(read.boxes_xyxy) == 500
    assert read.dropped_over_limit > 1_000


def test_one_label_for_thousands_of_boxes() -> None:
    text = json.dumps({"z" * 90_000: [[1, 2, 30 + i, 40] for i in range(5_000)]})
    start = time.process_time()
    assert parse(text, "stop", "locate", CODECS[0]).labels[0] == "z" * 100
    assert time.process_time() - start < 5


def test_many_points_of_many_boxes() -> None:
    points = [[5, 5]] * 5_000
    text = json.dumps([{"boxes": [[i, 2, 100 + i, 140] for i in range(0, 400, 9)], "points": points}])
    read = parse(text, "stop", "locate", CODECS[0])
    assert {len(found) for found in read.points_xy} == {32}


@pytest.mark.parametrize("name", ["pixels", "qwen2-vl", "qwen2.5-vl", "qwen3-vl", "internvl", "0-1", "0-100"])
def test_fifty_objects_in_time(name: str) -> None:
    """The parsing half of the 50 ms that an answer with 50 objects may take."""
    codec = codec_by_name(name)
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 1, (50, 2, 2)), axis=1).reshape(50, 4) * [600, 400, 600, 400]
    grid = codec.encode_xy(corners.reshape(-1, 2), grid_hw=codec.grid_hw(HW), image_hw=HW).reshape(50, 4)
    text = f"<think>r</think><answer>{json.dumps([{'bbox_2d': row, 'label': 'x'} for row in grid.tolist()])}</answer>"
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        read = parse(text, "stop", "locate", codec)
        best = min(best, time.process_time() - start)
    assert read.status == "answered"
    assert best < 0.05
