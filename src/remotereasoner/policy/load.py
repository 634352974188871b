"""From one line of text to an engine: ``embedded``, ``openai:ADDRESS#MODEL``, ``hf:NAME@REVISION``, a folder, …"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remotereasoner.errors import UsageError
from remotereasoner.policy.base import Engine
from remotereasoner.policy.codec_choice import codec_by_name

__all__ = ["ENGINE_FORMS", "load_engine"]

ENGINE_FORMS: tuple[tuple[str, str], ...] = (
    ("embedded", "the model that comes with this package"),
    ("embedded:DIRECTORY", "the same with weights that were trained further"),
    ("openai:http://127.0.0.1:8000/v1#MODEL", "a server with the OpenAI chat API (vLLM, llama.cpp, Ollama, hosted)"),
    ("hf:OWNER/NAME[@REVISION]", "a checkpoint of the model hub, run by transformers"),
    ("DIRECTORY or hf:DIRECTORY", "a checkpoint on this machine, run by transformers"),
    ("vllm:OWNER/NAME[@REVISION] or vllm:DIRECTORY", "the same, run by vLLM in this process"),
    ("scripted:FILE", "the content of a text file as every answer: for tests"),
)
"""(form, meaning) of every spec that :func:`load_engine` takes."""


def load_engine(spec: str, **options: Any) -> Engine:
    """The engine that ``spec`` names; ``options`` go to its constructor (see docs/engines.md).

    Raises UsageError for a spec or an option that is not one, and what the engine itself raises: MissingExtraError,
    ModelNotFoundError, CheckpointError.
    """
    kind, separator, rest = spec.partition(":")
    if spec == "embedded":
        return _embedded(None, options)
    if separator and kind in _BUILDERS:
        if not rest:
            raise UsageError(f"the model {spec!r} names nothing after the colon. {_allowed()}")
        return _BUILDERS[kind](rest, options)
    if spec and Path(spec).is_dir():
        return _transformers(spec, options)
    raise UsageError(f"the model {spec!r} names no engine and is not a folder. {_allowed()}")


def split_revision(name: str) -> tuple[str, str | None]:
    """``OWNER/NAME@REVISION`` as (name, revision); a folder that exists is never split."""
    if Path(name).exists():
        return name, None
    model, separator, revision = name.rpartition("@")
    if not separator:
        return name, None
    if not model or not revision:
        raise UsageError(f"{name!r} should be OWNER/NAME@REVISION")
    return model, revision


def _allowed() -> str:
    return "Allowed: " + "; ".join(f"{form} ({meaning})" for form, meaning in ENGINE_FORMS)


def _build(factory: Callable[..., Engine], *arguments: Any, **options: Any) -> Engine:
    """Call the factory, first checking that it takes these options: a misspelt one is a UsageError, not a TypeError."""
    signature = inspect.signature(factory)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        taken = [name for name, p in signature.parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY]
        raise UsageError(f"{error}. This engine's options: {', '.join(taken) or 'none'}") from error
    return factory(*arguments, **options)


def _embedded(rest: str | None, options: dict[str, Any]) -> Engine:
    from remotereasoner.policy.engines.embedded import EmbeddedEngine

    named = {} if rest is None else {"weights_dir": Path(rest)}
    return _build(EmbeddedEngine, **{**named, **options})


def _openai(rest: str, options: dict[str, Any]) -> Engine:
    from remotereasoner.policy.engines.openai import OpenAIEngine

    address, _, model = rest.partition("#")
    if not address or not model:
        raise UsageError(f"'openai:{rest}' should be openai:ADDRESS#MODEL, such as {ENGINE_FORMS[2][0]}")
    return _build(OpenAIEngine, address, model, **options)


def _transformers(rest: str, options: dict[str, Any]) -> Engine:
    from remotereasoner.policy.engines.hf import TransformersEngine

    model, revision = split_revision(rest)
    named = {} if revision is None else {"revision": revision}
    return _build(TransformersEngine.from_pretrained, model, **{**named, **options})


def _vllm(rest: str, options: dict[str, Any]) -> Engine:
    from remotereasoner.policy.engines.vllm import VLLMEngine

    model, revision = split_revision(rest)
    named = {} if revision is None else {"revision": revision}
    return _build(VLLMEngine.from_pretrained, model, **{**named, **options})


def _scripted(rest: str, options: dict[str, Any]) -> Engine:
    return _build(_script_of_file, rest, **options)


def _script_of_file(path: str, *, codec: str = "pixels") -> Engine:
    from remotereasoner.policy.engines.scripted import ScriptedEngine

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the script {path!r} cannot be read: {error}") from error
    return ScriptedEngine(text, codec=codec_by_name(codec), model=path, keep_prompts=False)


_BUILDERS: dict[str, Callable[[str, dict[str, Any]], Engine]] = {
    "embedded": _embedded,
    "openai": _openai,
    "hf": _transformers,
    "vllm": _vllm,
    "scripted": _scripted,
}
