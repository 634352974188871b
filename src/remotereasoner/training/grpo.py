# ruff: noqa: ARG002 - the signatures are the trainer's
"""Learning by reward: TRL's ``GRPOTrainer`` on our samples, prompts and rewards."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import RepeatSampler

from remotereasoner.errors import TrainingError
from remotereasoner.training.greedy import end_token_ids
from remotereasoner.training.judge import reward_rows
from remotereasoner.training.running import Run, RunTrainer
from remotereasoner.training.shared_prompt import completion_log_probs, generate_in_groups, group_size
from remotereasoner.training.view import STATUSES, Shown

__all__ = ["GrpoRun"]

_SHOWN = 4


class _EpochSampler(RepeatSampler):
    """TRL's sampler with an order that depends on the epoch alone: TRL's own restarts with the first when resumed."""

    def __init__(self, trainer: Any, **options: Any) -> None:
        super().__init__(**options)
        self._trainer = trainer

    def __iter__(self) -> Iterator[int]:
        epoch = math.floor((self._trainer.state.epoch or 0.0) + 1e-6)
        if self.shuffle:
            self.generator.manual_seed(int(self.seed or 0) + epoch)
        order: Iterator[int] = super().__iter__()  # type: ignore[no-untyped-call]
        return order


def _end(ids: list[int], ends: list[int]) -> int:
    """Behind the first token that ends an answer."""
    return next((place + 1 for place, token in enumerate(ids) if token in ends), len(ids))


class GrpoRun(RunTrainer, GRPOTrainer):
    """GRPO with statuses in the logs, greedy validation, whole checkpoints and an exact resume."""

    def __init__(self, run: Run, **options: Any) -> None:
        self.run = run
        super().__init__(**options)
        self._ends = end_token_ids(self.model, self._tokenizer)

    def _get_train_sampler(self, dataset: Any = None) -> _EpochSampler:
        return _EpochSampler(
            self,
            data_source=self.train_dataset if dataset is None else dataset,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.num_iterations * self.args.steps_per_generation,
            shuffle=self.shuffle_dataset,
            seed=self.args.seed,
        )

    def _generate_single_turn(self, prompt_ids: Any, *arguments: Any, **named: Any) -> Any:
        try:
            if self._shares_prompts(size := group_size(prompt_ids)):
                return self._generate_shared(prompt_ids, size), None
            return super()._generate_single_turn(prompt_ids, *arguments, **named)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "probability tensor contains" not in str(error):
                raise
            raise TrainingError(
                f"the run diverged: the model gives no numbers to draw from at step {self.state.global_step + 1}: its "
                "weights are nan or inf. The checkpoints before are whole. Lower learning_rate"
            ) from error

    def _shares_prompts(self, size: int) -> bool:
        """Of a policy that reads text only the prompt is computed once for its completions.

        Not where activations are checkpointed: layers that are computed again keep no keys and values.
        """
        plain = not (self.run.policy.sees_images or self.use_vllm or self.use_transformers_continuous_batching)
        keeps = not self.model.is_gradient_checkpointing
        return plain and keeps and size > 1 and self.accelerator.num_processes == 1

    def _generate_shared(self, prompt_ids: list[list[int]], size: int) -> list[list[int]]:
        longest = max(len(ids) for ids in prompt_ids)
        inputs = {
            "input_ids": torch.full((len(prompt_ids), longest), self._tokenizer.pad_token_id),
            "attention_mask": torch.zeros((len(prompt_ids), longest), dtype=torch.long),
        }
        for row, ids in enumerate(prompt_ids):
            inputs["input_ids"][row, longest - len(ids) :] = torch.tensor(ids)
            inputs["attention_mask"][row, longest - len(ids) :] = 1
        inputs = {name: value.to(self.accelerator.device) for name, value in inputs.items()}
        with torch.no_grad():
            written = generate_in_groups(self.model, inputs, size, generation_config=self.generation_config)
        completions: list[list[int]] = written[:, longest:].tolist()
        return [ids[: _end(ids, self._ends)] for ids in completions]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        *arguments: Any,
        **named: Any,
    ) -> Any:
        if not self._shares_prompts(self.num_generations or 1):
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *arguments, **named
            )
        with self.accelerator.autocast():  # the trainer has shuffled the rows
            found = completion_log_probs(model, input_ids, attention_mask, logits_to_keep, self.temperature)
        return *found, None

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: Any, completions: Any, completion_ids_list: list[list[int]]
    ) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(
            reward_rows(inputs), prompts, completions, completion_ids_list
        )
        ids = [str(row["id"]) for row in inputs]
        self.run.guard.batch((~torch.isnan(rewards)).sum(dim=0).tolist(), ids, step=self.state.global_step)
        statuses = [
            self.run.judge.status(row, completion[0]["content"], truncated=not written or written[-1] not in self._ends)
            for row, completion, written in zip(inputs, completions, completion_ids_list, strict=True)
        ]
        self._note_statuses(statuses)
        self._note_examples(inputs, completions, statuses, rewards)
        return rewards

    def _note_statuses(self, statuses: list[str]) -> None:
        mode = "train" if self.model.training else "eval"
        counted = Counter(statuses)
        counts = torch.tensor([[float(counted[status]) for status in STATUSES]], device=self.accelerator.device)
        shares = self.accelerator.gather(counts).sum(dim=0)
        for status, share in zip(STATUSES, (shares / shares.sum()).tolist(), strict=True):
            self._metrics[mode][f"status/{status}"].append(share)

    def _note_examples(
        self, inputs: list[dict[str, Any]], completions: Any, statuses: list[str], rewards: torch.Tensor
    ) -> None:
        weights = self.reward_weights.to(rewards.device)
        first = self.accelerator.process_index * len(inputs)
        totals = torch.nansum(rewards * weights, dim=1)[first : first + _SHOWN].tolist()
        self.run.examples[:] = [
            Shown(str(row["id"]), str(row["query"]), completion[0]["content"], status, total)
            for row, completion, status, total in zip(inputs, completions, statuses, totals, strict=False)
        ]

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Any = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Greedy answers in place of TRL's sampled ones."""
        metrics = self.greedy_metrics(metric_key_prefix)
        self.log_in_evaluation(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics
