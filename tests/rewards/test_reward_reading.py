"""The quick way of reading gives what the parser gives; columns are checked; batches are read once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from reward_cases import A, B, columns_of, drawn, reader, wrapped

from remotereasoner.errors import UsageError
from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.codec_families import NormalisedCodec, PixelCodec, Qwen25VLCodec
from remotereasoner.policy.parsing import ParseLimits, parse_completion
from remotereasoner.rewards import reading as module
from remotereasoner.rewards.base import text_of
from remotereasoner.rewards.plain import Frame, read_plain
from remotereasoner.rewards.reading import AnswerReader, Row

numbers = st.integers(-50, 1_500) | st.floats(-50, 1_500) | st.sampled_from([1e12, -0.0, 10**30, True, None, "7"])
plain_numbers = st.integers(0, 1_000) | st.floats(0, 1_000)
labels = st.sampled_from(["ship", "", " two  words ", "é", "a\tb", "x" * 120, "(1,2),(3,4)", "bbox_2d", '"label"'])
plain_boxes = st.lists(plain_numbers, min_size=4, max_size=4)
any_boxes = st.lists(numbers, min_size=3, max_size=5) | plain_boxes
items = (
    plain_boxes
    | any_boxes
    | st.fixed_dictionaries({"bbox_2d": plain_boxes}, optional={"label": labels})
    | st.fixed_dictionaries({"bbox_2d": any_boxes}, optional={"label": labels | st.none(), "point_2d": plain_boxes})
)
contents = st.lists(items, max_size=4).map(json.dumps) | st.sampled_from(
    [
        *(
            "[]",
            "[ ]",
            "None",
            "[[1,2,3,4],]",
            "[[1,2,3,NaN]]",
            "[[1,2,30,Infinity]]",
            "[[1,2,30,1e999]]",
            "[1,2,30,40]",
        ),
        *('[{"bbox_2d":[1,2,30,40],"bbox_2d":[1,2,30,50]}]', '[{"bbox\\u005f2d":[1,2,30,40]}]', "```json\n[]\n```"),
        *("[[1,2,30,40]] [[1,2,30,40]]", "[[1,2,30,40]", "[[1, 2, 30, 40], [1, 2, 30, 40]]", "[[01,2,30,40]]"),
        *("[" * 5_000, "[" * 500 + "]" * 500, "[[5,5,5,9]]", "[[900,900,990,990]]", "[[[1,2,30,40]]]", "[1]", "[{}]"),
    ]
)
frames = st.sampled_from(["{0}", "{0}<|im_end|>", "x{0}", "{0}{0}", "{0}\n "])
texts = st.builds(
    lambda reasoning, content, frame: frame.format(wrapped(content, reasoning)),
    st.sampled_from(["", "Ships.", "a < b", "<answer>[]</answer>", "</think>", "é (1,2)"]),
    contents,
    frames,
)
codecs = st.sampled_from([PixelCodec(), Qwen25VLCodec(), NormalisedCodec(), EmbeddedReferenceCodec()])
sizes = st.sampled_from([(200, 300), (1_001, 777), (28, 28)])


@settings(deadline=None)
@given(found=st.lists(texts, min_size=1, max_size=6), codec=codecs, image_hw=sizes)
@example(found=[wrapped("[[0,0,100,100],[0,0,100,99]]")], codec=PixelCodec(), image_hw=(200, 300))
@example(found=[wrapped("[[0,0,100,100],[0,0,100,95]]")], codec=PixelCodec(), image_hw=(200, 300))
def test_the_quick_way_and_the_parser_agree(found: list[str], codec: Any, image_hw: tuple[int, int]) -> None:
    grid_hw = codec.grid_hw(image_hw)
    columns = {"image_hw": [image_hw] * len(found), "grid_hw": [grid_hw] * len(found)}
    for row, text in zip(AnswerReader(codec).rows(found, columns), found, strict=True):
        completion = Completion(text, "stop", grid_hw)
        answer = parse_completion(completion, task="locate", codec=codec, image_hw=image_hw)
        assert row.reading is not None
        assert row.reading.status == answer.status
        assert [tuple(box) for box in row.reading.boxes.tolist()] == list(answer.boxes_xyxy)
        assert row.reading.points_xy == answer.points_xy
        dropped = answer.dropped_degenerate + answer.dropped_duplicate + answer.dropped_over_limit
        assert row.reading.spurious == dropped
        readable = answer.status in ("answered", "no_target")
        assert row.reading.is_readable == readable and row.reading.tidy == (readable and not answer.repaired)


def test_the_quick_way_is_taken_for_the_form_asked_for() -> None:
    """Else the bound on the time of a batch would hold by luck only."""
    found = [drawn(A, B), drawn(A, label="ship"), wrapped("[[1, 2, 30, 40]]"), wrapped("[]")]
    slow = [wrapped("[[1, 2, 30, 40], [1, 2, 30, 40]]"), drawn(A, points=2), wrapped("[[1, 2, 1, 2]]"), "[]"]
    frame = Frame((200, 300), (200, 300))
    read = read_plain([*found, *slow], [frame] * 8, codec=PixelCodec(), limits=ParseLimits())
    assert [boxes is not None for boxes in read] == [True] * 4 + [False] * 4


def test_limits_are_the_parsers() -> None:
    limits = ParseLimits(max_boxes=1, max_chars=400)
    rows = reader(limits=limits).rows([drawn(A, B), wrapped("[]", "word " * 100)], columns_of([A], 2))
    assert [row.reading and row.reading.status for row in rows] == ["answered", "unparseable"]
    assert rows[0].reading is not None and rows[0].reading.spurious == 1


def test_a_batch_is_read_once_and_readings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    original = module.parse_completion

    def counting(completion: Completion, **more: Any) -> Any:
        parsed.append(completion.text)
        return original(completion, **more)

    monkeypatch.setattr(module, "parse_completion", counting)
    one = reader(kept=2)
    found = ["[]", "[ ]", "None"]
    columns = columns_of([A], 3)
    first = one.rows(found, columns)
    assert one.rows(found, columns) is first and parsed == found
    again = one.rows(list(found), {**columns, "boxes": [[B]] * 3})  # another truth: not the same rows
    assert again is not first and again[0].truth is not None and again[0].truth.tolist() == [list(B)]
    assert parsed == [*found, "[]"]  # the oldest was forgotten
    assert len(one._readings) == 2


def test_readings_depend_on_the_frame_and_on_the_cut() -> None:
    one = reader(max_completion_length=5)
    text = "<think>a</think><answer>[[10, 10, 20, 20]"
    columns = {
        "image_hw": [(50, 50)] * 3,
        "grid_hw": [(50, 50), (100, 100), (50, 50)],
        "completion_ids": [[1], [1], [1] * 5],
    }
    rows = one.rows([text] * 3, columns)
    assert [row.reading.status if row.reading else None for row in rows] == ["answered", "answered", "truncated"]
    assert rows[0].reading is not None and rows[0].reading.boxes.tolist() == [[10, 10, 20, 20]]
    assert rows[1].reading is not None and rows[1].reading.boxes.tolist() == [[5, 5, 10, 10]]
    assert [row.tokens for row in rows] == [1, 1, 5]


def test_the_grid_is_worked_out_where_it_is_not_given() -> None:
    codec = Qwen25VLCodec(max_pixels=802_816)
    (row,) = AnswerReader(codec).rows([wrapped("[[0, 0, 448, 448]]")], {"image_hw": [(1_792, 1_792)]})
    assert row.reading is not None and row.reading.boxes.tolist() == [[0, 0, 896, 896]]


def test_the_size_comes_from_the_image_where_no_column_has_it() -> None:
    text = wrapped("[[0, 0, 500, 500]]")
    columns = {"image": [Image.new("RGB", (40, 30)), np.zeros((30, 40, 3), np.uint8), "a.png", None]}
    columns["images"] = [None, None, None, [Image.new("RGB", (40, 30))]]
    rows = reader().rows([text] * 4, columns)
    assert [row.image_hw for row in rows] == [(30, 40), (30, 40), None, (30, 40)]
    assert rows[2].reading is None and rows[2].places is None
    assert rows[0].reading is not None and rows[0].reading.boxes.tolist() == [[0, 0, 40, 30]]


def test_words_need_no_size() -> None:
    (row,) = reader().rows([wrapped("a port")], {"task": ["vqa"], "answers": ["port"]})
    assert row.reading is not None and row.reading.text == "a port" and row.answers == ("port",)
    assert row.places is None


def test_references_of_the_embedded_model() -> None:
    one = AnswerReader(EmbeddedReferenceCodec((100, 100)))
    columns = {
        "image_hw": [(200, 200)] * 2,
        "references": [[[0, 0, 50, 50], [50, 50, 100, 100]], None],
        "reference_labels": [["ship", "tank"], None],
    }
    rows = one.rows([wrapped("<|obj_0|>-<|obj_1|>")] * 2, columns)
    assert rows[0].reading is not None and rows[0].reading.boxes.tolist() == [[0, 0, 100, 100], [100, 100, 200, 200]]
    assert rows[1].reading is not None and rows[1].reading.status == "unparseable"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"boxes": []}, "the column boxes has 0 values for 1 completions"),
        ({"task": ["segment"]}, "task must be locate, vqa or caption, not 'segment'"),
        ({"image_hw": [[0, 5]]}, "image_hw must be [height, width]"),
        ({"grid_hw": [[5]], "image_hw": [[5, 5]]}, "grid_hw must be [height, width]"),
        ({"boxes": [[[1, 2, 3]]], "id": ["x"], "image_hw": [[5, 5]]}, "the true boxes of sample 'x' cannot be used"),
        ({"boxes": [[[1, 2, 3, float("nan")]]], "id": ["x"]}, "the true boxes of sample 'x' cannot be used"),
        ({"boxes": ["text"], "id": ["x"]}, "the true boxes of sample 'x' cannot be used"),
    ],
)
def test_columns_that_cannot_be_used(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        reader().rows(["x"], columns)


def test_texts_of_completions() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert text_of("a") == "a"
    assert text_of([{"role": "user", "content": "x"}, {"role": "assistant", "content": "a"}]) == "a"
    assert text_of([{"role": "assistant", "content": blocks}]) == "ab"
    bad: Sequence[Any] = (7, [], [7], [{"role": "assistant"}], [{"content": 7}])
    for completion in bad:
        with pytest.raises(UsageError, match="a completion must be text"):
            text_of(completion)


def test_a_row_without_truth_has_no_places() -> None:
    (row,) = reader().rows([drawn(A)], columns_of(None))
    assert isinstance(row, Row) and row.truth is None and row.places is None
