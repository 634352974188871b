from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nano_parts import tiny_config
from remotereasoner.errors import CheckpointError
from remotereasoner.policy.nano.language import (
    LORA_TARGETS,
    LanguageTower,
    base_config,
    merge_lora,
)
from remotereasoner.policy.nano.tokens import ADDED_TOKENS, BASE_TOKENS

HIDDEN = 16


def tower() -> LanguageTower:
    torch.manual_seed(0)
    return LanguageTower(tiny_config()).eval()


def base_tensors(made: LanguageTower) -> dict[str, Tensor]:
    """A base checkpoint that fits ``made``, with a longer vocabulary, as the published one has."""
    torch.manual_seed(7)
    tensors = {name: torch.randn_like(t).half() for name, t in made.llama.model.state_dict().items()}
    tensors["embed_tokens.weight"] = torch.randn(BASE_TOKENS + 500, HIDDEN).half()
    return tensors


def adapter_tensors(made: LanguageTower, rank: int = 2) -> dict[str, Tensor]:
    torch.manual_seed(8)
    tensors = {"added_rows": torch.randn(ADDED_TOKENS, HIDDEN).half()}
    for name, module in made.llama.named_modules():
        if name.rsplit(".", 1)[-1] in LORA_TARGETS:
            assert isinstance(module, nn.Linear)
            tensors[f"lora.{name}.A"] = torch.randn(rank, module.in_features).half()
            tensors[f"lora.{name}.B"] = torch.randn(module.out_features, rank).half()
    return tensors


def test_the_base_is_the_published_architecture() -> None:
    config = base_config()
    with torch.device("meta"):
        made = LanguageTower(config)
    without_embedding = sum(p.numel() for n, p in made.llama.named_parameters() if "embed" not in n)
    assert without_embedding + 49_152 * 576 == 134_515_008  # SmolLM2-135M as published
    assert config.vocab_size == BASE_TOKENS + ADDED_TOKENS


def test_merging_adds_scaled_b_times_a() -> None:
    made = tower()
    tensors = adapter_tensors(made)
    before = {n: t.clone() for n, t in made.llama.state_dict().items()}
    merge_lora(made.llama, tensors, 0.25)
    changed = 0
    for name, weight in made.llama.state_dict().items():
        path = name.removesuffix(".weight")
        if f"lora.{path}.A" in tensors:
            a, b = (tensors[f"lora.{path}.{side}"].double() for side in "AB")
            expected = before[name].double() + 0.25 * (b @ a)
            assert torch.allclose(weight.double(), expected, atol=1e-5), name
            changed += 1
        else:
            assert torch.equal(weight, before[name]), name
    assert changed == 2 * len(LORA_TARGETS)


PATH = "lora.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (f"{PATH}.A", (2, HIDDEN + 1)),
        (f"{PATH}.A", (3, HIDDEN)),
        (f"{PATH}.B", (HIDDEN - 1, 2)),
        (f"{PATH}.B", (HIDDEN, 3)),
        (f"{PATH}.B", (HIDDEN,)),
        ("lora.model.layers.9.self_attn.q_proj.A", (2, HIDDEN)),
        ("lora.model.norm.A", (2, HIDDEN)),
    ],
)
def test_an_adapter_of_other_shapes_is_refused(name: str, shape: tuple[int, ...]) -> None:
    made = tower()
    with pytest.raises(CheckpointError, match="does not fit the base model at model"):
        merge_lora(made.llama, adapter_tensors(made) | {name: torch.zeros(shape)}, 1.0)


def test_half_an_adapter_is_refused() -> None:
    made = tower()
    tensors = adapter_tensors(made)
    del tensors[f"{PATH}.B"]
    with pytest.raises(CheckpointError, match="q_proj"):
        merge_lora(made.llama, tensors, 1.0)


def test_the_base_is_copied_and_its_surplus_rows_are_not() -> None:
    made = tower()
    added = made.embedding_matrix()[BASE_TOKENS:].clone()
    tensors = base_tensors(made)
    made.load_base(tensors)
    for name, got in made.llama.model.state_dict().items():
        if name == "embed_tokens.weight":
            assert torch.equal(got[:BASE_TOKENS], tensors[name][:BASE_TOKENS].float())
            assert torch.equal(got[BASE_TOKENS:], added)
        else:
            assert torch.equal(got, tensors[name].float()), name
    assert torch.equal(made.llama.lm_head.weight, made.embedding_matrix())


def test_a_base_without_a_tensor_is_refused() -> None:
    made = tower()
    tensors = base_tensors(made)
    del tensors["layers.1.mlp.up_proj.weight"]
    with pytest.raises(CheckpointError, match=r"layers\.1\.mlp\.up_proj\.weight"):
        made.load_base(tensors)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("layers.0.mlp.up_proj.weight", (31, HIDDEN)),
        ("norm.weight", (1,)),
        ("embed_tokens.weight", (BASE_TOKENS + 500, HIDDEN + 8)),
        ("embed_tokens.weight", (BASE_TOKENS - 1, HIDDEN)),
    ],
)
def test_a_base_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    made = tower()
    with pytest.raises(CheckpointError, match=name):
        made.load_base(base_tensors(made) | {name: torch.zeros(shape)})


def test_the_adapter_sets_the_added_rows() -> None:
    made = tower()
    tensors = adapter_tensors(made)
    made.load_adapter(tensors, 1.0)
    assert torch.equal(made.embedding_matrix()[BASE_TOKENS:], tensors["added_rows"].float())


@pytest.mark.parametrize("rows", [None, torch.zeros(ADDED_TOKENS - 1, HIDDEN)])
def test_an_adapter_without_its_rows_is_refused(rows: Tensor | None) -> None:
    made = tower()
    tensors = adapter_tensors(made)
    tensors.pop("added_rows")
    if rows is not None:
        tensors["added_rows"] = rows
    with pytest.raises(CheckpointError, match="object"):
        made.load_adapter(tensors, 1.0)
