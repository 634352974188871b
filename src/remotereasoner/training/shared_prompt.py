"""Completions of one prompt, drawn and judged with the prompt computed once for all of them.

GRPO draws a group of completions per prompt. The trainer's own way repeats the prompt for each: where prompts are long
and completions short, as those of the embedded model, most of the work is the same work again. Here the keys and values
of a prompt are computed once, repeated for its group, and carry the gradient back to it; the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["completion_log_probs", "generate_in_groups", "group_size"]


def group_size(prompts: Sequence[Sequence[int]]) -> int:
    """How often each prompt stands in a row, 1 where that differs from prompt to prompt."""
    runs = {sum(1 for _ in run) for _, run in groupby(tuple(prompt) for prompt in prompts)}
    return runs.pop() if len(runs) == 1 else 1


def generate_in_groups(model: Any, inputs: dict[str, Tensor], size: int, **options: Any) -> Tensor:
    """``model.generate`` of left-padded ``input_ids`` and ``attention_mask``, both (B, P), in which every prompt stands
    ``size`` times in a row. Gives (B, P + C), as ``generate`` does.
    """
    ids, mask = inputs["input_ids"][::size, :-1], inputs["attention_mask"][::size, :-1]
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1)
    cache = cache.past_key_values
    cache.batch_repeat_interleave(size)
    written: Tensor = model.generate(**inputs, past_key_values=cache, **options)
    return written


def completion_log_probs(
    model: Any, input_ids: Tensor, attention_mask: Tensor, length: int, temperature: float
) -> tuple[Tensor, Tensor]:
    """Log-probability of each completion token and the entropy there, both (B, ``length``), float32.

    ``input_ids``, ``attention_mask`` (B, T): prompts padded on the left, then ``length`` places of completions padded
    on the right, in any order. Both as of probabilities at ``temperature``. Prompts are computed one at a time, so that
    none is padded. Where a completion is padded, the numbers mean nothing.
    """
    end = input_ids.shape[1] - length
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, (ids, mask) in enumerate(zip(input_ids[:, :end], attention_mask[:, :end], strict=True)):
        rows_of.setdefault(tuple(ids[mask > 0].tolist()), []).append(row)
    log_probs, entropies = [], []
    for prompt, rows in rows_of.items():
        completions = input_ids[rows, end:]
        read = model(input_ids=input_ids.new_tensor([prompt]), use_cache=True, logits_to_keep=1)
        cache = read.past_key_values
        cache.batch_repeat_interleave(len(rows))
        logits = read.logits.expand(len(rows), -1, -1)
        if length > 1:
            further = model(input_ids=completions[:, :-1], past_key_values=cache, use_cache=True).logits
            logits = torch.cat([logits, further], 1)
        each = F.log_softmax(logits.float() / temperature, dim=-1)
        log_probs.append(each.gather(2, completions[..., None])[..., 0])
        entropies.append(-(each.exp() * each).sum(-1))
    place = torch.tensor([row for rows in rows_of.values() for row in rows], device=input_ids.device).argsort()
    return torch.cat(log_probs)[place], torch.cat(entropies)[place]
