"""What stops a run that cannot go on: numbers that are none, and rewards that judge nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remotereasoner.errors import TrainingError

__all__ = ["RewardGuard", "require_finite"]

_PATIENCE = 3


def require_finite(what: str, value: float, *, step: int, learning_rate: float, ids: Sequence[str] = ()) -> None:
    """Raises TrainingError for NaN and infinity, with the step and the samples at hand."""
    if math.isfinite(value):
        return
    samples = f" on the samples {', '.join(list(dict.fromkeys(ids))[:8])}" if ids else ""
    raise TrainingError(
        f"the run diverged: {what} is {value} at step {step + 1}{samples}, learning rate {learning_rate:g}. Nothing of "
        "this step was kept; the checkpoints before it are whole. Lower learning_rate, set max_grad_norm, or look at "
        "these samples"
    )


class RewardGuard:
    """Counts what the rewards judge.

    ``required``: the names that the user gave a weight; each must have judged something by the end of the first epoch.
    """

    def __init__(self, names: Sequence[str], required: Sequence[str]) -> None:
        self._judged = dict.fromkeys(names, 0)
        self._required = tuple(required)
        self._empty_batches = 0
        self._batches = 0

    def batch(self, judged: Sequence[int], ids: Sequence[str], *, step: int) -> None:
        """Note how many completions of a batch each reward judged. Raises TrainingError after three without any."""
        for name, count in zip(self._judged, judged, strict=True):
            self._judged[name] += count
        self._batches += 1
        self._empty_batches = 0 if any(judged) else self._empty_batches + 1
        if self._empty_batches >= _PATIENCE:
            raise TrainingError(
                f"no reward ({', '.join(self._judged)}) judged any completion of {_PATIENCE} batches in a row, at step "
                f"{step + 1}, samples {', '.join(list(dict.fromkeys(ids))[:8])}: all returned None. Choose a preset "
                "that fits the task of these samples"
            )

    def epoch(self) -> None:
        """At the end of an epoch. Raises TrainingError for a reward with a weight that has never judged anything."""
        silent = [name for name in self._required if self._judged.get(name) == 0]
        if silent and self._batches:
            raise TrainingError(
                f"the reward {silent[0]} returned None for every completion of {self._batches} batches: it cannot "
                "judge these samples. Take it out of rewards.weights, or give samples that it can judge"
            )
