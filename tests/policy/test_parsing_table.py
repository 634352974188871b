"""What models write, and what is read from it: one row a text. The scene is 600 x 400 px and seen as it is."""

from __future__ import annotations

import pytest

from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, FinishReason
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.codec_families import PixelCodec
from remotereasoner.policy.parsing import ParseLimits, parse_completion
from remotereasoner.types import BoxXyxy, Status, Task

A: BoxXyxy = (10.0, 20.0, 110.0, 120.0)
B: BoxXyxy = (200.0, 50.0, 260.0, 90.0)


def parse(
    text: str,
    finish: FinishReason = "stop",
    *,
    task: Task = "locate",
    codec: PixelCodec | EmbeddedReferenceCodec | None = None,
    references: tuple[BoxXyxy, ...] = (),
    scores: tuple[float, ...] = (),
    limits: ParseLimits | None = None,
) -> Answer:
    completion = Completion(text, finish, (400, 600), references=references, reference_scores=scores)
    return parse_completion(completion, task=task, codec=codec or PixelCodec(), image_hw=(400, 600), limits=limits)


def tagged(answer: str) -> str:
    return f"<think>why</think>\n<answer>{answer}</answer>"


CLEAN: list[tuple[str, tuple[BoxXyxy, ...]]] = [
    ("[[10, 20, 110, 120]]", (A,)),
    ("[[10,20,110,120],[200,50,260,90]]", (A, B)),
    ("[[10.0,20.0,1.1e2,120.]]", (A,)),
    ("[[+10, 20, .11e3, 120]]", (A,)),
    ('[{"bbox_2d": [10, 20, 110, 120], "label": "pier"}]', (A,)),
    ('[{"label": "pier", "bbox_2d": [10, 20, 110, 120]}, {"bbox_2d": [200, 50, 260, 90]}]', (A, B)),
    ("\n [\n  [10, 20, 110, 120]\n ]\n", (A,)),
    ('[{"bbox_2d": [10, 20, 110, 120], "point_2d": [50, 60], "label": "a [b] {c} \\" 1"}]', (A,)),
]


@pytest.mark.parametrize(("answer", "boxes"), CLEAN)
def test_the_form_asked_for(answer: str, boxes: tuple[BoxXyxy, ...]) -> None:
    read = parse(tagged(answer))
    assert (read.status, read.boxes_xyxy, read.reasoning, read.repaired) == ("answered", boxes, "why", False)
    assert read.reason is None


REPAIRED: list[tuple[str, tuple[BoxXyxy, ...]]] = [
    # One box without the outer list, tuples, single tables.
    ("[10,20,110,120]", (A,)),
    ("(10,20,110,120)", (A,)),
    ("[(10,20,110,120)]", (A,)),
    ("((10,20,110,120),(200,50,260,90))", (A, B)),
    ('{"bbox_2d": [10,20,110,120]}', (A,)),
    ("[[[10,20,110,120]],[[200,50,260,90]]]", (A, B)),
    ("[10,20,110,120],[200,50,260,90]", (A, B)),
    ("[10,20,110,120]\n[200,50,260,90]", (A, B)),
    ('{"bbox_2d":[10,20,110,120]}\n{"bbox_2d":[200,50,260,90]}', (A, B)),
    # Other keys.
    ('[{"bbox": [10,20,110,120]}]', (A,)),
    ('[{"box": [10,20,110,120]}]', (A,)),
    ('[{"box_2d": [10,20,110,120]}]', (A,)),
    ('{"boxes": [[10,20,110,120],[200,50,260,90]]}', (A, B)),
    ('[{"BBox": [10,20,110,120]}]', (A,)),
    ('[{"bbox": [[10,20],[110,120]]}]', (A,)),
    ('[{"bbox": [[10,20,110,120],[200,50,260,90]]}]', (A, B)),
    ('[{"x1":10,"y1":20,"x2":110,"y2":120}]', (A,)),
    ('[{"x_min":10,"y_min":20,"x_max":110,"y_max":120}]', (A,)),
    ('{"xmin":10,"ymin":20,"xmax":110,"ymax":120}', (A,)),
    ('{"bbox": {"x1":10,"y1":20,"x2":110,"y2":120}}', (A,)),
    # Nested tables.
    ('{"objects": [{"bbox_2d": [10,20,110,120]}, {"bbox_2d": [200,50,260,90]}], "count": 2}', (A, B)),
    ('{"answer": {"targets": [[10,20,110,120]]}}', (A,)),
    ('{"ship": [[10,20,110,120]], "pier": [200,50,260,90]}', (A, B)),
    # Fences.
    ("```json\n[[10,20,110,120]]\n```", (A,)),
    ("```\n[[10,20,110,120]]\n```", (A,)),
    ("```[[10,20,110,120]]```", (A,)),
    ("```json[[10,20,110,120]]```", (A,)),
    ("```json\r\n[[10,20,110,120]]\r\n```", (A,)),
    ("```json\n[[10,20,110,120]]", (A,)),
    ("Here it is:\n```json\n[[10,20,110,120]]\n```\nDone (1 object).", (A,)),
    ("```json\n[[10,20,110,120]]\n```\n```json\n[[10,20,110,120]]\n```", (A,)),
    # Python and sloppy JSON.
    ("[{'bbox_2d': [10,20,110,120], 'label': 'it\\'s'}]", (A,)),
    ("[[10,20,110,120],]", (A,)),
    ("[[10,20,110,120,],]", (A,)),
    ('[{"bbox_2d": [10,20,110,120],},]', (A,)),
    ("[{bbox_2d: [10,20,110,120], label: 'x'}]", (A,)),
    ("[{'bbox_2d': [10,20,110,120], 'hidden': None, 'ok': True}]", (A,)),
    ('[{"bbox_2d": [10,20,110,120]}\n{"bbox_2d": [200,50,260,90]}]', (A, B)),
    ("[[10,20,110,120] [200,50,260,90]]", (A, B)),
    ('[["10","20","110","120"]]', (A,)),
    # The closing brackets are all that is missing.
    ("[[10,20,110,120]", (A,)),
    ("[[10,20,110,120],[200,50,260,90]", (A, B)),
    ('[{"bbox_2d": [10,20,110,120], "label": "pier"', (A,)),
    ('{"objects": [{"bbox_2d": [10,20,110,120]', (A,)),
    # Pairs of points and marks.
    ("(10,20),(110,120)", (A,)),
    ("(10, 20) (110, 120)", (A,)),
    ("pier(10,20),(110,120)", (A,)),
    ("(10,20),(110,120),(200,50),(260,90)", (A, B)),
    ("[(10,20),(110,120)]", (A,)),
    ("[((10,20),(110,120)),((200,50),(260,90))]", (A, B)),
    ("<|box_start|>(10,20),(110,120)<|box_end|>", (A,)),
    ("<|object_ref_start|>a<|object_ref_end|><|box_start|>(10,20),(110,120)<|box_end|>", (A,)),
    ("<box>(10,20),(110,120)</box>", (A,)),
    ("<box>[[10,20,110,120]]</box>", (A,)),
    ("<box>[10,20,110,120]</box>", (A,)),
    ("<ref>pier</ref><box>[[10,20,110,120],[200,50,260,90]]</box>", (A, B)),
    ("<ref>a</ref><box>[[10,20,110,120]]</box> and <ref>b</ref><box>[[200,50,260,90]]</box>", (A, B)),
    ("{<10><20><110><120>|<0>}", (A,)),
    ("{<10><20><110><120>}", (A,)),
    ("<p>pier</p> {<10><20><110><120>|<0>}<delim>{<200><50><260><90>|<0>}", (A, B)),
    # Prose around one list.
    ("The pier is at [10,20,110,120].", (A,)),
    ("The box is: [[10,20,110,120]] (the pier, see 2 cranes)", (A,)),
    ("[note] [[10,20,110,120]]", (A,)),
    ("[note: [[10,20,110,120]]]", (A,)),
    ("{[10,20,110,120]}", (A,)),
    ("airplane: [10,20,110,120]\nship: [200,50,260,90]", (A, B)),
    # Corners in any order.
    ("[110,120,10,20]", (A,)),
    ("[10,120,110,20]", (A,)),
]


@pytest.mark.parametrize(("answer", "boxes"), REPAIRED)
def test_other_forms_that_leave_no_doubt(answer: str, boxes: tuple[BoxXyxy, ...]) -> None:
    read = parse(tagged(answer))
    assert (read.status, read.boxes_xyxy) == ("answered", boxes)
    assert read.repaired


UNPARSEABLE: list[tuple[str, str]] = [
    ("", "empty"),
    ("   ", "empty"),
    ("The pier, I think.", "neither boxes nor an empty list"),
    ("I cannot find any ship.", "neither boxes"),
    ("There is no doubt about the harbour", "neither boxes"),
    ("???", "neither boxes"),
    ('""', "neither boxes"),
    ("42", "neither boxes"),
    ("10,20,110,120", "neither boxes"),
    ("{}", "no box"),
    ("[{}]", "no box"),
    ('[{"label": "pier"}]', "no box"),
    ('{"count": 0}', "no box"),
    ("[1]", "1 values"),
    ("[10,20,110]", "3 values"),
    ("[10,20,110,120,0.9]", "5 values"),
    ("[10,20,110,20,110,120,10,120]", "8 values"),
    ("[[10,20],[110,120]]", "2 values"),
    ("[[10,20,110,120],[1,2,3]]", "3 values"),
    ("[[10,20,110,120],[]]", "not a box"),
    ("[[10,20,110,120],null]", "4 numbers"),
    ("[[10,20,110,120],200,50,260,90]", "4 numbers"),
    ("[[10,20,110,true]]", "4 numbers"),
    ("[[10,20,110,null]]", "4 numbers"),
    ('[["a","b","c","d"]]', "number belongs"),
    ('["pier"]', "1 values"),
    ('[["10px","20","30","40"]]', "number belongs"),
    ("[[NaN,20,110,120]]", "not a finite"),
    ("[[nan,20,110,120]]", "not a finite"),
    ("[[10,20,Infinity,120]]", "not a finite"),
    ("[[-Infinity,20,110,120]]", "not a finite"),
    ("[[10,20,1e400,120]]", "not a finite"),
    ("[[10,20,-1e400,120]]", "not a finite"),
    (f"[[10,20,{'9' * 400},120]]", "not a finite"),
    ('[["1e999","20","30","40"]]', "not a finite"),
    ("[[10,20,110px,120]]", "broken"),
    ("[[1.2.3,20,110,120]]", "broken"),
    ("[[10%,20%,30%,40%]]", "broken"),
    ("[[10 20 110 120]]", "missing"),
    ("[[1_0,20,110,120]]", "broken"),
    ("[[0x10,20,110,120]]", "broken"),
    ("[[ten,20,110,120]]", "bare word"),
    ("[[ten,20,110,120],[10,20,110,120]]", "bare word"),
    ("[[1.2.3,20,110,120]] [[10,20,110,120]]", "broken"),
    ("[[10,20,110,120)]", "none belongs"),
    ("[[10,20,110,120}]", "none belongs"),
    ("[[10,20,,120]]", "none belongs"),
    ("[[10:20,110,120]]", "none belongs"),
    ("{10,20,110,120}", "none belongs"),
    ('{"bbox_2d" [10,20,110,120]}', "colon is missing"),
    ('{"bbox_2d": }', "none belongs"),
    # Something has been lost.
    ("[[10,20,110,120],[200,50", "inside a number"),
    ("[[10,20,110,12", "inside a number"),
    ("[10,20,110,120", "inside a number"),
    ("[[10,20,110,120],", "middle of a list"),
    ("[[10,20,110,120],[", "middle of a list"),
    ('[{"bbox_2d": [10,20,110,120], "label": "pi', "broken"),
    ('[{"bbox_2d": [10,20,110,120], "label"', "middle of a list"),
    ('[{"bbox_2d": [10,20,110,120], "label":', "middle of a list"),
    ("[", "neither boxes"),
    ("[[", "neither boxes"),
    ("{", "neither boxes"),
    ("<box>[[10,20,110,120]]", "</box> is missing"),
    ("<box>nowhere</box>", "no coordinates"),
    ("<|box_start|>(10,20),(110,12", "is missing"),
    ("{<10><20><110><120>|<0>}{<200><50>", "broken"),
    ("{<1e9><20><110><120>}", "broken"),
    ("(10,20),(110,120),(200,50)", "pairs"),
    # Two answers in one.
    ("[] [[10,20,110,120]]", "empty list stands beside"),
    ("[[10,20,110,120]] []", "empty list stands beside"),
    ("```\n[[10,20,110,120]]\n```\n```\n[[200,50,260,90]]\n```", "code blocks"),
    ('[{"bbox_2d":[10,20,110,120],"bbox_2d":[200,50,260,90]}]', "two different boxes"),
    ('[{"bbox_2d":[10,20,110,120],"bbox":[0.1,0.2,0.3,0.4]}]', "two different boxes"),
    # Points only, boxes that are nothing.
    ('[{"point_2d": [10,20], "label": "a"}]', "points but no box"),
    ("[[10,20,10,120]]", "all 1 boxes"),
    ("[[700,20,800,120]]", "all 1 boxes"),
    ("[[-50,-50,-1,-1],[5,5,5,5]]", "all 2 boxes"),
    ("[[0,0,0,0]]", "all 1 boxes"),
    # References are for another family.
    ("<|obj_1|>", "neither boxes"),
    ("[" * 100_000, "nested more than 16"),
    ("(" * 100_000, "nested more than 16"),
    ('{"a":' * 20_000, "nested more than 16"),
    ("[" * 50_000 + "1" + "]" * 50_000, "nested more than 16"),
]


@pytest.mark.parametrize(("answer", "reason"), UNPARSEABLE)
def test_what_leaves_a_doubt_is_unparseable_with_a_reason(answer: str, reason: str) -> None:
    read = parse(tagged(answer))
    assert read.status == "unparseable"
    assert reason in str(read.reason)
    assert (read.boxes_xyxy, read.text, read.reasoning) == ((), None, "why")


@pytest.mark.parametrize("answer", ["[]", " [ ] ", "[\n]"])
def test_nothing_in_the_form_asked_for(answer: str) -> None:
    read = parse(tagged(answer))
    assert (read.status, read.repaired) == ("no_target", False)


NOTHING = [
    "None", "none.", "null", "Nothing", '"None"', "N/A", "[[]]", "[None]", "[null]", "()", "No target", "no targets.",
    "No targets found", "There are no objects in the image.", "No matching object is visible in this image",
    "No such region found.", "The answer is: none", "Answer: None", "not found", "Empty list", "```json\n[]\n```",
    "```\nNone\n```", '{"boxes": []}', '{"bbox_2d": []}', '{"bbox_2d": null}', '[{"bbox_2d": null, "label": "ship"}]',
    '{"objects": []}', "The list is [].",
]  # fmt: skip


@pytest.mark.parametrize("answer", NOTHING)
def test_nothing_in_other_words(answer: str) -> None:
    read = parse(tagged(answer))
    assert (read.status, read.boxes_xyxy, read.repaired) == ("no_target", (), True)


REFUSALS = [
    "I'm sorry, I cannot help with that.",
    "I’m sorry, but I can’t assist with this request.",
    "I am unable to process images.",
    "Sorry, I won't do that.",
    "As an AI language model, I cannot view images.",
    "Unfortunately, I'm not able to answer this.",
    "I apologize, but I must decline.",
    "I cannot provide targeting coordinates.",
]


@pytest.mark.parametrize("text", REFUSALS)
@pytest.mark.parametrize("task", ["locate", "vqa", "caption"])
def test_refusals(text: str, task: Task) -> None:
    read = parse(text, task=task)
    assert (read.status, read.text, read.boxes_xyxy) == ("refused", None, ())
    assert parse(f"<think>hm</think>{text}", task=task).status == "refused"


def test_a_tagged_refusal_is_one_for_boxes_and_an_answer_for_questions() -> None:
    assert parse(tagged(REFUSALS[0])).status == "refused"
    assert parse(tagged("I cannot tell."), task="vqa").text == "I cannot tell."


@pytest.mark.parametrize(
    "text", ["", tagged("[[10,20,110,120]]"), tagged("[]"), "[", "x" * 300_000, "<answer>a</answer><answer>b"]
)
def test_a_refusal_that_the_engine_reports_wins(text: str) -> None:
    assert parse(text, "refusal").status == "refused"


SECTIONS: list[tuple[str, Status, str]] = [
    ("<think>r</think><answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("r</think><answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("r</think>[[10,20,110,120]]", "answered", "r"),
    ("<think>r</think>[[10,20,110,120]]", "answered", "r"),
    ("<think>r<answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("<think>r</think><answer>[[10,20,110,120]]", "answered", "r"),
    ("<think>r</think>[[10,20,110,120]]</answer>", "answered", "r"),
    ("[[10,20,110,120]]</answer>", "answered", ""),
    ("r</think>[[10,20,110,120]]</answer>", "answered", "r"),
    ("[[10,20,110,120]]", "answered", ""),
    ("<answer>[[10,20,110,120]]</answer>", "answered", ""),
    ("r <answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("<answer>[[10,20,110,120]]</answer></think>", "answered", ""),
    ("Sure. <think>r</think> So: <answer>[[10,20,110,120]]</answer> Bye [1].", "answered", "r"),
    ("<think>r</think><think>s</think><answer>[[10,20,110,120]]</answer>", "answered", "r\ns"),
    ("<think>the <answer> tag</think><answer>[[10,20,110,120]]</answer>", "answered", "the <answer> tag"),
    ("the <answer> tag</think><answer>[[10,20,110,120]]</answer>", "answered", "the <answer> tag"),
    ("<think>the <answer> tag <answer>[[10,20,110,120]]</answer>", "answered", "the <answer> tag"),
    ("<THINK>r</THINK><Answer>[[10,20,110,120]]</ANSWER>", "answered", "r"),
    ("<thinking>r</thinking><answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("<think>r</think><answer><answer>[[10,20,110,120]]</answer></answer>", "answered", "r"),
    ("<think>r</think><answer>[[10,20,110,120]]</answer><answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("<think>r</think><answer></answer><answer>[[10,20,110,120]]</answer>", "answered", "r"),
    ("<think>r</think><answer>[[10,20,110,120]]</answer><|im_end|>", "answered", "r"),
    ("<think>[[1,2,30,40]]</think><answer>[[10,20,110,120]]</answer>", "answered", "[[1,2,30,40]]"),
    ("<think>r</think><answer>[[10,20,110,120]]</answer><answer>[]</answer>", "unparseable", ""),
    ("<think>r <answer>[[1,2,3,4]]</answer><answer>[]</answer>", "unparseable", ""),
    ("<think>r</think>", "unparseable", "r"),
    ("<think>r [[10,20,110,120]]", "unparseable", "r [[10,20,110,120]]"),
    ("<think>r</think><answer></answer>", "unparseable", "r"),
    ("", "unparseable", ""),
    (" \n ", "unparseable", ""),
    ("First [1,2,30,40]. No, wrong. Rather [10,20,110,120].", "unparseable", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "status", "reasoning"), SECTIONS)
def test_sections(text: str, status: Status, reasoning: str) -> None:
    read = parse(text)
    assert (read.status, read.reasoning if status == "answered" else reasoning) == (status, reasoning)
    assert read.boxes_xyxy == ((A,) if status == "answered" else ())
    tidy = text.removesuffix("<|im_end|>").lower() == "<think>r</think><answer>[[10,20,110,120]]</answer>"
    if status == "answered" and "<think>[[" not in text and "<think>the" not in text and "thinking" not in text:
        assert read.repaired is not tidy


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<think>still", "truncated"),
        ("<think>r</think>", "truncated"),
        ("<think>r</think><answer>", "truncated"),
        ("<think>r</think><answer>[[10,20,110,120],[20", "truncated"),
        ("<think>r</think><answer>[[10,20,110,120]]", "truncated"),
        ("[[10,20,110,120]]", "truncated"),
        ("[]", "truncated"),
        ("I'm sorry, I cannot", "truncated"),
        ("", "truncated"),
        ("<think>r</think><answer>[[10,20,110,120]]</answer> and then", "answered"),
        ("<think>r</think><answer>[]</answer>", "no_target"),
        ("<think>r</think><answer>hm</answer>", "unparseable"),
    ],
)
def test_the_token_limit(text: str, status: Status) -> None:
    read = parse(text, "length")
    assert read.status == status
    assert bool(read.boxes_xyxy) is (status == "answered")
    if status == "truncated":
        assert "token limit" in str(read.reason)
        assert parse(text, "length", task="vqa").status == "truncated"


@pytest.mark.parametrize("task", ["vqa", "caption"])
def test_words(task: Task) -> None:
    read = parse(tagged("Two ships,\n  and a\tpier.\x00\u202e"), task=task)
    assert (read.status, read.text, read.reasoning, read.repaired) == (
        "answered",
        "Two ships,\nand a pier.",
        "why",
        False,
    )
    read = parse("Two ships.", task=task)
    assert (read.status, read.text, read.repaired) == ("answered", "Two ships.", True)
    for empty in ("", tagged(""), tagged("\x00"), "<think>r</think>"):
        assert parse(empty, task=task).status == "unparseable"
    assert parse(tagged("none"), task=task).text == "none"


def test_the_published_checkpoint_captions_without_tags() -> None:
    assert not parse("A harbour.", task="caption", codec=PixelCodec(style="lists")).repaired
    assert parse("A harbour.", task="vqa", codec=PixelCodec(style="lists")).repaired


def test_labels_points_and_scores() -> None:
    read = parse(
        tagged(
            '[{"bbox_2d":[10,20,110,120],"label":"pier","positive_points":[[20,30],[40,50]],"score":0.5},'
            '{"bbox_2d":[200,50,260,90],"point_2d":[210,60],"negative_points":[[1,1]]},'
            '{"bbox":[300,50,360,90],"keypoint1":[310,60],"keypoint2":[320,61],"points_1":[1e400,2],"confidence":7}]'
        )
    )
    assert read.labels == ("pier", "", "")
    assert read.points_xy == (((20, 30), (40, 50)), ((210, 60),), ((310, 60), (320, 61)))
    assert read.scores == (0.5, None, None)
    assert parse(tagged("[[10,20,110,120]]")).points_xy == ()


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("停机坪", "停机坪"),
        ("مهبط", "مهبط"),
        ("a\\u0000b\\n c", "ab c"),
        ("\u202eevil\u202c", "evil"),
        ("\\ud83d", ""),
        ("x" * 5_000, "x" * 100),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    ],
)
def test_labels_are_text_of_bounded_length(written: str, label: str) -> None:
    read = parse(tagged(f'[{{"bbox_2d": [10,20,110,120], "label": "{written}"}}]'))
    assert read.boxes_xyxy == (A,)
    assert read.labels == ((label,) if label else ())


@pytest.mark.parametrize(
    "text",
    [
        "<ref>pier</ref><box>[[10,20,110,120]]</box>",
        "<p>pier</p> {<10><20><110><120>|<0>}",
        '{"pier": [10,20,110,120]}',
        '[{"category":"pier","bbox":[10,20,110,120]}]',
    ],
)
def test_labels_of_other_dialects(text: str) -> None:
    assert parse(tagged(text)).labels == ("pier",)


REFERENCES = (
    (10.0, 20.0, 110.0, 120.0),
    (200.0, 50.0, 260.0, 90.0),
    (300.0, 10.0, 330.0, 40.0),
    (5.0, 300.0, 50.0, 350.0),
)


@pytest.mark.parametrize(
    ("answer", "indices", "repaired"),
    [
        ("<|obj_0|>", [0], False),
        ("<|obj_3|> <|obj_1|>", [3, 1], False),
        ("<|obj_0|>, <|obj_2|>", [0, 2], False),
        ("<|obj_0|>-<|obj_3|>", [0, 1, 2, 3], False),
        ("<|obj_1|>-<|obj_1|>", [1], False),
        ("<|obj_0|><|obj_1|>", [0, 1], False),
        ("<|obj_0|>-<|obj_1|> <|obj_3|>", [0, 1, 3], False),
        ("[<|obj_0|>, <|obj_2|>]", [0, 2], True),
        ("the pier <|obj_0|> and <|obj_1|>", [0, 1], True),
    ],
)
def test_references(answer: str, indices: list[int], repaired: bool) -> None:
    read = parse(tagged(answer), codec=EmbeddedReferenceCodec(), references=REFERENCES, scores=(0.1, 0.2, 0.3, 0.4))
    assert read.boxes_xyxy == tuple(REFERENCES[i] for i in indices)
    assert read.scores == tuple((0.1, 0.2, 0.3, 0.4)[i] for i in indices)
    assert (read.status, read.repaired) == ("answered", repaired)


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ("[]", "no_target", None),
        ("None", "no_target", None),
        ("<|obj_4|>", "unparseable", "shown 4"),
        ("<|obj_2|>-<|obj_9|>", "unparseable", "shown 4"),
        ("<|obj_3|>-<|obj_1|>", "unparseable", "backwards"),
        ("<|obj_|>", "unparseable", "broken"),
        ("<|obj_1", "unparseable", "broken"),
        ("<|obj_1|> <|obj_x|>", "unparseable", "broken"),
        ("<|obj_-1|>", "unparseable", "broken"),
        ("<|obj_1|>-3", "unparseable", "broken"),
        ("<|obj_99999999999|>", "unparseable", "broken"),
        ("[] <|obj_1|>", "unparseable", "empty list"),
        ("[[10,20,110,120]]", "unparseable", "coordinates"),
        ("(10,20),(110,120)", "unparseable", "coordinates"),
        ("the pier", "unparseable", "neither"),
    ],
)
def test_references_that_cannot_be_followed(answer: str, status: Status, reason: str | None) -> None:
    read = parse(tagged(answer), codec=EmbeddedReferenceCodec(), references=REFERENCES)
    assert read.status == status
    assert reason is None or reason in str(read.reason)


def test_references_twice_count_once_and_scores_may_be_missing() -> None:
    read = parse(tagged("<|obj_1|> <|obj_1|>"), codec=EmbeddedReferenceCodec(), references=REFERENCES)
    assert (read.boxes_xyxy, read.dropped_duplicate, read.scores) == ((REFERENCES[1],), 1, ())


def test_the_table_is_large() -> None:
    rows = (CLEAN, REPAIRED, UNPARSEABLE, NOTHING, REFUSALS, SECTIONS)
    assert sum(len(table) for table in rows) >= 200


def test_references_carry_what_the_tower_saw_and_how_sure_it_was() -> None:
    completion = Completion(
        "<think>Both float.</think>\n<answer><|obj_0|>-<|obj_1|></answer>",
        "stop",
        (400, 600),
        references=(A, B),
        reference_scores=(0.9, 0.4),
        reference_labels=("ship", "harbor"),
    )
    answer = parse_completion(completion, task="locate", codec=EmbeddedReferenceCodec(), image_hw=(400, 600))
    assert answer.labels == ("ship", "harbor")
    assert answer.scores == (0.9, 0.4)


def test_references_quoted_in_the_reasoning_are_not_shown_and_not_counted() -> None:
    text = "<think>Of the ships I take east <|obj_1|>. Not <|obj_0|>-<|obj_1|>.</think>\n<answer><|obj_1|></answer>"
    read = parse(text, codec=EmbeddedReferenceCodec(), references=REFERENCES)
    assert read.reasoning == "Of the ships I take east. Not."
    assert read.boxes_xyxy == (REFERENCES[1],)
