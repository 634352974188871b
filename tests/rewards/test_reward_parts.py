"""Each reward alone: what it pays, where it cannot judge, and that it is the score that evaluation uses."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reward_cases import FAR, HW, PROMPT, WHOLE, A, B, columns_of, drawn, judge, reader, wrapped

from remotereasoner.errors import UsageError
from remotereasoner.rewards.answer import AnswerMatch
from remotereasoner.rewards.caption import Caption
from remotereasoner.rewards.concise import Concise
from remotereasoner.rewards.count import Count
from remotereasoner.rewards.formats import FormatSoft, FormatStrict, FormatTags
from remotereasoner.rewards.grounding import Grounding
from remotereasoner.rewards.items import ItemFormat
from remotereasoner.rewards.no_target import NoTarget
from remotereasoner.rewards.non_repeating import NonRepeating, NoSentenceTwice
from remotereasoner.rewards.points import Points
from remotereasoner.scores.answers import answer_match
from remotereasoner.scores.boxes import above_shortcut, count_agreement, point_in_box_score, soft_grounding
from remotereasoner.scores.boxes import whole_image_score as whole
from remotereasoner.scores.rouge import rouge_l
from remotereasoner.types import BoxXyxy

READER = reader()
JUDGES = [
    *(FormatTags(), FormatStrict(READER), FormatSoft(READER), Grounding(READER), Count(READER), Points(READER)),
    *(NoTarget(READER), AnswerMatch(READER), Caption(READER), Concise(READER), NonRepeating(READER)),
    *(NoSentenceTwice(), ItemFormat(rule="grasp"), Grounding(READER, above_whole_image=True)),
]


@pytest.mark.parametrize("reward", JUDGES, ids=lambda reward: reward.__name__)
def test_signature(reward: Any) -> None:
    texts = [drawn(A), "nothing", wrapped("[]")]
    values = reward([PROMPT] * 3, texts, **columns_of([A], 3), trainer_state=None, completion_ids=[[1], [2], [3]])
    assert len(values) == 3 and all(value is None or 0 <= value <= 1 for value in values)
    messages = [[{"role": "assistant", "content": text}] for text in texts]
    assert reward(prompts=[PROMPT] * 3, completions=messages, **columns_of([A], 3)) == values
    assert isinstance(reward.__name__, str) and not inspect.iscoroutinefunction(reward)
    assert reward([], []) == []
    with pytest.raises(AttributeError):
        reward.name = "other"  # frozen


@pytest.mark.parametrize(
    ("text", "tags", "strict", "soft"),
    [
        (drawn(A), 1, 1, 1),
        (wrapped("[]"), 1, 1, 1),
        (drawn(A) + "\n", 1, 1, 1),
        (wrapped("no idea what you mean"), 1, 0, 0.75),
        (wrapped("```json\n[]\n```"), 1, 0, 1),  # readable, but not as asked
        (drawn(A) + " Done.", 0, 0, 0.75),
        ("Well: " + drawn(A), 0, 0, 0.75),
        ("<answer>[[10,10,50,50]]</answer>", 0, 0, 0.25),
        ("<think>a<answer>[[10,10,50,50]]</answer>", 0, 0, 0.25),
        ("<answer>[]</answer><think>a</think>", 0, 0, 0.25),
        ("<think></answer>", 0, 0, 0),
        ("<think></think><answer></answer>", 1, 0, 0.75),
        (drawn(A) + drawn(B), 1, 0, 0),
        ("[[10,10,50,50]]", 0, 0, 0.25),
        ("", 0, 0, 0),
        (PROMPT, 0, 0, 0),
    ],
)
def test_formats(text: str, tags: float, strict: float, soft: float) -> None:
    assert judge(FormatTags(), text, [A]) == tags
    assert judge(FormatStrict(READER), text, [A]) == strict
    assert judge(FormatSoft(READER), text, [A]) == soft


def test_forms_of_words() -> None:
    assert judge(FormatStrict(READER), wrapped("A port."), None, task="caption") == 1.0
    assert judge(FormatStrict(READER), "A port.", None, task="vqa") == 0.0


places: list[tuple[str, list[BoxXyxy], float]] = [
    (drawn(A, B), [A, B], 1.0),
    (drawn(B, A), [A, B], 1.0),
    (drawn(A), [A, B], 0.5),
    (drawn(A, B, FAR), [A, B], 2 / 3),
    (drawn(A, A, A, A), [A], 0.25),  # the parser drops the repeats, the reward does not forget them
    (drawn(A, (400, 400, 500, 500)), [A], 0.5),  # outside the image
    (drawn(FAR), [A], 0.0),
    (wrapped("[]"), [], 1.0),
    (wrapped("[]"), [A], 0.0),
    (drawn(A), [], 0.0),
    ("Sorry, I cannot help with that.", [], 0.0),  # declining is not the answer that nothing is there
    ("what boxes?", [], 0.0),
    (wrapped("[[1, 2, 3"), [], 0.0),
]


@pytest.mark.parametrize(("text", "truth", "earned"), places)
def test_grounding(text: str, truth: list[BoxXyxy], earned: float) -> None:
    assert judge(Grounding(READER), text, truth) == pytest.approx(earned)


def test_the_whole_image_earns_nothing_above_itself() -> None:
    large: BoxXyxy = (0.0, 0.0, 300.0, 120.0)
    above = Grounding(READER, above_whole_image=True)
    assert judge(Grounding(READER), drawn(WHOLE), [large]) == pytest.approx(0.6)
    assert judge(above, drawn(WHOLE), [large]) == 0.0
    assert judge(above, drawn(large), [large]) == 1.0
    assert judge(above, drawn((0, 0, 300, 96)), [large]) == pytest.approx((0.8 - 0.6) / 0.4)
    assert judge(above, drawn((-1e9, -1e9, 1e9, 1e9)), [large]) == 0.0
    assert judge(above, drawn(WHOLE), [WHOLE]) == 1.0  # here it is the answer
    assert judge(above, wrapped("[]"), []) == 1.0


def test_count_points_no_target() -> None:
    assert judge(Count(READER), drawn(A, B), [A, FAR]) == 1.0
    assert judge(Count(READER), drawn(A, A), [A]) == 0.5
    assert judge(Count(READER), "?", []) == 0.0
    assert judge(Points(READER), drawn(A, points=2), [A]) == 1.0
    assert judge(Points(READER), drawn(A), [A]) == 0.0
    assert judge(Points(READER), drawn(A, points=1), [A, B]) == 0.5
    assert judge(Points(READER, per_box=2), drawn(A, points=1), [A]) == 0.0
    assert judge(Points(READER, per_box=2), drawn(A, points=2), [A]) == 1.0
    assert judge(Points(READER), "?", []) == 0.0 and judge(Points(READER), wrapped("[]"), []) == 1.0
    for text, truth, earned in [
        (wrapped("[]"), [], 1.0),
        (drawn(A), [], 0.0),
        (wrapped("[]"), [A], 0.0),
        (drawn(FAR), [A], 1.0),
        ("?", [], 0.0),
        ("?", [A], 0.0),
    ]:
        assert judge(NoTarget(READER), text, truth) == earned


@pytest.mark.parametrize("reward", [Grounding(READER), Count(READER), Points(READER), NoTarget(READER)])
def test_places_cannot_be_judged_without_truth_size_or_task(reward: Any) -> None:
    assert judge(reward, drawn(A), None) is None
    assert judge(reward, drawn(A), [A], task="vqa") is None
    assert reward([PROMPT], [drawn(A)], boxes=[[list(A)]]) == [None]
    assert FormatStrict(READER)([PROMPT], [drawn(A)]) == [None]
    assert FormatSoft(READER)([PROMPT], [drawn(A)]) == [None]


def test_answers_and_captions() -> None:
    more: dict[str, Any] = {"task": "vqa", "answers": ["12", "a dozen"]}
    assert judge(AnswerMatch(READER), wrapped("Twelve ships."), None, **more) == 1.0
    assert judge(AnswerMatch(READER), "12", None, **more) == 1.0  # its form is another reward's business
    assert judge(AnswerMatch(READER), wrapped("13"), None, **more) == 0.0
    assert judge(AnswerMatch(READER), "I'm sorry, I cannot help with that.", None, **more) == 0.0
    assert judge(AnswerMatch(READER, relative_tolerance=0.1), wrapped("13"), None, **more) == 1.0
    assert judge(AnswerMatch(READER), wrapped("12"), None, task="vqa", answers=[]) is None
    assert judge(AnswerMatch(READER), wrapped("12"), None, task="caption", answers=["12"]) is None
    text, truths = "A port with ships", ["A port.", "Ships in a port"]
    assert judge(Caption(READER), wrapped(text), None, task="caption", answers=truths) == rouge_l(text, truths)
    assert judge(Caption(READER), wrapped(""), None, task="caption", answers=truths) == 0.0
    assert judge(Caption(READER), wrapped(text), None, task="caption") is None
    assert judge(Caption(READER), wrapped(text), [A]) is None


def test_concise() -> None:
    short = Concise(READER, target=10, limit=20)
    assert judge(short, wrapped("[]", "word " * 5), []) == 1.0
    assert judge(short, wrapped("[]", "word " * 100), []) == 0.0
    assert judge(short, wrapped("[]"), [], completion_ids=list(range(15))) == 0.5
    assert judge(short, "x", []) == 0.0
    assert short([PROMPT], ["x"]) == [None]
    with pytest.raises(UsageError, match="target must be below limit"):
        Concise(READER, target=5, limit=5)


def test_repeats() -> None:
    sentence = "the ships lie at the northern quay "
    assert judge(NonRepeating(READER), wrapped("[]", sentence), []) == 1.0
    assert judge(NonRepeating(READER), wrapped("[]", sentence * 50), []) < 0.05
    assert judge(NonRepeating(READER), drawn(A, A, B, A), [A]) == 0.5
    assert judge(NonRepeating(READER), "not readable", [A]) == 0.0
    assert NonRepeating(READER)([PROMPT], ["x"]) == [None]
    assert judge(NoSentenceTwice(), "a. b. c.", []) == 1.0
    assert judge(NoSentenceTwice(), "a. a. c.", []) == 1.0
    assert judge(NoSentenceTwice(), "a. a. a.", []) == judge(NoSentenceTwice(), "a. b. a. b.", []) == 0.0


THINK2SEG = '```json\n[{"bbox_2d": [1, 2, 30, 40], "positive_points": [[5, 6], [7, 8]]}]\n```'


@pytest.mark.parametrize(
    ("rule", "answer", "earned"),
    [
        ("think2seg", THINK2SEG, 1),
        ("think2seg", "```json\n[]\n```", 1),
        ("think2seg", THINK2SEG.replace("`", ""), 0),  # the code block is demanded
        ("think2seg", THINK2SEG.replace(", [7, 8]", ""), 0),
        ("think2seg", THINK2SEG.replace("}", ', "negative_points": [[1, 1]]}'), 0),
        ("think2seg", THINK2SEG.replace("}", ', "negative_points": null}'), 1),
        ("visionreasoner", '[{"bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2]}]', 1),
        ("visionreasoner", '[{"bbox_2d": [1, 2, 3, 4], "point_2d": [1, 2]}, {"bbox_2d": [1, 2, 3, 4]}]', 0.75),
        ("visionreasoner", '[{"bbox_2d": [1, 2, 3]}]', 0),
        ("visionreasoner", "[]", 0),
        ("visionreasoner", "[[1, 2, 3, 4]]", 0),
        ("visionreasoner", "[1, 2", 0),
        ("visionreasoner", "no list", 0),
        ("visionreasoner", "[] []", 0),
        ("seg-zero", '{"bbox": [1, 2, 3, 4], "points_1": [1, 2], "points_2": [2, 3]}', 1),
        ("seg-zero", '{"bbox": [1, 2, 3, 4], "points_1": [1, 2]}', 0),
        ("vlm-r1", '{"bbox_2d": [1, 2, 3, 4]}', 1),
        ("vlm-r1", "[1, 2, 3, 4]", 0),
        ("grasp", '[{"bbox_2d": [1, 2, 3, 4], "positive_points": [[1, 2], [2, 3]]}, {"bbox_2d": [1, 2, 3, 4]}]', 0.5),
        ("grasp", "[]", 1),
    ],
)
def test_items(rule: Any, answer: str, earned: float) -> None:
    assert judge(ItemFormat(rule=rule), wrapped(answer), []) == earned
    assert judge(ItemFormat(rule=rule), answer, []) == 0.0  # no answer block


coordinate = st.integers(0, 150)
boxes = st.tuples(coordinate, coordinate, st.integers(5, 140), st.integers(5, 50)).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)
box_lists = st.lists(boxes, max_size=5)


@settings(deadline=None)
@given(predicted=box_lists, truth=box_lists)
def test_rewards_are_the_scores(predicted: list[BoxXyxy], truth: list[BoxXyxy]) -> None:
    text = drawn(*predicted, points=2)
    (row,) = READER.rows([text], columns_of(truth))
    assert row.reading is not None
    kept, spurious = row.reading.boxes, row.reading.spurious
    assert len(kept) + spurious == len(predicted)
    score = soft_grounding(kept, truth, spurious=spurious)
    assert judge(Grounding(READER), text, truth) == score
    assert judge(Grounding(READER, above_whole_image=True), text, truth) == pytest.approx(
        above_shortcut(score, whole(truth, HW)) if truth else score
    )
    assert judge(Count(READER), text, truth) == count_agreement(len(predicted), len(truth))
    points = row.reading.points_xy
    assert judge(Points(READER), text, truth) == point_in_box_score(kept, points, truth, spurious=spurious)


@settings(deadline=None)
@given(text=st.text(max_size=20), truths=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3))
def test_words_are_the_scores(text: str, truths: list[str]) -> None:
    (row,) = READER.rows([wrapped(text)], {"task": ["vqa"], "answers": [truths]})
    found = row.reading.text if row.reading else None
    assert judge(AnswerMatch(READER), wrapped(text), None, task="vqa", answers=truths) == answer_match(
        found or "", truths
    )
    assert judge(Caption(READER), wrapped(text), None, task="caption", answers=truths) == rouge_l(found or "", truths)


@pytest.mark.parametrize(
    "text",
    [
        "<think>" + "</think><answer>" * 10_000,
        "<think>" + "</think><answer>" * 6_000 + "</answer>" * 6_000 + "x",
        "<answer>" * 25_000,
        "<think></think><answer>" + "```json" * 20_000,
        "<answer>" + "{[1,2," * 20_000 + "</answer>",
        "<think></think>" + " " * 150_000,
        wrapped("[" + "[1, 2, 30, 40]," * 10_000),
        wrapped("[" + ",".join(f"[{i}, {i}, {i + 9}, {i + 9}]" for i in range(8_000)) + "]"),
    ],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    """No time is asserted: with a pattern that looks again for every tag these would take minutes."""
    for reward in (*JUDGES, *(ItemFormat(rule=rule) for rule in ("think2seg", "visionreasoner", "seg-zero", "vlm-r1"))):
        value = judge(reward, text, [A])
        assert value is None or 0 <= value <= 1
