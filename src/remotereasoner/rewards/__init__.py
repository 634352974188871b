"""Rewards: what an answer earns, in the signature that TRL calls. They judge the answer, never the way to it.

Every reward is a small frozen callable ``(prompts, completions, **columns) -> list[float | None]`` with a ``__name__``,
in [0, 1]; None where it cannot judge. :func:`~remotereasoner.rewards.presets.build_rewards` puts them together.
"""
