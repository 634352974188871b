"""Small stand-ins of the embedded model's parts: random weights that say nothing sensible, run by the real code."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import LlamaConfig

from remotereasoner.policy.nano.tokens import ADDED_TOKENS, BASE_TOKENS, NanoTokenizer, trim_tokenizer
from remotereasoner.policy.nano.tower import STRIDES, TowerOutput
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEXT = "I look for ships. There are 3. Question: where is the harbor? Seen: nothing known."
SURE, NEVER = 12.0, -12.0

Thing = tuple[str, float, tuple[float, float, float, float]]
"""Class, score, box in pixels of the view."""


def tiny_config(**changes: Any) -> LlamaConfig:
    """Two layers of sixteen channels over the real vocabulary."""
    facts: dict[str, Any] = {
        "vocab_size": BASE_TOKENS + ADDED_TOKENS,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    return LlamaConfig(**(facts | changes))


@functools.cache
def full_tokenizer_text(size: int = BASE_TOKENS + 40) -> str:
    """``tokenizer.json`` of a byte-level BPE trained on two sentences, filled up to ``size`` entries."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([TEXT] * 4, trainer)
    facts = json.loads(core.to_str())
    vocabulary = facts["model"]["vocab"]
    for index in range(len(vocabulary), size):
        vocabulary[f"filler{index}"] = index
    return json.dumps(facts)


@functools.cache
def small_tokenizer() -> NanoTokenizer:
    """A tokenizer with the ids of the real one's added tokens and far fewer merges."""
    trimmed = trim_tokenizer(json.loads(full_tokenizer_text()))
    return NanoTokenizer(Tokenizer.from_str(json.dumps(trimmed)))


def logit(score: float) -> float:
    return float(torch.logit(torch.tensor(score, dtype=torch.float64)))


class ChosenTower(nn.Module):
    """A tower that sees what it is told to: exact boxes at level 0, and areas cell by cell at stride 8.

    ``see`` is called with the padded view (1, 3, H, W) and returns the things; ``areas`` maps a name to the cells
    (row, column) where it is certain.
    """

    def __init__(
        self,
        see: Callable[[Tensor], Sequence[Thing]] | Sequence[Thing] = (),
        areas: dict[str, Sequence[tuple[int, int]]] | None = None,
        width: int = 96,
    ) -> None:
        super().__init__()
        self.see = see if callable(see) else lambda _image: see
        self.areas = areas or {}
        self.width = width
        self.sizes: list[tuple[int, int]] = []
        self.images: list[Tensor] = []

    def forward(self, image: Tensor) -> TowerOutput:
        height, width = image.shape[-2:]
        self.sizes.append((height, width))
        self.images.append(image)
        grids = [(height // s, width // s) for s in STRIDES]
        logits = [torch.full((1, len(THINGS), h, w), NEVER) for h, w in grids]
        ltrb = [torch.ones((1, 4, h, w)) for h, w in grids]
        for name, score, (x1, y1, x2, y2) in self.see(image):
            free = [
                (row, col)
                for row in range(int(y1 // 8), int(y2 // 8) + 1)
                for col in range(int(x1 // 8), int(x2 // 8) + 1)
                if row < grids[0][0] and col < grids[0][1] and logits[0][0, :, row, col].max() == NEVER
            ]
            middle = (y1 + y2) / 16 - 0.5, (x1 + x2) / 16 - 0.5
            row, col = min(free, key=lambda cell: math.dist(cell, middle))
            cx, cy = (col + 0.5) * 8, (row + 0.5) * 8
            logits[0][0, THINGS.index(name), row, col] = logit(score)
            ltrb[0][0, :, row, col] = torch.tensor([cx - x1, cy - y1, x2 - cx, y2 - cy])
        area = torch.full((1, len(AREAS), *grids[0]), NEVER)
        for name, cells in self.areas.items():
            for row, col in cells:
                area[0, AREAS.index(name), row, col] = SURE
        mean = image.mean((0, 2, 3))
        pyramid = [(mean.sum() / 765 * torch.linspace(-1, 1, self.width))[None, :, None, None].expand(1, -1, h, w)
                   for h, w in grids]  # fmt: skip
        return TowerOutput(logits, ltrb, area, pyramid)
