from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nano_parts import small_tokenizer, tiny_config

pytest.importorskip("peft", reason="training needs the extra train")

from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.nano.language import LanguageTower
from remotereasoner.policy.nano.listing import Listing
from remotereasoner.policy.nano.tokens import ADDED_TOKENS, BASE_TOKENS
from remotereasoner.policy.nano.vocabulary import CLASSES
from remotereasoner.policy.prompts import clean_question, compose_completion, prompt_texts
from remotereasoner.training.nano.lora import TrainableTower
from remotereasoner.training.nano.questions import Question, QuestionBank
from remotereasoner.training.nano.scenes import drawn_listing
from remotereasoner.training.nano.train_language import (
    ANSWER_WEIGHT,
    DECIDING_TOKENS,
    _tower_scenes,
    _worded,
    draw_questions,
    loss_of,
    pack,
)

SHIP = CLASSES.index("ship")


def base_tensors() -> dict[str, Tensor]:
    torch.manual_seed(1)
    made = LanguageTower(tiny_config())
    return {n: torch.randn_like(t) * (0.3 if t.ndim > 1 else 1.0) for n, t in made.llama.model.state_dict().items()}


def trainable(stirred: bool = True) -> TrainableTower:
    """``stirred``: as after some training, every part of the adapter does something."""
    torch.manual_seed(2)
    tower = TrainableTower(base_tensors(), small_tokenizer(), 4, 8, seed=0, config=tiny_config())
    if stirred:
        with torch.no_grad():
            for p in tower.parameters():
                if p.requires_grad:
                    p.add_(torch.randn_like(p) * 0.1)
    return tower.eval()


@pytest.fixture(scope="module")
def tower() -> TrainableTower:
    return trainable()


@pytest.fixture(scope="module")
def asked() -> tuple[Listing, list[Question]]:
    rng = np.random.default_rng(4)
    listing = drawn_listing(rng, SHIP)
    bank = QuestionBank("train")
    return listing, [
        bank.ask_direct(listing, SHIP, rng),
        bank.ask_vqa(listing, SHIP, rng),
        bank.ask_caption(listing, rng),
        bank.ask_absent_thing(rng),
    ]


class Unchanged(np.random.Generator):
    """Draws that leave the wording of a question alone."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def random(self, *_args: object, **_options: object) -> float:  # type: ignore[override]
        return 0.999


def separate(tower: TrainableTower, listing: Listing, q: Question) -> tuple[Tensor, list[int]]:
    """(hidden states (T, hidden), ids) of one question by itself, with the model's own causal mask."""
    tokenizer, codec = small_tokenizer(), EmbeddedReferenceCodec()
    system, _ = prompt_texts("locate", "x", style=codec.style)
    instruction = codec.instruction((1, 1)) if q.task == "locate" else ""
    _, user = prompt_texts(q.task, q.text, style=codec.style, instruction=instruction)
    ids = tokenizer.prefix_ids(system, listing) + tokenizer.question_ids(user)
    ids += [*tokenizer.encode(compose_completion(q.reasoning, q.answer)), tokenizer.end_id]
    hidden = tower.llama.model(inputs_embeds=tower.embedding_matrix()[torch.tensor([ids])], use_cache=False)[0]
    return hidden[0], ids


def test_packed_questions_are_computed_as_if_alone(
    tower: TrainableTower, asked: tuple[Listing, list[Question]]
) -> None:
    listing, questions = asked
    with torch.inference_mode():
        packed = pack(small_tokenizer(), listing, questions, Unchanged())
        together = tower.llama.model(
            inputs_embeds=tower.embedding_matrix()[packed.ids][None],
            attention_mask=packed.mask,
            position_ids=packed.positions,
            use_cache=False,
        )[0][0]
        at = 0
        for question in questions:
            alone, ids = separate(tower, listing, question)
            written = len(small_tokenizer().encode(compose_completion(question.reasoning, question.answer))) + 1
            places = packed.places[at : at + written]
            assert torch.allclose(together[places], alone[-written - 1 : -1], atol=1e-4)
            assert packed.targets[at : at + written].tolist() == ids[-written:]
            at += written
        assert at == len(packed.places) == len(packed.targets) == len(packed.weights)


def test_the_prefix_is_there_once(asked: tuple[Listing, list[Question]]) -> None:
    listing, questions = asked
    one, all_of_them = (pack(small_tokenizer(), listing, chosen, Unchanged()) for chosen in (questions[:1], questions))
    first = len(one.ids)
    assert torch.equal(all_of_them.ids[:first], one.ids)
    starts = (all_of_them.positions[0].diff() < 0).sum()
    assert starts == len(questions) - 1, "every further question goes back to where the prefix ends"
    mask = all_of_them.mask[0, 0]
    assert torch.equal(mask[:first, :first], torch.ones(first, first, dtype=torch.bool).tril())
    assert not mask.triu(1).any()


def test_deciding_words_weigh_more(asked: tuple[Listing, list[Question]]) -> None:
    listing, questions = asked
    tokenizer = small_tokenizer()
    packed = pack(tokenizer, listing, questions[:1], Unchanged())
    opening = max(0, packed.targets.tolist().index(tokenizer.answer_id) - DECIDING_TOKENS)
    assert opening > 0
    assert (packed.weights[:opening] == 1).all()
    assert (packed.weights[opening:] == ANSWER_WEIGHT).all()


def test_an_export_loads_to_the_same_logits(asked: tuple[Listing, list[Question]]) -> None:
    tower, tokenizer = trainable(), small_tokenizer()
    listing, _ = asked
    ids = tokenizer.prefix_ids("Be brief.", listing) + tokenizer.question_ids("Where?")
    exported = tower.export()
    assert {t.dtype for t in exported.values()} == {torch.float16}
    tower.resume(exported)  # as rounded as what will be loaded
    loaded = LanguageTower(tiny_config()).eval()
    loaded.load_base(base_tensors())
    loaded.load_adapter(exported, tower.scale)
    with torch.inference_mode():
        mine = tower.llama.model(inputs_embeds=tower.embedding_matrix()[torch.tensor([ids])])[0]
        expected = mine @ tower.embedding_matrix().T
        got = loaded.llama(torch.tensor([ids])).logits
    assert got.shape == (1, len(ids), BASE_TOKENS + ADDED_TOKENS)
    assert torch.allclose(got, expected, atol=1e-3)
    plain = LanguageTower(tiny_config()).eval()
    plain.load_base(base_tensors())
    with torch.inference_mode():
        assert not torch.allclose(plain.llama(torch.tensor([ids])).logits, expected, atol=0.1), (
            "the adapter does nothing"
        )


def test_training_can_go_on_from_an_export() -> None:
    first, second = trainable(), trainable(stirred=False)
    assert not torch.allclose(first.added_rows, second.added_rows)
    second.resume(first.export())
    for (name, a), (_, b) in zip(first.named_parameters(), second.named_parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-3), name


def test_a_fresh_adapter_changes_nothing_and_only_new_parts_learn() -> None:
    fresh = trainable(stirred=False)
    plain = LanguageTower(tiny_config()).eval()
    plain.load_base(base_tensors())
    ids = torch.tensor([[1, 30, 40, 50]])
    with torch.inference_mode():
        assert torch.allclose(fresh.llama.model(ids)[0], plain.llama.model(ids)[0], atol=1e-6)
    groups = fresh.parameter_groups(1e-3)
    grouped = {id(p) for g in groups for p in g["params"]}  # type: ignore[attr-defined]
    assert grouped == {id(p) for p in fresh.parameters() if p.requires_grad}
    assert not any("embed_tokens" in n and p.requires_grad for n, p in fresh.named_parameters())


def test_new_rows_start_at_what_they_are_called() -> None:
    tower, tokenizer = trainable(stirred=False), small_tokenizer()
    rows = tower.embedding_matrix()
    tag = rows[torch.tensor(tokenizer.encode("think"))].mean(0)
    assert torch.allclose(rows[tokenizer.encode("<think>")[0]], tag, atol=1e-6)


def test_a_few_steps_on_one_pack_help(asked: tuple[Listing, list[Question]]) -> None:
    tower = trainable(stirred=False)
    listing, questions = asked
    optimizer = torch.optim.AdamW(tower.parameter_groups(1e-2), lr=1e-2)
    frozen = tower.llama.model.embed_tokens.weight.clone()
    history = []
    for _ in range(6):
        loss, right = loss_of(tower, pack(small_tokenizer(), listing, questions[:2], Unchanged()))
        assert 0 <= right <= 1
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        history.append(float(loss.detach()))
    assert history[-1] < 0.95 * history[0]
    assert torch.equal(tower.llama.model.embed_tokens.weight, frozen)


@pytest.mark.parametrize("seed", range(3))
def test_every_mixture_of_questions_can_be_packed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank = QuestionBank("train")
    kinds = set()
    for n in range(20):
        listing = drawn_listing(rng, SHIP if n else None)
        questions = draw_questions(bank, listing, 8, rng)
        assert len(questions) == 8
        kinds |= {q.kind.split("_")[0] for q in questions}
        packed = pack(small_tokenizer(), listing, questions, rng)
        assert int(packed.ids.max()) < BASE_TOKENS + ADDED_TOKENS
        assert packed.mask.shape == (1, 1, len(packed.ids), len(packed.ids))
    assert len(kinds) >= 5


def test_wording_changes_the_surface_only() -> None:
    rng = np.random.default_rng(0)
    text = "Where are the Ships?"
    worded = {_worded(text, rng) for _ in range(200)}
    assert text in worded
    assert len(worded) == 4
    letters = [clean_question(w).casefold().removeprefix("please answer: ").rstrip("?") for w in worded]
    assert set(letters) == {"where are the ships"}


def test_perceived_scenes_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "perceived.jsonl"
    rows = [{"objects": [[SHIP, 0.1, 0.2, 0.3, 0.4, 0.04, 0.9]]}, {"objects": []}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (ship,), second = _tower_scenes(path)
    assert (ship.class_index, ship.box_01, ship.size_01, ship.score) == (SHIP, (0.1, 0.2, 0.3, 0.4), 0.04, 0.9)
    assert second == []
    assert _tower_scenes(None) == []


def test_halving_leaves_what_is_trained() -> None:
    tower = trainable()
    tower.halve()
    kinds = {p.requires_grad: p.dtype for p in tower.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
