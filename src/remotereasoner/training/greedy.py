"""Greedy answers of the policy in training, over all processes, in the order of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import GenerationConfig
from trl.data_utils import prepare_multimodal_messages
from trl.models.utils import unwrap_model_for_generation

from remotereasoner.training.data_sets import Row

__all__ = ["Drawn", "end_token_ids", "greedy_answers"]


@dataclass(frozen=True)
class Drawn:
    """One completion."""

    text: str
    ids: tuple[int, ...]
    """The end token included."""
    truncated: bool

    @property
    def tokens(self) -> int:
        return len(self.ids)


def end_token_ids(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer."""
    found: set[int] = {int(tokenizer.eos_token_id)}
    value = model.generation_config.eos_token_id
    found.update([value] if isinstance(value, int) else value or [])
    return sorted(found)


def greedy_answers(trainer: Any, rows: Sequence[Any], *, max_new_tokens: int, batch_size: int) -> list[Drawn]:
    """One completion per row; ``rows[i]`` is made when it is needed. Called by all processes together, the same result
    on each. No random number is drawn.
    """
    accelerator = trainer.accelerator
    world, rank = accelerator.num_processes, accelerator.process_index
    rounds = -(-len(rows) // (world * batch_size))  # as many for each process: sharded weights are gathered by all
    mine: list[tuple[int, Drawn]] = []
    model = trainer.model_wrapped
    was_training = trainer.model.training
    trainer.model.eval()
    checkpointing = trainer.args.gradient_checkpointing_kwargs
    with (
        unwrap_model_for_generation(
            model,
            accelerator,
            gather_deepspeed3_params=getattr(trainer.args, "ds3_gather_for_generation", True),
            gradient_checkpointing_kwargs=checkpointing,
        ) as policy,
        torch.no_grad(),
    ):
        for turn in range(rounds):
            first = (turn * world + rank) * batch_size
            indices = [min(index, len(rows) - 1) for index in range(first, first + batch_size)]
            unique = list(dict.fromkeys(indices))
            drawn = _draw(trainer, policy, [rows[index] for index in unique], max_new_tokens)
            mine += zip(unique, drawn, strict=True)
    if was_training:
        trainer.model.train()
    gathered = dict(gather_object(mine))
    return [gathered[index] for index in range(len(rows))]


def _draw(trainer: Any, policy: Any, rows: Sequence[Row], max_new_tokens: int) -> list[Drawn]:
    processing = trainer.processing_class
    tokenizer = getattr(processing, "tokenizer", processing)
    texts, images = [], []
    for row in rows:
        messages = row["prompt"]
        if "image" in row:
            messages = prepare_multimodal_messages(messages, images=[row["image"]])
            images.append([row["image"]])
        texts.append(processing.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
    pictures = {"images": images} if images else {}
    batch = processing(
        text=texts, padding=True, padding_side="left", add_special_tokens=False, return_tensors="pt", **pictures
    )
    inputs = {name: value.to(trainer.accelerator.device) for name, value in batch.items()}
    if "pixel_values" in inputs and inputs["pixel_values"].is_floating_point():
        inputs["pixel_values"] = inputs["pixel_values"].to(policy.dtype)
    ends = end_token_ids(policy, tokenizer)
    settings: Any = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
        disable_compile=True,
    )
    written = policy.generate(**inputs, generation_config=settings)[:, inputs["input_ids"].shape[1] :].tolist()
    return [_read(ids, ends, tokenizer) for ids in written]


def _read(ids: list[int], ends: list[int], tokenizer: Any) -> Drawn:
    end = next((position for position, token in enumerate(ids) if token in ends), None)
    kept = ids if end is None else ids[:end]
    # As TRL decodes them for the rewards: without special tokens.
    text = tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Drawn(text, tuple(ids if end is None else ids[: end + 1]), truncated=end is None)
