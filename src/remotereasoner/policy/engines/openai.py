"""Any server with the OpenAI chat API: vLLM, llama.cpp, Ollama, LM Studio, hosted models."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Literal, Self

from remotereasoner.errors import EngineError, UsageError
from remotereasoner.plain_text import well_formed
from remotereasoner.policy.base import Completion, FinishReason, PolicyIdentity, Prompt
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_choice import CODEC_NAMES, codec_by_name, codec_for_model_name
from remotereasoner.policy.codec_families import Qwen25VLCodec
from remotereasoner.policy.engines.transport import JsonClient, RetryPolicy, is_loopback
from remotereasoner.policy.engines.view import ImageFormat, data_url, resized, view_hw

__all__ = ["KEY_VARIABLE", "SAFE_MAX_PIXELS", "OpenAIEngine"]

KEY_VARIABLE = "REMOTEREASONER_API_KEY"
"""Read where no key is given. OPENAI_API_KEY is read only where it is named, or for OpenAI's own address."""

SAFE_MAX_PIXELS = 1_003_520
"""28² · 1280: the smallest limit of the servers we know of (Ollama; the transformers class default). An image within it
is resized by none of them, which a family that writes absolute pixels needs."""

_OPENAI_ADDRESS = "https://api.openai.com/"
_PROTECTED = frozenset({"model", "messages", "stream"})


class OpenAIEngine:
    """Sends every prompt as one chat request, the image inline; never an address for the server to fetch.

    ``codec`` is a codec or the name of one; by default it follows from the model's name. A family that writes absolute
    pixels gets the image in exactly the size that its processor would choose under ``max_pixels``, which must not be
    above the server's own limit; the others get it as it is, no side over ``max_side`` pixels.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        api_key_env: str | None = None,
        allow_plain_http_key: bool = False,
        codec: CoordinateCodec | str | None = None,
        timeout_s: float = 180.0,
        retries: int = 4,
        concurrency: int = 4,
        image_format: ImageFormat = "png",
        max_pixels: int = SAFE_MAX_PIXELS,
        max_side: int = 2048,
        max_response_bytes: int = 8 * 2**20,
        limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        extra_body: Mapping[str, Any] | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        """Raises UsageError for settings that cannot work, MissingExtraError without httpx. Connects to nothing yet."""
        if not model:
            raise UsageError("the OpenAI engine needs a model name: the one under which the server offers it")
        if image_format not in ("png", "jpeg"):
            raise UsageError(f"image_format is {image_format!r}; allowed: png, jpeg")
        for name, value in (
            ("timeout_s", timeout_s),
            ("concurrency", concurrency),
            ("max_pixels", max_pixels),
            ("max_side", max_side),
            ("max_response_bytes", max_response_bytes),
        ):
            if not value > 0:
                raise UsageError(f"{name} is {value}; it must be above 0")
        if retries < 0:
            raise UsageError(f"retries is {retries}; it must be 0 or more")
        if extra_body and _PROTECTED & extra_body.keys():
            raise UsageError(f"extra_body may not set {', '.join(sorted(_PROTECTED & extra_body.keys()))}")
        self._codec = _codec_of(codec, model, max_pixels)
        self._model = model
        self._concurrency = concurrency
        self._image_format: ImageFormat = image_format
        self._max_side = max_side
        self._limit_field = limit_field
        self._extra_body = dict(extra_body or {})
        key = _key(base_url, api_key, api_key_env)
        self._client = JsonClient(
            base_url,
            api_key=key,
            timeout_s=timeout_s,
            retry=retry_policy or RetryPolicy(retries=retries),
            max_response_bytes=max_response_bytes,
            connections=concurrency,
        )
        plain = self._client.base_url.startswith("http://") and not is_loopback(self._client.base_url)
        if key is not None and plain and not allow_plain_http_key:
            self._client.close()
            raise UsageError(
                "an API key would travel unencrypted: use https, or allow_plain_http_key on a network you trust"
            )

    def __repr__(self) -> str:
        return f"OpenAIEngine({self._client.base_url!r}, {self._model!r}, codec={self._codec.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def identity(self) -> PolicyIdentity:
        return PolicyIdentity(engine="openai", model=self._model, family=self._codec.name)

    @property
    def codec(self) -> CoordinateCodec:
        return self._codec

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion per prompt, in order, at most ``concurrency`` requests at a time.

        Raises the EngineError of the first prompt that failed; the requests not yet sent are then dropped.
        """
        if not prompts:
            return []
        failed = threading.Event()
        with ThreadPoolExecutor(max_workers=min(self._concurrency, len(prompts))) as pool:
            futures: list[Future[Completion]] = [pool.submit(self._ask, prompt, failed) for prompt in prompts]
            done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
            first = next((f for f in futures if f in done and f.exception() is not None), None)
            if first is not None:
                failed.set()
                for future in waiting:
                    future.cancel()
                first.result()  # raises
            return [future.result() for future in futures]

    def _ask(self, prompt: Prompt, failed: threading.Event) -> Completion:
        started = time.perf_counter()
        height, width = prompt.image.shape[:2]
        seen_hw = view_hw(self._codec, (height, width), max_side=self._max_side)
        answer = self._client.post("/chat/completions", self._body(prompt, seen_hw), cancelled=failed)
        text, reason, prompt_tokens, completion_tokens = _read_answer(answer, limit=prompt.sampling.max_new_tokens)
        return Completion(
            text=text,
            finish_reason=reason,
            grid_hw=self._codec.grid_hw(seen_hw),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            seconds=time.perf_counter() - started,
        )

    def _body(self, prompt: Prompt, seen_hw: tuple[int, int]) -> dict[str, Any]:
        picture = data_url(resized(prompt.image, seen_hw), self._image_format)
        messages: list[dict[str, Any]] = [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": picture}},
                    {"type": "text", "text": prompt.user},
                ],
            }
        ]
        if prompt.system:
            messages.insert(0, {"role": "system", "content": prompt.system})
        sampling = prompt.sampling
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self._limit_field: sampling.max_new_tokens,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        for name, value in self._extra_body.items():
            if value is None:  # e.g. {"temperature": None} for hosted models that refuse the field
                body.pop(name, None)
            else:
                body[name] = value
        return body


def _codec_of(codec: CoordinateCodec | str | None, model: str, max_pixels: int) -> CoordinateCodec:
    """The codec given as it is; one chosen by name with the pixel limit of this engine."""
    if codec is not None and not isinstance(codec, str):
        return codec
    chosen = codec_for_model_name(model) if codec is None else codec_by_name(codec)
    if chosen is None:
        raise UsageError(f"how {model!r} writes coordinates is not known: set codec to one of {', '.join(CODEC_NAMES)}")
    if isinstance(chosen, Qwen25VLCodec):
        return dataclasses.replace(chosen, max_pixels=max_pixels)
    return chosen


def _key(base_url: str, api_key: str | None, api_key_env: str | None) -> str | None:
    """The key for this address, or None. A variable that the user names must be set."""
    if api_key is not None and api_key_env is not None:
        raise UsageError("give api_key or api_key_env, not both")
    if api_key_env is not None:
        api_key = os.environ.get(api_key_env)
        if not api_key:
            raise UsageError(f"the environment variable {api_key_env}, named for the API key, is not set")
    if api_key is None:
        api_key = os.environ.get(KEY_VARIABLE) or None
    if api_key is None and base_url.startswith(_OPENAI_ADDRESS):
        api_key = os.environ.get("OPENAI_API_KEY") or None
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise UsageError("the API key holds characters that cannot be in one (a line end?); its value is not shown")
    return api_key


def _read_answer(answer: Mapping[str, Any], *, limit: int) -> tuple[str, FinishReason, int | None, int | None]:
    """Text, reason, prompt tokens and completion tokens of a chat completion. Raises EngineError for anything else."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise EngineError("the server's answer has no choices[0].message: is it an OpenAI-compatible chat API?")
    usage = answer.get("usage")
    prompt_tokens = _count(usage, "prompt_tokens")
    completion_tokens = _count(usage, "completion_tokens")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return refusal, "refusal", prompt_tokens, completion_tokens
    reason = _finish_reason(choice.get("finish_reason"), completion_tokens, limit)
    return _text(message), reason, prompt_tokens, completion_tokens


def _finish_reason(word: object, completion_tokens: int | None, limit: int) -> FinishReason:
    if word == "content_filter":
        return "refusal"
    if word in ("length", "max_tokens"):
        return "length"
    if word is None and completion_tokens is not None and completion_tokens >= limit:
        return "length"  # some servers leave the field out
    return "stop"


def _text(message: Mapping[str, Any]) -> str:
    """The content; a reasoning that the server took out of it goes back in front, in the tags that it had."""
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        content = "".join(part for part in parts if isinstance(part, str))
    text = content if isinstance(content, str) else ""
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and reasoning and "</think>" not in text:
        text = f"<think>{reasoning}</think>{text}"
    return well_formed(text)


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
