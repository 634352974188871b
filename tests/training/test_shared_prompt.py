"""A prompt that is computed once for its completions gives the numbers of one that is repeated."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from remotereasoner.training.shared_prompt import completion_log_probs, generate_in_groups, group_size

SIZE, LENGTH, PAD = 3, 5, 0
PROMPTS = ([5, 9, 3, 17, 8, 8, 2], [4, 11], [1, 30, 12, 7])


def tiny() -> LlamaForCausalLM:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, bos_token_id=1, eos_token_id=39, pad_token_id=PAD,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def padded() -> dict[str, torch.Tensor]:
    longest = max(map(len, PROMPTS))
    rows = [[PAD] * (longest - len(p)) + p for p in PROMPTS for _ in range(SIZE)]
    masks = [[0] * (longest - len(p)) + [1] * len(p) for p in PROMPTS for _ in range(SIZE)]
    return {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(masks)}


def test_group_size() -> None:
    assert group_size([[1], [1], [2], [2]]) == 2
    assert group_size([[1], [2], [3]]) == 1
    assert group_size([[1], [1], [1], [2]]) == 1
    assert group_size([[1], [1], [2], [2], [1], [1]]) == 2


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_entropies_and_gradients_are_those_of_repeated_prompts(temperature: float) -> None:
    model, inputs = tiny(), padded()
    torch.manual_seed(1)
    completions = torch.randint(1, 39, (len(PROMPTS) * SIZE, LENGTH))
    ids = torch.cat([inputs["input_ids"], completions], 1)
    mask = torch.cat([inputs["attention_mask"], torch.ones_like(completions)], 1)
    weights = torch.randn(completions.shape)
    order = torch.randperm(len(ids))  # as the trainer shuffles them
    ids, mask, completions = ids[order], mask[order], completions[order]

    logits = model(input_ids=ids, attention_mask=mask).logits[:, -LENGTH - 1 : -1] / temperature
    each = F.log_softmax(logits, -1)
    expected = each.gather(2, completions[..., None])[..., 0]
    (expected * weights).sum().backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()

    found, entropies = completion_log_probs(model, ids, mask, LENGTH, temperature)
    (found * weights).sum().backward()
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(entropies, -(each.exp() * each).sum(-1), atol=1e-5)
    mine = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(mine) == len(gradients) > 0
    for a, b in zip(mine, gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("do_sample", [False, True])
def test_what_is_drawn_is_what_repeated_prompts_draw(do_sample: bool) -> None:
    model, inputs = tiny().eval(), padded()
    settings = GenerationConfig(
        max_new_tokens=12,
        do_sample=do_sample,
        temperature=1.3 if do_sample else None,
        eos_token_id=39,
        pad_token_id=PAD,
    )
    with torch.no_grad():
        torch.manual_seed(5)
        expected = model.generate(**inputs, generation_config=settings)
        torch.manual_seed(5)
        found = generate_in_groups(model, inputs, SIZE, generation_config=settings)
    assert torch.equal(found, expected)
    assert len({tuple(row) for row in found.tolist()}) > len(PROMPTS) or not do_sample
