from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources
from string import Formatter
from typing import Any

import pytest

from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.question_texts import QuestionTexts, question_texts
from remotereasoner.data.synth.vocabulary import ALL_CLASSES, NEW_CLASSES, plural_of, singular_of
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.policy.prompts import clean_question

COMMON = resources.files("remotereasoner.data") / "question_bank"


def load(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((COMMON / f"{name}.json").read_text(encoding="utf-8"))
    return facts


def bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def test_new_classes_are_new() -> None:
    assert not set(NEW_CLASSES) & set(CLASSES)


@pytest.mark.parametrize("name", NEW_CLASSES)
def test_counts_names_and_reasoning(name: str) -> None:
    facts = load(name)
    assert facts["category"] == name
    split = Counter(q["split"] for q in facts["implicit"])
    assert split["train"] >= 40
    assert split["val"] >= 10
    assert all(plural_of(name) in q["think"] for q in facts["implicit"])
    kinds = {(q["kind"], q["split"]) for q in facts["vqa"]}
    assert kinds == {(k, s) for k in ("count", "presence") for s in ("train", "val")}
    words = {singular_of(name), plural_of(name), name.replace("_", " "), *facts["names"]["synonyms"]}
    banned = {bare(w) for w in words} | {f"{bare(w)}s" for w in words}
    assert not [(q["q"], w) for q in facts["implicit"] for w in banned if f" {w} " in f" {bare(q['q'])} "]


def test_no_sentence_is_there_twice_and_the_splits_share_none() -> None:
    counts: Counter[str] = Counter()
    for name in NEW_CLASSES:
        counts.update(bare(q["q"]) for part in ("implicit", "vqa") for q in load(name)[part])
    for name in CLASSES:
        facts = json.loads((COMMON / f"{name}.json").read_text(encoding="utf-8"))
        counts.update({bare(q["q"]) for part in ("implicit", "vqa") for q in facts[part]})
    assert [q for q, n in counts.items() if n > 1] == []


def test_questions_pass_the_cleaning_unchanged() -> None:
    everything = [q["q"] for name in NEW_CLASSES for part in ("implicit", "vqa") for q in load(name)[part]]
    assert [q for q in everything if clean_question(q) != q] == []


def test_templates_of_relations() -> None:
    for part in load("relations_between")["relations"]:
        assert not set(part["templates"]) & set(part["templates_val"])
        for text in (*part["templates"], *part["templates_val"], *part["think"]):
            fields = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
            assert fields <= {"singular", "plural", "of"}
            assert ("of" in fields) is (part["kind"] != "nearest_water"), text


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_class_can_be_asked_about(split: Any) -> None:
    texts = question_texts(split)
    assert isinstance(texts, QuestionTexts)
    for name in ALL_CLASSES:
        dice = Dice(f"{split}/{name}")
        question, think = texts.direct(dice, name)
        assert question[0].isupper() or not question[0].isalpha()
        assert think
        assert texts.implicit(dice, name)[2] in ("one", "many")
        assert texts.implicit(dice, name, number="many")[2] == "many"
        assert texts.vqa(dice, name, "count")[0]
        asked = texts.relation(dice, "next_to", name, "runway")
        assert asked is not None
        assert "runway" in asked[0]
    assert texts.relation(Dice("x"), "above_the_clouds", "ship", None) is None
