"""A checkpoint run by vLLM inside this process: the fastest way through many questions on a GPU.

Written after vLLM's documentation of ``LLM``, ``LLM.generate`` and ``SamplingParams``:
https://docs.vllm.ai/en/stable/features/multimodal_inputs.html
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from remotereasoner.errors import EngineError, MissingExtraError, UsageError
from remotereasoner.policy.base import Completion, FinishReason, PolicyIdentity, Prompt, Sampling
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_families import Qwen2VLCodec, Qwen25VLCodec
from remotereasoner.policy.engines.checkpoint import inspect_checkpoint
from remotereasoner.policy.engines.hub import fetch_checkpoint
from remotereasoner.policy.engines.view import resized

__all__ = ["VLLMEngine"]


class VLLMEngine:
    """Hands all prompts to vLLM at once, which batches them itself. Build it with :meth:`from_pretrained`."""

    def __init__(
        self, llm: Any, sampling_params: Any, processor: Any, codec: CoordinateCodec, identity: PolicyIdentity
    ):
        """``llm`` is a ``vllm.LLM``, ``sampling_params`` the class ``vllm.SamplingParams``."""
        self._llm = llm
        self._sampling_params = sampling_params
        self._processor = processor
        self._codec = codec
        self._identity = identity

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        revision: str | None = None,
        dtype: str = "auto",
        quantization: str | None = None,
        tensor_parallel_size: int = 1,
        gpu_memory_utilization: float = 0.9,
        max_model_len: int | None = None,
        enforce_eager: bool = False,
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        codec: CoordinateCodec | str | None = None,
        local_files_only: bool = False,
    ) -> VLLMEngine:
        """Load a folder, or a name of the model hub at ``revision``. ``quantization`` is one of vLLM's own names.

        Only safetensors are read, and no code of the checkpoint's is run. Raises MissingExtraError without vLLM,
        ModelNotFoundError, CheckpointError, UsageError for settings, EngineError where vLLM cannot start.
        """
        if find_spec("vllm") is None:
            raise MissingExtraError("vllm", "Running a model by vLLM in this process")
        folder, commit = fetch_checkpoint(model, revision=revision, local_files_only=local_files_only)
        checkpoint = inspect_checkpoint(folder)
        processor, chosen = _processor_and_codec(folder, model, codec, min_pixels, max_pixels)
        from vllm import LLM, SamplingParams

        try:
            llm = LLM(
                model=str(folder),
                trust_remote_code=False,
                load_format="safetensors",
                dtype=dtype,
                quantization=quantization,
                tensor_parallel_size=tensor_parallel_size,
                gpu_memory_utilization=gpu_memory_utilization,
                max_model_len=max_model_len,
                enforce_eager=enforce_eager,
                limit_mm_per_prompt={"image": 1},
                seed=0,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineError(f"vLLM cannot run {model}: {error}") from error
        identity = PolicyIdentity(
            engine="vllm",
            model=model,
            revision=commit or checkpoint.digest,
            family=str(checkpoint.config.get("model_type")),
            dtype=quantization or dtype,
            device="cuda",
        )
        return cls(llm, SamplingParams, processor, chosen, identity)

    @property
    def identity(self) -> PolicyIdentity:
        return self._identity

    @property
    def codec(self) -> CoordinateCodec:
        return self._codec

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion per prompt, in order. Raises EngineError, also for a prompt longer than ``max_model_len``."""
        if not prompts:
            return []
        pictures = [self._picture(prompt) for prompt in prompts]
        requests = [
            {"prompt": self._text(prompt), "multi_modal_data": {"image": picture}}
            for prompt, picture in zip(prompts, pictures, strict=True)
        ]
        settings = [self._sampling_params(**_sampling(prompt.sampling)) for prompt in prompts]
        try:
            outputs = self._llm.generate(requests, settings, use_tqdm=False)
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"vLLM failed: {error}") from error
        return [self._read(output, picture) for output, picture in zip(outputs, pictures, strict=True)]

    def _picture(self, prompt: Prompt) -> Image.Image:
        """For the Qwen families in the size that the codec says: a fixed point of the resize that vLLM then does."""
        height, width = prompt.image.shape[:2]
        if isinstance(self._codec, Qwen25VLCodec | Qwen2VLCodec):
            height, width = self._codec.grid_hw((height, width))
        return resized(prompt.image, (height, width))

    def _text(self, prompt: Prompt) -> str:
        from remotereasoner.policy.engines.hf import chat_messages

        text = self._processor.apply_chat_template(chat_messages(prompt), add_generation_prompt=True, tokenize=False)
        return str(text)

    def _read(self, output: Any, picture: Image.Image) -> Completion:
        first = output.outputs[0]
        reason: FinishReason = "length" if first.finish_reason == "length" else "stop"
        return Completion(
            text=first.text,
            finish_reason=reason,
            grid_hw=self._codec.grid_hw((picture.height, picture.width)),
            prompt_tokens=len(output.prompt_token_ids),
            completion_tokens=len(first.token_ids),
        )


def _sampling(sampling: Sampling) -> dict[str, Any]:
    """Arguments of ``vllm.SamplingParams``. Special tokens stay in the text: some families mark boxes with them."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
        "max_tokens": sampling.max_new_tokens,
        "seed": sampling.seed,
        "skip_special_tokens": False,
    }


def _processor_and_codec(
    folder: Path, model: str, codec: CoordinateCodec | str | None, min_pixels: int | None, max_pixels: int | None
) -> tuple[Any, CoordinateCodec]:
    """The checkpoint's processor, for its chat template, and the codec with the limits asked for.

    The limits must lie inside the checkpoint's own, which vLLM applies again.
    """
    from remotereasoner.policy.engines.hf import codec_of
    from remotereasoner.policy.engines.hf_processor import load_config, load_processor

    config = load_config(folder)
    stock = codec_of(codec, model, config.to_dict(), load_processor(folder, config).image_processor.to_dict())
    processor = load_processor(folder, config, min_pixels=min_pixels, max_pixels=max_pixels)
    chosen = codec_of(codec, model, config.to_dict(), processor.image_processor.to_dict())
    if (
        isinstance(stock, Qwen25VLCodec | Qwen2VLCodec)
        and isinstance(chosen, Qwen25VLCodec | Qwen2VLCodec)
        and not stock.min_pixels <= chosen.min_pixels <= chosen.max_pixels <= stock.max_pixels
    ):
        raise UsageError(
            "with vLLM, min_pixels and max_pixels must lie within the checkpoint's own: "
            f"{stock.min_pixels} to {stock.max_pixels}"
        )
    return processor, chosen
