"""The supervised start: TRL's ``SFTTrainer`` on the same prompts, towards the answers of the samples."""

from __future__ import annotations

from typing import Any

from trl.trainer.sft_trainer import SFTTrainer

from remotereasoner.training.running import Run, RunTrainer

__all__ = ["SftRun"]


class SftRun(RunTrainer, SFTTrainer):
    """Supervision with greedy validation beside the loss, whole checkpoints and an exact resume."""

    def __init__(self, run: Run, **options: Any) -> None:
        self.run = run
        super().__init__(**options)
        # The Qwen-VL classes say no, so that transformers would average micro-batches instead of tokens and 1 x 4 would
        # not be 4 x 1. TRL takes the loss from log-probabilities here and divides by the number it is given.
        self.model_accepts_loss_kwargs = True

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Loss on the validation targets, and what greedy answers are worth."""
        metrics: dict[str, float] = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        greedy = self.greedy_metrics(metric_key_prefix)
        self.log_in_evaluation(greedy)
        return metrics | greedy
