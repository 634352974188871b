"""The supervised start: TRL's ``SFTTrainer`` on the same prompts, towards the answers of the samples."""

from __future__ import annotations

from typing import Any

from trl.trainer.sft_trainer import SFTTrainer

from remotereasoner.training.running import Run, RunTrainer
from remotereasoner.training.shared_prefix import BatchesByImage, SharedPrefixCollator

__all__ = ["SftRun"]


class SftRun(RunTrainer, SFTTrainer):
    """Supervision with greedy validation beside the loss, whole checkpoints and an exact resume."""

    def __init__(self, run: Run, **options: Any) -> None:
        self.run = run
        if not run.policy.sees_images:
            options["data_collator"] = SharedPrefixCollator(run.policy.processing_class.pad_token_id)
        super().__init__(**options)
        # The Qwen-VL classes say no, so that transformers would average micro-batches instead of tokens and 1 x 4 would
        # not be 4 x 1. TRL takes the loss from log-probabilities here and divides by the number it is given.
        self.model_accepts_loss_kwargs = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Of a policy that reads text, questions about one image come together: what they share is computed once."""
        if self.run.policy.sees_images:
            return super()._get_train_sampler(train_dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        return BatchesByImage(self.run.train_images, self._train_batch_size, seed)

    def compute_loss(self, model: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
        """TRL's. It counts tokens by the attention mask; one with rows and columns would count pairs of them."""
        seen = self._total_train_tokens
        result = super().compute_loss(model, inputs, *arguments, **named)  # type: ignore[no-untyped-call]
        if self.model.training and not self.run.policy.sees_images:
            own = inputs["attention_mask"].diagonal(dim1=-2, dim2=-1).sum()
            self._total_train_tokens = seen + int(self.accelerator.gather_for_metrics(own).sum())
            self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return result

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Loss on the validation targets, and what greedy answers are worth."""
        metrics: dict[str, float] = super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)
        greedy = self.greedy_metrics(metric_key_prefix)
        self.log_in_evaluation(greedy)
        return metrics | greedy
