"""Runs that must be the same run: seed, batch against accumulation, resumed against uninterrupted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from train_parts import make_config, rewarded_by_variety

from remotereasoner.training.train import TrainResult, train

DRAWN = {"num_generations": 2, "max_completion_length": 6}
EXTRA: dict[str, dict[str, Any]] = {"sft": {}, "grpo": {"beta": 0.04, "loss_type": "grpo"}}


@pytest.fixture(autouse=True)
def _variety(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remotereasoner.training.train.build_rewards", rewarded_by_variety)


def run(
    method: Any, model: Path, samples: Path, out: Path, *, lora: bool = True, resume: bool = False, **trainer: Any
) -> tuple[TrainResult, dict[str, torch.Tensor]]:
    changes: dict[str, Any] = {} if lora else {"lora": None}
    if method == "grpo":
        changes["generation"] = DRAWN
    config = make_config(model, samples, out, trainer=EXTRA[method] | {"max_steps": 6} | trainer, **changes)
    result = train(method, config, resume=resume, quiet=True)
    return result, load_file(result.final / ("adapter_model.safetensors" if lora else "model.safetensors"))


def largest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def losses(result: TrainResult) -> list[float]:
    return [entry["loss"] for entry in result.history if "loss" in entry]


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_the_same_seed_is_the_same_run(method: str, tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    first, weights = run(method, tiny_policy, tiny_data, tmp_path / "a", max_steps=3)
    second, again = run(method, tiny_policy, tiny_data, tmp_path / "b", max_steps=3)
    _, other = run(method, tiny_policy, tiny_data, tmp_path / "c", max_steps=3, seed=7)
    assert losses(first) == losses(second) and largest_difference(weights, again) == 0.0
    assert largest_difference(weights, other) > 1e-3
    assert max(float(tensor.abs().max()) for name, tensor in weights.items() if "lora_B" in name) > 1e-3


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_four_of_one_are_one_of_four(method: str, tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    """Also where the samples of a batch have answers of different length."""
    whole, weights = run(method, tiny_policy, tiny_data, tmp_path / "a", max_steps=3)
    parts, again = run(
        method, tiny_policy, tiny_data, tmp_path / "b",
        max_steps=3, per_device_train_batch_size=1, gradient_accumulation_steps=4,
    )  # fmt: skip
    assert losses(whole) == pytest.approx(losses(parts), abs=1e-5)
    assert largest_difference(weights, again) < 1e-4


@pytest.mark.parametrize(
    ("method", "lora", "step"), [("sft", True, 3), ("sft", False, 5), ("grpo", True, 5), ("grpo", False, 3)]
)
def test_a_resumed_run_is_the_uninterrupted_one(
    method: str, lora: bool, step: int, tiny_policy: Path, tiny_data: Path, tmp_path: Path
) -> None:
    """To the last bit. Step 3 lies within an epoch of either method, step 5 in GRPO's second (of 4 steps)."""
    whole, weights = run(method, tiny_policy, tiny_data, tmp_path / "a", lora=lora)
    run(method, tiny_policy, tiny_data, tmp_path / "b", lora=lora, save_steps=step)
    shutil.rmtree(tmp_path / "b" / "checkpoint-6", ignore_errors=True)
    assert (tmp_path / "b" / f"checkpoint-{step}").is_dir()
    resumed, again = run(method, tiny_policy, tiny_data, tmp_path / "b", lora=lora, save_steps=step, resume=True)
    assert largest_difference(weights, again) == 0.0
    assert losses(whole) == losses(resumed)
    assert resumed.steps == 6
