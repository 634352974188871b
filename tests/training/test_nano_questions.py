from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.nano.listing import RELATION_WORDS, RELATIONS, ListedObject, Listing, make_listing
from remotereasoner.policy.nano.vocabulary import CLASSES, KEYWORDS, PLURALS
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.parsing.references import without_references
from remotereasoner.policy.prompts import compose_completion
from remotereasoner.training.nano.questions import Question, QuestionBank
from remotereasoner.training.nano.scenes import drawn_listing

SHIP, TREE, WATER = (CLASSES.index(n) for n in ("ship", "tree", "water"))
SIZE = 1000
Rng = np.random.Generator


@pytest.fixture(scope="module", params=["train", "val"])
def bank(request: pytest.FixtureRequest) -> QuestionBank:
    return QuestionBank(request.param)


def listing_of(**counts: int) -> Listing:
    """Objects in a row, each with a box of its own."""
    objects = []
    for name, count in counts.items():
        for _ in range(count):
            n = len(objects)
            x, y = 0.1 * (n % 10), 0.1 * (n // 10)
            box = (x, y, x + 0.04 + 0.001 * n, y + 0.06)
            objects.append(ListedObject(CLASSES.index(name), box, 0.06 * (0.04 + 0.001 * n), 0.5, n))
    return make_listing(objects)


def read_back(listing: Listing, question: Question) -> tuple[str, list[tuple[float, ...]]]:
    """(status, boxes) of the completion to imitate, as the parser reads it."""
    references = tuple((*(v * SIZE for v in o.box_01),) for o in listing.objects)
    completion = Completion(
        text=compose_completion(question.reasoning, question.answer),
        finish_reason="stop",
        grid_hw=(SIZE, SIZE),
        references=references,  # type: ignore[arg-type]
        reference_scores=tuple(o.score for o in listing.objects),
    )
    answer = parse_completion(completion, task=question.task, codec=EmbeddedReferenceCodec(), image_hw=(SIZE, SIZE))
    assert not answer.repaired
    assert answer.reasoning == without_references(question.reasoning)
    if question.task != "locate":
        assert answer.text == question.answer
    return answer.status, list(answer.boxes_xyxy)


def check(listing: Listing, question: Question) -> None:
    status, boxes = read_back(listing, question)
    if question.task != "locate":
        assert status == "answered"
        assert question.targets == ()
        return
    assert status == ("answered" if question.targets else "no_target")
    wanted = [tuple(v * SIZE for v in listing.objects[k].box_01) for k in sorted(question.targets)]
    assert boxes == wanted
    assert "{" not in question.text + question.reasoning


def random_group(listing: Listing, rng: Rng):  # type: ignore[no-untyped-def]
    return listing.groups[int(rng.integers(len(listing.groups)))]


KINDS: dict[str, Callable[[QuestionBank, Listing, Rng], Question | None]] = {
    "implicit": lambda bank, listing, rng: bank.ask_implicit(listing, int(rng.integers(len(CLASSES))), rng),
    "direct": lambda bank, listing, rng: bank.ask_direct(listing, int(rng.integers(len(CLASSES))), rng),
    "two": lambda bank, listing, rng: bank.ask_two(
        listing, tuple(rng.choice(len(CLASSES), 2, replace=False).tolist()), rng
    ),
    "relation": lambda bank, listing, rng: bank.ask_relation(listing, random_group(listing, rng), rng),
    "absent": lambda bank, _listing, rng: bank.ask_absent_thing(rng),
    "absent relation": lambda bank, listing, rng: bank.ask_absent_relation(
        int(rng.choice([k for k in range(len(CLASSES)) if listing.group_of(k) is None])), rng
    ),
    "vqa": lambda bank, listing, rng: bank.ask_vqa(listing, int(rng.integers(len(CLASSES))), rng),
    "caption": lambda bank, listing, rng: bank.ask_caption(listing, rng),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_reads_back_to_its_targets(bank: QuestionBank, kind: str) -> None:
    rng = np.random.default_rng(list(KINDS).index(kind))
    asked = 0
    for _ in range(60):
        listing = drawn_listing(rng, int(rng.integers(len(CLASSES))))
        question = KINDS[kind](bank, listing, rng)
        if question is not None:
            check(listing, question)
            asked += 1
    assert asked >= 30


def test_all_of_a_class_or_nothing(bank: QuestionBank) -> None:
    rng = np.random.default_rng(0)
    listing = listing_of(ship=3, water=1)
    for _ in range(10):
        direct = bank.ask_direct(listing, SHIP, rng)
        assert (direct.kind, direct.targets, direct.answer) == ("direct", (0, 1, 2), "<|obj_0|>-<|obj_2|>")
        assert direct.reasoning.endswith("There are 3.")
        assert bank.ask_direct(listing, WATER, rng).reasoning.endswith("There is one.")
        absent = bank.ask_direct(listing, TREE, rng)
        assert (absent.kind, absent.targets, absent.answer) == ("direct_absent", (), "[]")
        assert PLURALS["tree"] in absent.reasoning
        hidden = bank.ask_implicit(listing, TREE, rng)
        assert (hidden.kind, hidden.answer) == ("implicit_absent", "[]")
        assert hidden.reasoning.endswith("None is visible.")


def test_one_is_asked_for_and_the_largest_given(bank: QuestionBank) -> None:
    rng = np.random.default_rng(0)
    crowd = dict.fromkeys(CLASSES, 2)
    listing = listing_of(**crowd)
    ones = 0
    for index in range(len(CLASSES)):
        numbers = {q["q"]: q["number"] for q in bank.implicit(CLASSES[index])}
        for _ in range(20):
            question = bank.ask_implicit(listing, index, rng)
            wanted = numbers[question.text]
            assert question.kind == ("implicit_one" if wanted == "one" else "implicit")
            assert len(question.targets) == (1 if wanted == "one" else 2)
            assert question.targets[0] == 2 * index
            ones += wanted == "one"
    assert ones > 0


def test_two_classes(bank: QuestionBank) -> None:
    rng = np.random.default_rng(0)
    listing = listing_of(ship=2, harbor=1, water=2)
    both = bank.ask_two(listing, (WATER, SHIP), rng)
    assert both.targets == (0, 1, 3, 4)
    assert "2 ships, 2 bodies of water" in both.reasoning
    assert bank.ask_two(listing, (TREE, SHIP), rng).targets == (0, 1)
    neither = bank.ask_two(listing, (TREE, CLASSES.index("bridge")), rng)
    assert (neither.targets, neither.answer) == ((), "[]")
    assert neither.reasoning.endswith("I see none.")


def test_relations_point_at_the_flagged_object(bank: QuestionBank) -> None:
    rng = np.random.default_rng(0)
    listing = listing_of(ship=6, tree=3, water=1)
    kinds = set()
    for _ in range(300):
        group = random_group(listing, rng)
        question = bank.ask_relation(listing, group, rng)
        if question is None:
            assert group.class_index == WATER, "only water has no nearest to the water"
            continue
        kind = question.kind.removeprefix("relation_")
        kinds.add(kind)
        keyword = KEYWORDS[CLASSES[group.class_index]]
        (target,) = question.targets
        assert target in group.numbers
        assert listing.relations[target, RELATIONS.index(kind)] == 1
        assert question.reasoning.endswith(f"I take {RELATION_WORDS[kind]} {keyword} <|obj_{target}|>.")
    assert kinds == set(RELATIONS)


def test_without_water_nothing_is_nearest_to_it(bank: QuestionBank) -> None:
    rng = np.random.default_rng(0)
    listing = listing_of(ship=6)
    asked = [bank.ask_relation(listing, listing.groups[0], rng) for _ in range(200)]
    assert None in asked
    assert all(q is None or q.kind != "relation_nearest_water" for q in asked)


def test_questions_in_words(bank: QuestionBank) -> None:
    rng = np.random.default_rng(0)
    listing = listing_of(ship=3)
    answers = set()
    for index in (SHIP, TREE):
        for _ in range(20):
            question = bank.ask_vqa(listing, index, rng)
            assert question.task == "vqa"
            answers.add((CLASSES[index], question.kind, question.answer))
    assert answers == {
        ("ship", "vqa_count", "3"),
        ("ship", "vqa_presence", "yes"),
        ("tree", "vqa_count", "0"),
        ("tree", "vqa_presence", "no"),
    }


@pytest.mark.parametrize(
    ("counts", "caption"),
    [
        ({"ship": 3, "harbor": 1}, "An overhead image with three ships and a harbor."),
        ({"airplane": 1}, "An overhead image with an airplane."),
        ({"vehicle": 12, "water": 2, "land": 1}, "An overhead image with 12 vehicles, water and bare land."),
        ({}, "An overhead image without any object that I know."),
    ],
)
def test_captions(bank: QuestionBank, counts: dict[str, int], caption: str) -> None:
    question = bank.ask_caption(listing_of(**counts), np.random.default_rng(0))
    assert (question.task, question.answer) == ("caption", caption)


def test_a_caption_names_the_four_most_numerous(bank: QuestionBank) -> None:
    listing = listing_of(ship=1, tree=5, vehicle=4, building=3, bridge=2)
    answer = bank.ask_caption(listing, np.random.default_rng(0)).answer
    assert answer == "An overhead image with five trees, four vehicles, three buildings and two bridges."


def test_the_banks_ask_in_different_sentences() -> None:
    train, val = QuestionBank("train"), QuestionBank("val")
    rng = np.random.default_rng(0)
    listing = listing_of(**dict.fromkeys(CLASSES, 2))
    asked = [
        {bank.ask_implicit(listing, int(rng.integers(len(CLASSES))), rng).text for _ in range(400)}
        for bank in (train, val)
    ]
    assert not asked[0] & asked[1]
    assert len(asked[0]) > 200
