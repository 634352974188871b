from __future__ import annotations

import pytest

from remotereasoner.data.sentences import Split, capital, plural_of_word, sentences
from remotereasoner.data.synth.vocabulary import ALL_CLASSES
from remotereasoner.policy.nano.listing import RELATIONS


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_holds_its_own_sentences_only(split: Split) -> None:
    bank = sentences(split)
    assert bank.categories == tuple(sorted(ALL_CLASSES))
    for category in bank.categories:
        assert {q["split"] for q in bank.implicit(category)} == {split}
        assert {q["kind"] for q in bank.in_words(category)} == {"count", "presence"}
        assert all(q["kind"] == "count" for q in bank.in_words(category, "count"))
        assert bank.synonyms(category)
    assert {q["split"] for item in bank.absent for q in bank.absent_implicit(item)} == {split}


def test_relations_within_a_class_and_between_classes() -> None:
    relations = sentences("train").relations
    assert set(RELATIONS) | {"next_to", "on", "north_of"} <= set(relations)
    assert all("{of}" in text for text in relations["next_to"].questions)
    assert not any("{of}" in text for text in relations["largest"].questions)
    assert not set(relations["largest"].questions) & set(sentences("val").relations["largest"].questions)


def test_a_split_is_read_once() -> None:
    assert sentences("val") is sentences("val")


@pytest.mark.parametrize(
    ("word", "plural"),
    [("ship", "ships"), ("overpass", "overpasses"), ("docks", "docks"), ("ferry", "ferries"), ("quay", "quays")],
)
def test_plurals(word: str, plural: str) -> None:
    assert plural_of_word(word) == plural


def test_capital() -> None:
    assert (capital("where?"), capital("")) == ("Where?", "")
