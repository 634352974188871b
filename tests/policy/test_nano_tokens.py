from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from nano_parts import SPECIALS, full_tokenizer_text, small_tokenizer
from remotereasoner.errors import CheckpointError
from remotereasoner.policy.nano.listing import ListedObject, make_listing
from remotereasoner.policy.nano.tokens import (
    ADDED_TOKENS,
    BASE_TOKENS,
    MAX_OBJECTS,
    TAGS,
    NanoTokenizer,
    listing_text,
    trim_tokenizer,
)
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.policy.prompts import compose_completion

TEXTS = [
    "I look for ships. There are 3.",
    "  two  spaces,\ttabs\nand lines\n\n",
    "Où est l'aéroport – 東京の港はどこ? 🚁",
    "digits 0123456789 [1, 2, 3] and \u0000 a null",
    "",
]


def trimmed_at(keep: int) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(trim_tokenizer(json.loads(full_tokenizer_text(400)), keep)))


@pytest.mark.parametrize("keep", [259, 275, 300])
def test_a_trimmed_tokenizer_still_spells_everything(keep: int) -> None:
    """259: the special tokens and the 256 bytes, without any merge."""
    tokenizer = trimmed_at(keep)
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        assert all(index < keep for index in ids)
        assert tokenizer.decode(ids) == text


def test_the_first_merges_are_kept_and_used() -> None:
    lengths = [len(trimmed_at(keep).encode(TEXTS[0]).ids) for keep in (259, 275, 300, 320)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == len(TEXTS[0])
    assert lengths[-1] < lengths[0]


def test_added_tokens_follow_the_kept_ones() -> None:
    tokenizer = trimmed_at(300)
    names = [f"<|obj_{k}|>" for k in range(MAX_OBJECTS)] + list(TAGS)
    assert len(names) == ADDED_TOKENS
    assert [tokenizer.token_to_id(n) for n in names] == list(range(300, 300 + ADDED_TOKENS))
    assert tokenizer.get_vocab_size() == 300 + ADDED_TOKENS


def test_trimming_leaves_its_input_alone() -> None:
    full = json.loads(full_tokenizer_text(400))
    trim_tokenizer(full, 300)
    assert full == json.loads(full_tokenizer_text(400))


def test_the_ids_that_the_language_tower_counts_on() -> None:
    tokenizer = small_tokenizer()
    assert tokenizer.end_id == 2
    assert tokenizer.first_object_id == BASE_TOKENS
    assert tokenizer.encode("<|obj_3|>") == [BASE_TOKENS + 3]


def test_references_and_tags_survive_decoding_and_turn_markers_do_not() -> None:
    tokenizer = small_tokenizer()
    text = compose_completion("There are 3.", "<|obj_0|>-<|obj_2|> <|obj_63|>")
    ids = tokenizer.encode(text)
    assert sum(index >= BASE_TOKENS for index in ids) == 3 + len(TAGS)
    assert tokenizer.decode([*ids, tokenizer.end_id]) == text


def test_turn_markers_are_single_tokens() -> None:
    assert small_tokenizer().encode("".join(SPECIALS)) == [0, 1, 2]


@pytest.mark.parametrize("name", ["<|im_end|>", "<|obj_0|>", "<answer>"])
def test_a_tokenizer_without_its_tokens_is_refused(name: str) -> None:
    facts = trim_tokenizer(json.loads(full_tokenizer_text(400)), 300)
    text = json.dumps(facts).replace(name, "<|other|>")
    with pytest.raises(CheckpointError, match="lacks"):
        NanoTokenizer(Tokenizer.from_str(text))


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        NanoTokenizer.from_file(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("content", [b"{}", b"not json", b"\xff\xfe"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        NanoTokenizer.from_file(path)


def ships_and_a_harbor():  # type: ignore[no-untyped-def]
    """Three ships, each larger and farther to the south-east than the one before, and a harbor."""
    boxes = [(0.1, 0.1, 0.2, 0.2), (0.4, 0.4, 0.6, 0.6), (0.7, 0.6, 1.0, 0.9)]
    ships = [ListedObject(CLASSES.index("ship"), b, (b[2] - b[0]) ** 2, 0.5, n) for n, b in enumerate(boxes)]
    return make_listing([*ships, ListedObject(CLASSES.index("harbor"), (0.0, 0.0, 0.5, 1.0), 0.5, 0.5, 3)])


def test_the_listing_in_words() -> None:
    """Numbers go by size; a group of one has no relations."""
    told = {"largest": 0, "smallest": 2, "north": 2, "south": 0, "west": 2, "east": 0, "center": 1, "northwest": 2}
    told |= {"northeast": 1, "southwest": 1, "southeast": 0, "isolated": 2}
    words = "".join(f" {word} ship <|obj_{number}|>" for word, number in told.items())
    assert listing_text(ships_and_a_harbor()) == f"Seen: 3 ships <|obj_0|>-<|obj_2|>:{words}; 1 harbor <|obj_3|>."


def test_every_reference_of_the_listing_is_one_token() -> None:
    ids = small_tokenizer().encode(listing_text(ships_and_a_harbor()))
    assert sum(i >= BASE_TOKENS for i in ids) == 2 + 12 + 1


def test_an_empty_listing_says_so() -> None:
    assert listing_text(make_listing([])) == "Seen: nothing known."


def test_the_prompt_is_one_turn_of_system_and_user() -> None:
    tokenizer = small_tokenizer()
    ids = tokenizer.prefix_ids("Be brief.", make_listing([])) + tokenizer.question_ids("Where?")
    assert ids.count(1) == 3
    assert ids.count(2) == 2
    assert tokenizer.decode(ids) == "system\nBe brief.\nuser\nSeen: nothing known.\nWhere?\nassistant\n"


def test_the_committed_tokenizer() -> None:
    path = Path(str(resources.files("remotereasoner"))) / "weights" / "nano" / "tokenizer.json"
    tokenizer = NanoTokenizer.from_file(path)
    assert (tokenizer.end_id, tokenizer.first_object_id) == (2, BASE_TOKENS)
    text = compose_completion("Où? There are 3 ships.", "<|obj_0|>-<|obj_2|>")
    ids = tokenizer.encode(text)
    assert tokenizer.decode([*ids, tokenizer.end_id]) == text
    assert all(0 <= index < BASE_TOKENS + ADDED_TOKENS for index in ids)
    for plain in TEXTS:
        assert tokenizer.decode(tokenizer.encode(plain)) == plain
