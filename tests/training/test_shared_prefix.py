"""Questions packed behind what they share give the numbers of questions one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

pytest.importorskip("trl", reason="training needs the extra train")

from torch.nn import functional as F
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from remotereasoner.training.shared_prefix import BatchesByImage, SharedPrefixCollator

PAD = 0
LISTINGS = ([5, 9, 3, 17, 8, 8, 2, 21, 22, 23], [4, 11, 6, 6, 7, 8, 30], [5, 9, 1, 12])


def example(listing: list[int], question: list[int], answer: list[int]) -> dict[str, Any]:
    prompt = listing + question
    return {"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer}


EXAMPLES = [
    example(LISTINGS[0], [31, 32], [33, 34, 39]),
    example(LISTINGS[1], [31], [35, 39]),
    example(LISTINGS[0], [31, 36, 37], [34, 39]),
    example(LISTINGS[2], [32], [33, 33, 39]),
    example(LISTINGS[0], [31, 32], [12, 39]),  # the same question, another answer
    example(LISTINGS[1], [24, 25, 26], [14, 15, 16, 39]),
]


@pytest.fixture
def model() -> LlamaForCausalLM:
    torch.manual_seed(3)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, bos_token_id=1, eos_token_id=39, pad_token_id=PAD,
        )
    )  # fmt: skip


def losses(model: LlamaForCausalLM, batch: dict[str, Any]) -> torch.Tensor:
    """The losses of all answer tokens, sorted."""
    labels = batch.pop("labels")
    logits = model(**batch, use_cache=False).logits[:, :-1]
    each = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="none")
    return each[labels[:, 1:].flatten() != -100].sort().values


def test_losses_and_gradients_are_those_of_one_by_one(model: LlamaForCausalLM) -> None:
    expected = losses(model, DataCollatorForLanguageModeling(PAD)(EXAMPLES))
    (expected.sum() / len(expected)).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    found = losses(model, SharedPrefixCollator(PAD)(EXAMPLES))
    (found.sum() / len(found)).backward()
    assert len(found) == sum(label != -100 for e in EXAMPLES for label in e["labels"])
    assert torch.allclose(found, expected, atol=1e-5)
    mine = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(mine) == len(gradients) > 0
    for a, b in zip(mine, gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_what_is_shared_is_there_once() -> None:
    batch = SharedPrefixCollator(PAD)(EXAMPLES)
    assert batch["input_ids"].shape[0] == len(LISTINGS)
    tokens = int(batch["attention_mask"].diagonal(dim1=-2, dim2=-1).sum())
    alone = sum(len(e["input_ids"]) for e in EXAMPLES)
    # ten shared tokens and the first of the questions three times less two, seven of the second listing once less
    assert tokens == alone - 2 * (len(LISTINGS[0]) + 1) - len(LISTINGS[1])


def test_the_token_that_predicts_an_answer_is_each_ones_own() -> None:
    twice = [example(LISTINGS[0], [31], [33, 39]), example(LISTINGS[0], [31], [34, 39])]
    batch = SharedPrefixCollator(PAD)(twice)
    assert batch["input_ids"][0].tolist() == [*LISTINGS[0], 31, 33, 39, 31, 34, 39]
    assert batch["labels"][0].tolist() == [-100] * 11 + [33, 39, -100, 34, 39]
    assert batch["position_ids"][0].tolist() == [*range(10), 10, 11, 12, 10, 11, 12]


def test_a_batch_of_one_is_itself() -> None:
    batch = SharedPrefixCollator(PAD)(EXAMPLES[:1])
    assert batch["input_ids"].tolist() == [EXAMPLES[0]["input_ids"]]
    assert batch["labels"].tolist() == [EXAMPLES[0]["labels"]]
    assert torch.equal(batch["attention_mask"][0, 0], torch.ones(15, 15, dtype=torch.bool).tril())


IMAGES = [f"{k}" for k, count in enumerate((9, 4, 1, 7, 2)) for _ in range(count)]


def batches(sampler: BatchesByImage, size: int) -> list[list[int]]:
    order = list(sampler)
    return [order[k : k + size] for k in range(0, len(order), size)]


def test_every_row_comes_once_and_full_batches_are_of_one_image() -> None:
    sampler = BatchesByImage(IMAGES, 4, seed=1)
    drawn = batches(sampler, 4)
    assert sorted(row for rows in drawn for row in rows) == list(range(len(IMAGES)))
    assert len(sampler) == len(IMAGES)
    alike = sum(len(rows) == 4 and len({IMAGES[row] for row in rows}) == 1 for rows in drawn)
    assert alike >= 2 + 1 + 1


def test_the_order_is_of_the_seed_and_the_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = BatchesByImage(IMAGES, 4, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1, 2)}) == 6
