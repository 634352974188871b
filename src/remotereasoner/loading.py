"""Settings to a reasoner: which setting goes where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remotereasoner.reasoner import Reasoner
    from remotereasoner.settings import Settings

__all__ = ["engine_options", "load_reasoner"]


def engine_options(settings: Settings) -> dict[str, Any]:
    """The options that are set and concern the engine of ``settings.model``; each engine keeps its own defaults.

    A device or dtype is handed to whatever runs in this process, so that an engine without that choice says so.
    """
    kind = settings.model.partition(":")[0]
    if kind == "openai":
        key = settings.api_key.get_secret_value() if settings.api_key is not None else None
        options: dict[str, Any] = {"timeout_s": settings.timeout_s, "retries": settings.retries, "api_key": key}
    else:
        options = {"device": settings.device, "dtype": settings.dtype}
        options |= {"quantization": settings.quantization, "attention": settings.attention}
        if kind == "embedded":
            options["cache_dir"] = settings.cache_dir
    options["codec"] = settings.codec
    return {name: value for name, value in options.items() if value is not None}


def load_reasoner(settings: Settings, **engine: Any) -> Reasoner:
    """``engine``: further options of the engine, which are no settings.

    Raises what :func:`~remotereasoner.policy.load.load_engine` and
    :func:`~remotereasoner.transform.load.load_segmenter` raise.
    """
    from remotereasoner.policy.base import Sampling
    from remotereasoner.policy.load import load_engine
    from remotereasoner.reasoner import Reasoner
    from remotereasoner.transform.load import load_segmenter

    sampling = Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
    )
    policy = load_engine(settings.model, **engine_options(settings), **engine)
    return Reasoner(policy, load_segmenter(settings.segmenter, device=settings.device), sampling=sampling)
