"""Any checkpoint that ``AutoModelForImageTextToText`` knows, in this process, by transformers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, cast

from remotereasoner.errors import CheckpointError, EngineError, MissingExtraError, UsageError
from remotereasoner.policy.base import Completion, FinishReason, PolicyIdentity, Prompt, Sampling
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_choice import codec_by_name, codec_for_model_name, codec_from_config
from remotereasoner.policy.engines.hub import fetch_checkpoint
from remotereasoner.policy.engines.view import resized

try:
    import torch
    from transformers import GenerationConfig
    from transformers.utils import logging as transformers_logging

    from remotereasoner.policy.engines.hf_model import load_model
    from remotereasoner.policy.engines.hf_processor import load_processor
except ModuleNotFoundError as error:
    raise MissingExtraError("hf", "Running a checkpoint with transformers") from error

__all__ = [
    "Attention",
    "Quantization",
    "TransformersEngine",
    "chat_messages",
    "codec_of",
    "eos_ids",
    "quiet_unless_watched",
]

Quantization = Literal["8bit", "4bit"]
Attention = Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"]

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_QUANTIZATIONS = (None, "8bit", "4bit")
_ATTENTIONS = (None, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")


@dataclass(frozen=True)
class _Parts:
    """What answers: a model with its processor, and what is known about them."""

    model: Any
    processor: Any
    codec: CoordinateCodec
    identity: PolicyIdentity
    eos_ids: frozenset[int]


class TransformersEngine:
    """Runs a checkpoint in batches. Build it with :meth:`from_pretrained`."""

    def __init__(self, parts: _Parts, *, batch_size: int) -> None:
        self._parts = parts
        self._batch_size = batch_size

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        revision: str | None = None,
        dtype: str = "auto",
        device: str = "auto",
        quantization: Quantization | None = None,
        attention: Attention | None = None,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        codec: CoordinateCodec | str | None = None,
        local_files_only: bool = False,
        batch_size: int = 4,
    ) -> TransformersEngine:
        """Load a folder, or a name of the model hub at ``revision``.

        ``device`` is ``auto`` (an accelerator where there is one), ``split`` (over all of them), ``cpu``, ``cuda:1``, …
        ``codec`` is needed only for families whose coordinates are not known from their configuration. Only safetensors
        are read, and no code of the checkpoint's is ever run. Raises UsageError for settings, ModelNotFoundError,
        CheckpointError for a checkpoint that is refused, MissingExtraError without bitsandbytes for quantisation.
        """
        _check("dtype", dtype, _DTYPES)
        _check("quantization", quantization, _QUANTIZATIONS)
        _check("attention", attention, _ATTENTIONS)
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; it must be 1 or more")
        folder, commit = fetch_checkpoint(model, revision=revision, local_files_only=local_files_only)
        with quiet_unless_watched():
            loaded = load_model(folder, dtype=dtype, device=device, quantization=quantization, attention=attention)
            processor = load_processor(folder, loaded.model.config, min_pixels=min_pixels, max_pixels=max_pixels)
        chosen = codec_of(codec, model, loaded.model.config.to_dict(), processor.image_processor.to_dict())
        parameter = next(loaded.model.parameters())
        identity = PolicyIdentity(
            engine="transformers",
            model=model,
            revision=commit or loaded.digest,
            family=str(loaded.model.config.model_type),
            dtype=quantization or str(parameter.dtype).removeprefix("torch."),
            device=str(parameter.device),
        )
        ends = eos_ids(loaded.model, processor.tokenizer)
        loaded.model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]  # generate() would mix it in
        return cls(_Parts(loaded.model, processor, chosen, identity, ends), batch_size=batch_size)

    @property
    def identity(self) -> PolicyIdentity:
        return self._parts.identity

    @property
    def codec(self) -> CoordinateCodec:
        return self._parts.codec

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion per prompt, in order, in batches of neighbours that are sampled alike.

        Prompts with a seed are drawn one by one, so that what they give does not depend on their neighbours. Raises
        EngineError, also when memory runs out.
        """
        completions: list[Completion] = []
        for sampling, group in groupby(prompts, key=lambda prompt: prompt.sampling):
            alike = list(group)
            size = 1 if sampling.temperature > 0 and sampling.seed is not None else self._batch_size
            for start in range(0, len(alike), size):
                completions.extend(self._batch(alike[start : start + size], sampling))
        return completions

    def _batch(self, prompts: list[Prompt], sampling: Sampling) -> list[Completion]:
        started = time.perf_counter()
        try:
            inputs = self._inputs(prompts)
            sequences = self._sequences(inputs, sampling)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"out of memory for {len(prompts)} prompts at once: lower batch_size or max_pixels, or use quantization"
            ) from error
        except RuntimeError as error:
            raise EngineError(f"the model failed: {error}") from error
        seconds = (time.perf_counter() - started) / len(prompts)
        grids = self._grids(inputs, prompts)
        prompt_lengths = inputs["attention_mask"].sum(dim=1).tolist()
        completions = []
        for ids, grid_hw, read in zip(sequences, grids, prompt_lengths, strict=True):
            text, reason, written = self._read(ids)
            completions.append(Completion(text, reason, grid_hw, int(read), written, seconds=seconds))
        return completions

    def _inputs(self, prompts: list[Prompt]) -> dict[str, torch.Tensor]:
        """Tensors of one batch: everything that the processor gives, ``mm_token_type_ids`` included."""
        processor = self._parts.processor
        texts, pictures = [], []
        for prompt in prompts:
            texts.append(
                processor.apply_chat_template(chat_messages(prompt), add_generation_prompt=True, tokenize=False)
            )
            height, width = prompt.image.shape[:2]
            pictures.append([resized(prompt.image, (height, width))])
        batch = processor(text=texts, images=pictures, padding=True, return_tensors="pt")
        return cast("dict[str, torch.Tensor]", dict(batch.to(self._parts.model.device)))

    def _sequences(self, inputs: dict[str, torch.Tensor], sampling: Sampling) -> list[list[int]]:
        """The new token ids of every prompt, padding included."""
        model = self._parts.model
        floating = {
            name: value.to(model.dtype) if value.is_floating_point() else value for name, value in inputs.items()
        }
        devices = [model.device] if model.device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=devices, enabled=sampling.seed is not None):
            if sampling.seed is not None:
                torch.manual_seed(sampling.seed)
            output = model.generate(**floating, generation_config=self._generation_config(sampling))
        return cast("list[list[int]]", output[:, inputs["input_ids"].shape[1] :].tolist())

    def _generation_config(self, sampling: Sampling) -> GenerationConfig:
        """Ours alone: what a checkpoint ships (a repetition penalty, say) changes coordinates."""
        tokenizer = self._parts.processor.tokenizer
        drawn: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        return GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=sorted(self._parts.eos_ids),
            pad_token_id=tokenizer.pad_token_id,
            **drawn,
        )

    def _grids(self, inputs: dict[str, torch.Tensor], prompts: list[Prompt]) -> list[tuple[int, int]]:
        """(height, width) of each image as the model saw it: counted in patches where the processor tells."""
        image_processor = self._parts.processor.image_processor
        thw = inputs.get("image_grid_thw")
        if thw is None:
            return [self.codec.grid_hw((prompt.image.shape[0], prompt.image.shape[1])) for prompt in prompts]
        patch = int(image_processor.patch_size)
        return [(int(height) * patch, int(width) * patch) for _, height, width in thw.tolist()]

    def _read(self, ids: list[int]) -> tuple[str, FinishReason, int]:
        """Text up to the first end token, why it ended there, and the number of tokens, the end token counted.

        Special tokens stay: some families mark boxes with them.
        """
        end = next((position for position, token in enumerate(ids) if token in self._parts.eos_ids), None)
        text = self._parts.processor.tokenizer.decode(
            ids if end is None else ids[:end], skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return (text, "length", len(ids)) if end is None else (text, "stop", end + 1)


def _check(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; allowed: {', '.join(str(choice) for choice in allowed)}")


def chat_messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The prompt as the conversation that chat templates take: the image first."""
    user = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt.user}]}
    if not prompt.system:
        return [user]
    return [{"role": "system", "content": [{"type": "text", "text": prompt.system}]}, user]


def codec_of(
    asked: CoordinateCodec | str | None, model: str, config: dict[str, Any], image_settings: dict[str, Any]
) -> CoordinateCodec:
    """From the checkpoint's configuration; the wording (``style``) from the name asked for, or the model's."""
    if asked is not None and not isinstance(asked, str):
        return asked
    named = codec_for_model_name(model) if asked is None else codec_by_name(asked)
    try:
        read = codec_from_config(config, image_settings)
    except CheckpointError:
        if asked is None or named is None:
            raise
        return named
    if named is not None and type(named) is type(read):
        return cast("CoordinateCodec", replace(cast("Any", read), style=named.style))
    return read if asked is None or named is None else named


def eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer, from the generation settings and the tokenizer."""
    found: set[int] = set()
    for value in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        if isinstance(value, int):
            found.add(value)
        elif value is not None:
            found.update(int(token) for token in value)
    if not found:
        raise CheckpointError("the checkpoint names no end token (eos_token_id), so no answer would ever end")
    return frozenset(found)


@contextmanager
def quiet_unless_watched() -> Iterator[None]:
    """No progress bars where nobody is looking."""
    shown = transformers_logging.is_progress_bar_enabled() and not sys.stderr.isatty()
    if shown:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
