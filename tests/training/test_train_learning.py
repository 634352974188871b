"""A tiny policy learns by reward, told by nothing but our rewards which of twelve places a question means.

The supervised start teaches it to write boxes and which third of the image each question is about; the box itself it
finds by trying.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from train_parts import CPU, fitted_tokenizer, write_samples_file

from policy import tiny_checkpoints
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.prompts import compose_completion, prompt_texts
from remotereasoner.training.config import TrainConfig, config_from_mapping
from remotereasoner.training.train import train

STEPS = 50
SIDE = 56  # four visual tokens; the processor leaves it alone
CELLS = [[9 * x, 9 * y, 9 * x + 9, 9 * y + 9] for y in range(6) for x in range(6)]
QUESTIONS = ("where do ships moor?", "where do planes land?", "where do cars wait?")
"""Each is about its third of the image: twelve cells."""
ASKED, ANSWER = QUESTIONS[1], CELLS[19]


def make_policy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights, and a tokenizer in which a prompt has some 30 tokens and an answer some 10."""
    codec = codec_by_name("remotereasoner")
    instruction = codec.instruction((SIDE, SIDE))
    texts = [compose_completion("", json.dumps([cell], separators=(",", ":"))) for cell in CELLS] * 2
    for question in QUESTIONS:
        texts += [*prompt_texts("locate", question, style="lists", instruction=instruction)] * 8
    monkeypatch.setattr(tiny_checkpoints, "make_tokenizer", lambda: fitted_tokenizer(texts, 700))
    return tiny_checkpoints.make_tiny_qwen2_5_vl(folder / "remotereasoner-tiny")


def make_files(folder: Path) -> tuple[Path, Path]:
    """(any cell of the right third, which teaches the form and hardly the place; the truth)."""
    Image.fromarray(np.full((SIDE, SIDE, 3), 90, dtype=np.uint8)).save(folder / "scene.png")
    thirds = [(question, 12 * number + cell) for number, question in enumerate(QUESTIONS) for cell in range(12)]
    start = [
        {"id": f"a{i}", "image": "scene.png", "query": question, "boxes": [CELLS[cell]]}
        for i, (question, cell) in enumerate(thirds)
    ]
    truth = [{"id": "q", "image": "scene.png", "query": ASKED, "boxes": [ANSWER]}]
    return write_samples_file(folder, start, "start.jsonl"), write_samples_file(folder, truth, "truth.jsonl")


def run_config(model: Path, samples: Path, out: Path, **changes: Any) -> TrainConfig:
    trainer = {**CPU, "save_strategy": "no", "seed": 1, "lr_scheduler_type": "constant", **changes.pop("trainer")}
    return config_from_mapping(
        {
            "model": {"name": str(model), "codec": "remotereasoner", "freeze": ["visual"]},
            "rewards": {"preset": "remotereasoner", "weights": {"format": 0.0, "grounding": 1.0}},
            "data": {"train": str(samples)},
            "output_dir": str(out),
            "trainer": trainer,
            **changes,
        }
    )


def test_a_tiny_policy_learns_by_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_policy(tmp_path, monkeypatch)
    start, truth = make_files(tmp_path)
    supervised = {
        "max_steps": 80,
        "per_device_train_batch_size": 12,
        "learning_rate": 3e-2,
        "lr_scheduler_type": "linear",
    }
    begun = train("sft", run_config(model, start, tmp_path / "sft", trainer=supervised), quiet=True)
    by_reward = {"max_steps": STEPS, "per_device_train_batch_size": 48, "learning_rate": 3.5e-3}
    drawn = {"num_generations": 48, "max_completion_length": 20}
    config = run_config(begun.final, truth, tmp_path / "grpo", trainer=by_reward, generation=drawn)
    learnt = train("grpo", config, quiet=True)
    rewards = [entry["reward"] for entry in learnt.history if "reward" in entry]
    assert np.mean(rewards[:2]) < 0.1
    assert np.mean(rewards[-5:]) > 0.8
