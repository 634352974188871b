"""Settings to a reasoner: which setting goes to which engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remotereasoner.reasoner import Reasoner
    from remotereasoner.settings import Settings

__all__ = ["engine_options", "load_reasoner"]


def engine_options(settings: Settings) -> dict[str, Any]:
    """The options that the engine of ``settings.model`` takes and that are set; each engine keeps its own defaults."""
    kind = settings.model.partition(":")[0]
    if kind == "openai":
        options: dict[str, Any] = {"timeout_s": settings.timeout_s, "retries": settings.retries}
        if settings.api_key is not None:
            options["api_key"] = settings.api_key.get_secret_value()
        return options
    if kind == "scripted":
        return {}
    placed = {"device": settings.device, "dtype": settings.dtype}
    return {name: value for name, value in placed.items() if value is not None}


def load_reasoner(settings: Settings) -> Reasoner:
    """Raises what :meth:`remotereasoner.reasoner.Reasoner.load` raises."""
    from remotereasoner.policy.base import Sampling
    from remotereasoner.reasoner import Reasoner

    sampling = Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
    )
    return Reasoner.load(settings.model, settings.segmenter, sampling=sampling, **engine_options(settings))
