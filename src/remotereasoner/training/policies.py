"""What learns: a model, what turns text and images into its inputs, and how a sample becomes a row of TRL's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from remotereasoner.data.samples import Sample
from remotereasoner.errors import UsageError
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_families import Qwen2VLCodec, Qwen25VLCodec
from remotereasoner.policy.engines.hf import codec_of, eos_ids
from remotereasoner.policy.engines.hf_model import load_model
from remotereasoner.policy.engines.hf_processor import load_processor
from remotereasoner.policy.engines.hub import fetch_checkpoint
from remotereasoner.policy.engines.view import resized
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import prompt_texts
from remotereasoner.training.config import ModelConfig, TrainConfig
from remotereasoner.training.data_sets import Row, sample_pixels
from remotereasoner.training.options import LANGUAGE_LINEARS
from remotereasoner.training.targets import target_text

__all__ = ["ImageRows", "TrainablePolicy", "answer_of_row", "load_trainable", "reward_columns"]


@dataclass(frozen=True, eq=False)
class TrainablePolicy:
    """A policy that can be trained."""

    model: Any
    processing_class: Any
    """A processor, or a tokenizer for prompts of text only."""
    codec: CoordinateCodec
    make_row: Callable[[Sample, Path], Row]
    """A sample and the folder of its images to TRL's row: ``prompt`` (messages), ``image`` for policies that see, and
    the columns of the rewards."""
    make_target: Callable[[Sample, Path], str]
    """The completion that supervision trains towards."""
    family: str
    base: Path
    """The checkpoint's folder on this machine."""
    digest: str
    """Commit or sha256 of the weights before training."""
    lora_targets: str = LANGUAGE_LINEARS

    @property
    def sees_images(self) -> bool:
        return hasattr(self.processing_class, "image_processor")


def load_trainable(config: TrainConfig) -> TrainablePolicy:
    """Load what ``config.model`` names, its weights unplaced: the trainer moves or shards them.

    Raises UsageError, ModelNotFoundError, CheckpointError.
    """
    if config.model.name == "embedded":
        from remotereasoner.training.nano.policy import load_embedded

        return load_embedded(config.model)
    return _load_checkpoint(config.model)


def _load_checkpoint(config: ModelConfig) -> TrainablePolicy:
    """Any checkpoint of ``AutoModelForImageTextToText`` whose coordinates are known."""
    folder, commit = fetch_checkpoint(config.name, revision=config.revision, local_files_only=config.local_files_only)
    loaded = load_model(folder, dtype=config.dtype, device=None, quantization=None, attention=config.attention)
    processor = load_processor(folder, loaded.model.config, min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    codec = codec_of(config.codec, config.name, loaded.model.config.to_dict(), processor.image_processor.to_dict())
    ends = eos_ids(loaded.model, processor.tokenizer)
    settings: Any = GenerationConfig  # a checkpoint's own sampling must not leak into the rollouts
    loaded.model.generation_config = settings(eos_token_id=sorted(ends), pad_token_id=processor.tokenizer.pad_token_id)
    _freeze(loaded.model, config.freeze)
    rows = ImageRows(codec)
    return TrainablePolicy(
        model=loaded.model,
        processing_class=processor,
        codec=codec,
        make_row=rows.row,
        make_target=rows.target,
        family=str(loaded.model.config.model_type),
        base=folder,
        digest=commit or loaded.digest,
    )


def _freeze(model: torch.nn.Module, patterns: tuple[str, ...]) -> None:
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        try:
            found = {name for name in names if re.search(pattern, name)}
        except re.error as error:
            raise UsageError(f"model.freeze: {pattern!r} is no regular expression: {error}") from error
        if not found:
            raise UsageError(f"model.freeze: no parameter's name contains {pattern!r}; they look like {names[0]}")
        for name, parameter in model.named_parameters():
            if name in found:
                parameter.requires_grad_(False)


@dataclass(frozen=True)
class ImageRows:
    """Rows of a policy that is shown the image: the same prompt and the same view of it as in inference."""

    codec: CoordinateCodec

    def row(self, sample: Sample, root: Path) -> Row:
        """Prompt, image and reward columns. Raises SampleError, CoordinateError, UsageError.

        For families whose processor resizes to whole patches the image is already resized to exactly that size, which
        the processor then leaves alone: whatever draws completions, with pixel limits of its own, sees the same.
        """
        pixels = sample_pixels(root, sample)
        image_hw = (pixels.shape[0], pixels.shape[1])
        grid_hw = self.codec.grid_hw(image_hw)
        instruction = self.codec.instruction(grid_hw) if sample.task == "locate" else ""
        system, user = prompt_texts(sample.task, sample.query, style=self.codec.style, instruction=instruction)
        messages = [{"role": "system", "content": system}] if system else []
        view_hw = grid_hw if isinstance(self.codec, Qwen25VLCodec | Qwen2VLCodec) else image_hw
        return {
            "prompt": [*messages, {"role": "user", "content": user}],
            "image": resized(pixels, view_hw),
            **reward_columns(sample, image_hw, grid_hw),
        }

    def target(self, sample: Sample, root: Path) -> str:
        pixels = sample_pixels(root, sample)
        return target_text(sample, self.codec, (pixels.shape[0], pixels.shape[1]))


def reward_columns(sample: Sample, image_hw: tuple[int, int], grid_hw: tuple[int, int]) -> Row:
    """What the rewards know of a sample, beside its completion."""
    return {
        "id": sample.id,
        "task": sample.task,
        "query": sample.query,
        "boxes": [list(box) for box in sample.boxes],
        "answers": list(sample.answers),
        "polygons": sample.polygons,
        "mask": sample.mask,
        "image_path": sample.image,
        "image_hw": image_hw,
        "grid_hw": grid_hw,
        "kind": sample.kind,
    }


def answer_of_row(text: str, row: Row, codec: CoordinateCodec, *, truncated: bool) -> Answer:
    """The completion of a row, read as in inference, in pixels of the image."""
    completion = Completion(
        text=text,
        finish_reason="length" if truncated else "stop",
        grid_hw=row["grid_hw"],
        references=tuple(row.get("references", ())),
    )
    return parse_completion(completion, task=row["task"], codec=codec, image_hw=row["image_hw"])
