"""Without vLLM and a GPU only the wiring can be shown; the last test runs where both are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remotereasoner.errors import EngineError, MissingExtraError, UsageError
from remotereasoner.policy.base import PolicyIdentity, Prompt, Sampling
from remotereasoner.policy.codec_families import Qwen25VLCodec
from remotereasoner.policy.engines.vllm import VLLMEngine, _processor_and_codec
from remotereasoner.policy.prompts import build_prompt

SIZES = [(60, 90), (512, 300)]


@dataclass
class Output:
    """The fields of ``vllm.RequestOutput`` and its first ``CompletionOutput`` that the engine reads."""

    text: str
    finish_reason: str
    token_ids: list[int]
    prompt_token_ids: list[int] = field(default_factory=lambda: [1, 2, 3])

    @property
    def outputs(self) -> list[Output]:
        return [self]


class Recorder:
    """Keeps what ``LLM.generate`` is given."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.settings: list[dict[str, Any]] = []

    def generate(self, prompts: list[Any], sampling_params: list[Any], *, use_tqdm: bool) -> list[Output]:
        assert use_tqdm is False and len(prompts) == len(sampling_params)
        if any("too long" in prompt["prompt"] for prompt in prompts):
            raise ValueError("The decoder prompt is longer than the maximum model length")
        self.requests, self.settings = prompts, sampling_params
        replies = [Output("<answer>[]</answer>", "stop", [4]), Output("<think>", "length", [4, 5])]
        return replies[: len(prompts)]


@pytest.fixture
def engine(tiny_qwen25: Path) -> VLLMEngine:
    processor, codec = _processor_and_codec(tiny_qwen25, "tiny-qwen2.5-vl", None, None, 50_176)
    return VLLMEngine(Recorder(), dict, processor, codec, PolicyIdentity(engine="vllm", model="tiny"))


def prompts_for(engine: VLLMEngine, question: str = "where?") -> list[Prompt]:
    sampling = Sampling(temperature=0.0, top_p=0.5, max_new_tokens=9, seed=3)
    return [
        build_prompt("locate", question, np.zeros((*hw, 3), np.uint8), engine.codec, sampling=sampling) for hw in SIZES
    ]


def test_requests_and_answers(engine: VLLMEngine) -> None:
    completions = engine.generate(prompts_for(engine))
    assert [(c.text, c.finish_reason) for c in completions] == [("<answer>[]</answer>", "stop"), ("<think>", "length")]
    assert [(c.prompt_tokens, c.completion_tokens) for c in completions] == [(3, 1), (3, 2)]
    assert [c.grid_hw for c in completions] == [engine.codec.grid_hw(hw) for hw in SIZES]
    recorder = engine._llm
    for request, completion in zip(recorder.requests, completions, strict=True):
        picture = request["multi_modal_data"]["image"]
        assert (picture.height, picture.width) == completion.grid_hw  # vLLM has nothing left to resize
        assert Qwen25VLCodec(max_pixels=100_352).grid_hw(completion.grid_hw) == completion.grid_hw
        assert request["prompt"].count("<|image_pad|>") == 1 and "where?" in request["prompt"]
    expected = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 9, "seed": 3, "skip_special_tokens": False}
    assert recorder.settings == [expected] * 2
    assert engine.generate([]) == [] and engine.identity.engine == "vllm"


def test_failures_are_engine_errors(engine: VLLMEngine) -> None:
    with pytest.raises(EngineError, match="maximum model length"):
        engine.generate(prompts_for(engine, "too long"))


def test_limits_outside_the_checkpoints(tiny_qwen25: Path) -> None:
    with pytest.raises(UsageError, match="3136 to 100352"):
        _processor_and_codec(tiny_qwen25, "tiny-qwen2.5-vl", None, None, 200_704)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_missing_extra_is_named(tiny_qwen25: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[vllm\]"):
        VLLMEngine.from_pretrained(str(tiny_qwen25))


@pytest.mark.gpu
@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
def test_same_answers_as_transformers(tiny_qwen25: Path) -> None:
    from remotereasoner.policy.engines.hf import TransformersEngine

    engine = VLLMEngine.from_pretrained(str(tiny_qwen25), dtype="float32", max_model_len=2048, enforce_eager=True)
    reference = TransformersEngine.from_pretrained(str(tiny_qwen25), device="cuda:0", dtype="float32")
    assert engine.codec == reference.codec
    for ours, theirs in zip(engine.generate(prompts_for(engine)), reference.generate(prompts_for(engine)), strict=True):
        assert ours.prompt_tokens == theirs.prompt_tokens and ours.grid_hw == theirs.grid_hw
        assert ours.text[:3] == theirs.text[:3]
