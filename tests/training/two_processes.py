"""Run by ``accelerate launch``: GRPO with completions that do not depend on which process draws them.

``python two_processes.py MODEL SAMPLES OUT METHOD``. TRL seeds each process differently, so that two processes draw
other completions than one; here each completion is drawn alone, seeded by its prompt and its place in its group.
"""

from __future__ import annotations

import os
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from train_parts import make_config, rewarded_by_variety
from trl.trainer.grpo_trainer import GRPOTrainer

from remotereasoner.training import train as run_module
from remotereasoner.training.train import train

_stock = GRPOTrainer._generate_single_turn


def drawn_alone(self: Any, prompt_ids: Any, images: Any, fields: dict[str, Any], generations: int, **_: Any) -> Any:
    """As TRL draws them, row by row."""
    first = self.accelerator.process_index * len(prompt_ids)
    patches = np.asarray(fields["image_grid_thw"]).prod(axis=1).tolist()
    completions, position = [], 0
    for row, ids in enumerate(prompt_ids):
        own = {
            "pixel_values": fields["pixel_values"][position : position + patches[row]],
            "image_grid_thw": fields["image_grid_thw"][row : row + 1],
            "mm_token_type_ids": [fields["mm_token_type_ids"][row]],
        }
        position += patches[row]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(zlib.crc32(repr((ids, (first + row) % generations)).encode()))
            (completion,), _ = _stock(self, [ids], None, own, generations)
        completions.append(completion)
    return completions, None


if __name__ == "__main__":
    model, samples, out, method = sys.argv[1:]
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    trainer: dict[str, Any] = {"max_steps": 3, "per_device_train_batch_size": 4 // processes}
    changes: dict[str, Any] = {}
    if method == "grpo":
        run_module.build_rewards = rewarded_by_variety
        GRPOTrainer._generate_single_turn = drawn_alone
        changes["generation"] = {"num_generations": 2, "max_completion_length": 6}
        trainer |= {"beta": 0.04, "loss_type": "grpo"}
    data = {"train": samples, "val": samples}
    changes["evaluation"] = {"limit": 5, "batch_size": 2, "max_new_tokens": 4}
    config = make_config(
        Path(model), Path(samples), Path(out), data=data, trainer=trainer | {"save_steps": 3}, **changes
    )
    train(method, config, quiet=True)  # type: ignore[arg-type]
