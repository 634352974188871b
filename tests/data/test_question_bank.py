from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources
from string import Formatter
from typing import Any

import pytest

from remotereasoner.data.synth.vocabulary import ALL_CLASSES
from remotereasoner.policy.nano.listing import RELATIONS
from remotereasoner.policy.nano.vocabulary import CLASSES, PLURALS, SINGULARS
from remotereasoner.policy.prompts import clean_question

FOLDER = resources.files("remotereasoner.data") / "question_bank"


def load(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return facts


def bare(text: str) -> str:
    """Without case, punctuation and surplus space: what makes two sentences the same."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def test_one_file_per_class_and_the_shared_ones() -> None:
    names = {f.name for f in FOLDER.iterdir()}
    assert names == {f"{c}.json" for c in (*ALL_CLASSES, "absent", "relations", "relations_between")}


@pytest.mark.parametrize("name", CLASSES)
def test_counts(name: str) -> None:
    facts = load(name)
    assert facts["category"] == name
    split = Counter(q["split"] for q in facts["implicit"])
    assert set(split) == {"train", "val"}
    assert split["train"] >= 160
    assert split["val"] >= 40
    kinds = Counter((q["kind"], q["split"]) for q in facts["vqa"])
    assert {(k, s) for k in ("count", "presence") for s in ("train", "val")} == set(kinds)
    assert len(facts["names"]["synonyms"]) >= 5
    assert {q["number"] for q in facts["implicit"]} <= {"one", "many"}
    assert any(q["number"] == "many" and q["split"] == s for q in facts["implicit"] for s in ("val",))


@pytest.mark.parametrize("name", CLASSES)
def test_implicit_questions_name_neither_the_class_nor_a_synonym(name: str) -> None:
    facts = load(name)
    words = {
        facts["names"]["singular"],
        facts["names"]["plural"],
        SINGULARS[name],
        PLURALS[name],
        name.replace("_", " "),
    }
    words |= set(facts["names"]["synonyms"])
    banned = {bare(w) for w in words}
    banned |= {f"{w}s" for w in banned} | {f"{w}es" for w in banned if w.endswith(("s", "x", "ch", "sh"))}
    named = [(q["q"], w) for q in facts["implicit"] for w in banned if f" {w} " in f" {bare(q['q'])} "]
    assert not named


@pytest.mark.parametrize("name", CLASSES)
def test_reasoning_leads_to_the_class(name: str) -> None:
    """The last step of the reasoning says what is looked for, by the name that the listing uses."""
    head = {"vegetation": "vegetation", "land": "land", "water": "water"}.get(name, SINGULARS[name])
    missing = [q["think"] for q in load(name)["implicit"] if bare(head) not in bare(q["think"])]
    assert not missing


def sentences() -> list[tuple[str, str, str]]:
    """(where, split, sentence) of every question with a split of its own."""
    found = []
    for name in CLASSES:
        facts = load(name)
        found += [(name, q["split"], q["q"]) for q in [*facts["implicit"], *facts["vqa"]]]
    for item in load("absent")["absent"]:
        found += [(item["thing"], q["split"], q["q"]) for q in item["q_implicit"]]
    relations = load("relations")
    for part in [*relations["relations"], relations["direct"]]:
        found += [(part.get("kind", "direct"), "train", t) for t in part["templates"]]
        found += [(part.get("kind", "direct"), "val", t) for t in part["templates_val"]]
    return found


def test_the_splits_share_no_sentence() -> None:
    train = {bare(q) for _, split, q in sentences() if split == "train"}
    val = {bare(q) for _, split, q in sentences() if split == "val"}
    assert len(train) > 1000
    assert len(val) > 250
    assert not train & val


def test_no_sentence_is_there_twice() -> None:
    counts = Counter(bare(q) for _, _, q in sentences())
    assert [q for q, n in counts.items() if n > 1] == []


def test_questions_pass_the_cleaning_unchanged() -> None:
    """What training saw is what a person's own spelling of it becomes."""
    changed = [q for _, _, q in sentences() if clean_question(q) != q]
    assert not changed


def templates() -> list[tuple[str, str]]:
    relations = load("relations")
    found = [("direct", t) for key in ("templates", "templates_val", "think") for t in relations["direct"][key]]
    for part in relations["relations"]:
        found += [(part["kind"], t) for key in ("templates", "templates_val", "think") for t in part[key]]
    return found + [(f"vqa {kind}", t) for kind, texts in relations["vqa_think"].items() for t in texts]


def test_templates_want_the_name_of_the_class_and_nothing_else() -> None:
    for where, template in templates():
        fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
        assert fields <= {"singular", "plural"}, (where, template)
        text = template.format(singular="storage tank", plural="storage tanks")
        assert "{" not in text
        assert "}" not in text
        if "think" not in where and template in load("relations")["direct"]["templates"]:
            assert fields, template


def test_every_relation_has_its_questions() -> None:
    kinds = [r["kind"] for r in load("relations")["relations"]]
    assert sorted(kinds) == sorted(RELATIONS)
    for part in load("relations")["relations"]:
        assert all(part[key] for key in ("templates", "templates_val", "think")), part["kind"]


def test_absent_things_are_none_of_the_classes() -> None:
    known = {SINGULARS[c] for c in CLASSES} | {w for c in CLASSES for w in load(c)["names"]["synonyms"]}
    things = [item["thing"] for item in load("absent")["absent"]]
    assert len(set(things)) == len(things) == 40
    assert not known & set(things)
    for item in load("absent")["absent"]:
        assert item["q_direct"]
        assert {q["split"] for q in item["q_implicit"]} == {"train", "val"}, item["thing"]


def test_texts_fit_the_answer_format() -> None:
    """No tag, reference or turn marker may stand in a text that is trained on."""
    everything = "".join(
        (FOLDER / f"{name}.json").read_text(encoding="utf-8") for name in (*CLASSES, "absent", "relations")
    )
    assert not re.search(r"<\|?/?\w+\|?>|\[\]", everything)
