from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nano_parts import ChosenTower, Thing, full_tokenizer_text, small_tokenizer, tiny_config

pytest.importorskip("trl", reason="training needs the extra train")

from remotereasoner.data.samples import Sample
from remotereasoner.errors import CheckpointError
from remotereasoner.policy.base import Prompt
from remotereasoner.policy.engines.embedded import EmbeddedEngine, NanoModel
from remotereasoner.policy.nano.language import LanguageTower
from remotereasoner.policy.nano.proposals import ProposalSettings
from remotereasoner.policy.nano.tokens import ADDED_TOKENS, trim_tokenizer
from remotereasoner.policy.prompts import build_prompt, compose_completion
from remotereasoner.training.nano.combine import combine_factors
from remotereasoner.training.nano.policy import ListedRows, trainer_tokenizer
from remotereasoner.training.nano.questions import QuestionBank, there_are
from remotereasoner.training.policies import answer_of_row

SHIPS: list[Thing] = [("ship", 0.6, (10.0, 20.0, 50.0, 60.0)), ("ship", 0.9, (100.0, 20.0, 180.0, 70.0))]
LAYER = "model.layers.0.mlp.up_proj"


def nano_model() -> NanoModel:
    torch.manual_seed(0)
    tower: Any = ChosenTower(SHIPS)
    return NanoModel(tower, ProposalSettings(), LanguageTower(tiny_config()).eval(), small_tokenizer(), "0" * 64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(tmp_path / "a.png")
    return tmp_path


def question(**changes: Any) -> Sample:
    facts: dict[str, Any] = {"id": "a", "image": "a.png", "query": "What floats here?", "boxes": ((10, 20, 50, 60),)}
    return Sample(**(facts | changes))


@pytest.mark.parametrize("task", ["locate", "vqa", "caption"])
def test_the_trainers_prompt_is_the_prompt_of_inference(root: Path, tmp_path: Path, task: Any) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(trim_tokenizer(json.loads(full_tokenizer_text()))))
    model = nano_model()
    row = ListedRows(model).row(question(task=task, answers=("2",)), root)
    trained = trainer_tokenizer(path).apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
    engine = EmbeddedEngine(model)
    pixels = np.asarray(Image.open(root / "a.png"))
    asked: Prompt = build_prompt(task, "What floats here?", pixels, engine.codec)
    tokenizer = small_tokenizer()
    _, listing = engine.perceive(pixels)
    assert trained == tokenizer.prefix_ids(asked.system, listing) + tokenizer.question_ids(asked.user)


def test_a_row_carries_what_references_stand_for(root: Path) -> None:
    rows = ListedRows(nano_model())
    row = rows.row(question(), root)
    assert row["image_hw"] == (300, 400)
    assert "image" not in row
    assert row["reference_labels"] == ["ship", "ship"]
    answer = answer_of_row("<think>x</think>\n<answer><|obj_1|></answer>", row, rows.codec, truncated=False)
    assert answer.status == "answered"
    assert np.allclose(answer.boxes_xyxy, [SHIPS[0][2]], atol=0.01)


def test_an_image_is_seen_once(root: Path) -> None:
    model = nano_model()
    rows = ListedRows(model)
    for n in range(3):
        rows.row(question(id=str(n)), root)
    assert len(model.tower.sizes) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("boxes", "answer"),
    [
        (((12, 20, 50, 60),), "<|obj_1|>"),
        (((100, 20, 180, 70), (10, 20, 50, 60)), "<|obj_0|>-<|obj_1|>"),
        (((300, 200, 350, 250),), "[]"),
        ((), "[]"),
    ],
)
def test_the_target_is_what_can_be_found_here(root: Path, boxes: Any, answer: str) -> None:
    sample = question(boxes=boxes, attributes={"reasoning": "Ships float."})
    target = ListedRows(nano_model()).target(sample, root)
    assert target == f"<think>Ships float.</think>\n<answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("facts", "ending", "answer"),
    [
        ({"category": "ship", "kind": "implicit"}, "There are 2.", "<|obj_0|>-<|obj_1|>"),
        ({"category": "harbor", "kind": "direct_absent", "boxes": ()}, "None is visible.", "[]"),
        ({"category": "ship", "kind": "relation_westernmost"}, "I take west ship <|obj_1|>.", "<|obj_1|>"),
        ({"category": "ship", "kind": "relation_largest"}, "I take largest ship <|obj_0|>.", "<|obj_0|>"),
        ({"category": "harbor", "kind": "relation_largest", "boxes": ()}, "None is visible.", "[]"),
        ({"category": "ship", "kind": "count", "task": "vqa", "answers": ("9",), "boxes": ()}, "I see 2 ships.", "2"),
        (
            {"category": "ship", "kind": "presence", "task": "vqa", "answers": ("no",), "boxes": ()},
            "I see 2 ships.",
            "yes",
        ),
        (
            {"category": "harbor", "kind": "count", "task": "vqa", "answers": ("3",), "boxes": ()},
            "None is visible.",
            "0",
        ),
    ],
)
def test_the_target_of_a_class_is_what_the_listing_says(root: Path, facts: Any, ending: str, answer: str) -> None:
    sample = question(attributes={"reasoning": "So I think."}, **facts)
    target = ListedRows(nano_model()).target(sample, root)
    assert target == f"<think>So I think. {ending}</think>\n<answer>{answer}</answer>"


def test_the_targets_are_those_of_the_packed_training(root: Path) -> None:
    """Both ways of supervision teach the same completions."""
    bank, rng = QuestionBank("train"), np.random.default_rng(0)
    rows = ListedRows(nano_model())
    listing = rows._look(question(), root).listing
    for asked in [bank.ask_direct(listing, 1, rng), bank.ask_relation(listing, listing.groups[0], rng)] * 8:
        assert asked is not None
        think = asked.reasoning.removesuffix(there_are(listing.groups[0])).strip()
        think = think.split(" I take ")[0]
        sample = question(category="ship", kind=asked.kind, attributes={"reasoning": think})
        assert rows.target(sample, root) == compose_completion(asked.reasoning, asked.answer)


def test_a_target_in_words(root: Path) -> None:
    target = ListedRows(nano_model()).target(question(task="vqa", answers=("2", "two"), boxes=()), root)
    assert target == "<think></think>\n<answer>2</answer>"


def factors(rank: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rank, 16, generator=generator), torch.randn(32, rank, generator=generator)


@pytest.mark.parametrize("known", [True, False])
def test_joined_factors_are_the_sum_of_both(known: bool) -> None:
    (a1, b1), (a2, b2) = factors(4, 1), factors(2, 2)
    own = {"added_rows": torch.zeros(ADDED_TOKENS, 16)}
    if known:
        own |= {f"lora.{LAYER}.A": a1, f"lora.{LAYER}.B": b1}
    added = {f"base_model.model.{LAYER}.lora_A.weight": a2, f"base_model.model.{LAYER}.lora_B.weight": b2}
    joined = combine_factors(own, 2.0, added, 0.5)
    tower = LanguageTower(tiny_config())
    before = dict(tower.llama.named_parameters())[f"{LAYER}.weight"].detach().clone()
    tower.load_adapter(joined, 2.0)
    after = dict(tower.llama.named_parameters())[f"{LAYER}.weight"].detach()
    expected = 0.5 * b2 @ a2 + (2.0 * b1 @ a1 if known else 0)
    assert torch.allclose(after - before, expected, atol=0.02)


@pytest.mark.parametrize(
    "name", ["base_model.model.lm_head.weight", f"base_model.model.{LAYER}.lora_embedding_A", f"{LAYER}.lora_A.weight"]
)
def test_what_is_no_pair_of_factors_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError):
        combine_factors({}, 2.0, {name: torch.zeros(2, 16)}, 0.5)
