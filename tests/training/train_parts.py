"""A tiny policy, a few questions and a short run of the real trainers: what the tests of training share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from policy import tiny_checkpoints
from remotereasoner.training.config import TrainConfig, config_from_mapping

CPU: dict[str, Any] = {"use_cpu": True, "bf16": False, "activation_checkpointing": False, "report_to": []}


def variety(prompts: Any, completions: list[list[dict[str, str]]], **_: Any) -> list[float]:
    """A reward of which even random text earns more or less: without a difference there is nothing to learn."""
    return [len(set(completion[0]["content"])) / 20 for completion in completions]


def rewarded_by_variety(*_: Any, **__: Any) -> tuple[list[Any], list[float]]:
    """In place of ``build_rewards``, for runs of random weights, which never write a readable answer."""
    return [variety], [1.0]


def write_samples_file(folder: Path, records: list[dict[str, Any]], name: str = "train.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def make_data(folder: Path, *, number: int = 8) -> Path:
    """Noise of two sizes, one box each, one question without a target."""
    rng = np.random.default_rng(0)
    records = []
    for i in range(number):
        height, width = (84, 112) if i % 2 else (70, 140)
        Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(folder / f"{i}.png")
        boxes = [] if i == 3 else [[5, 6, 40, 50]]
        records.append({"id": f"s{i}", "image": f"{i}.png", "query": f"where is thing {i}?", "boxes": boxes})
    return write_samples_file(folder, records)


def make_config(model: Path, train: Path, out: Path, /, **changes: Any) -> TrainConfig:
    """A LoRA run of a few steps on the CPU; ``changes`` replace whole sections, ``trainer`` is added to."""
    trainer = {**CPU, "save_steps": 100, "per_device_train_batch_size": 4, "learning_rate": 1e-2, "max_steps": 4}
    sections: dict[str, Any] = {
        "model": {"name": str(model)},
        "data": {"train": str(train)},
        "output_dir": str(out),
        "lora": {"r": 4, "lora_alpha": 8},
        "trainer": trainer | changes.pop("trainer", {}),
    }
    return config_from_mapping(sections | changes)


def fitted_tokenizer(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    """A tokenizer with few tokens for exactly these texts, so that a tiny policy can write them."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*tiny_checkpoints.SPECIALS, *tiny_checkpoints.INTERN_SPECIALS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
        },
    )
