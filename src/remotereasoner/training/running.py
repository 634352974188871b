# ruff: noqa: ARG002 - the signatures are the trainer's
"""What both trainers share: whole checkpoints, greedy validation, and the stops of a run that cannot go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate.utils import is_peft_model
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from remotereasoner.policy.engines.hf_model import load_model
from remotereasoner.training.checkpoints import (
    MANIFEST_NAME,
    checkpoint_path,
    publish,
    remove_old,
    staging_path,
)
from remotereasoner.training.data_sets import Row
from remotereasoner.training.greedy import Drawn, greedy_answers
from remotereasoner.training.guard import RewardGuard, require_finite
from remotereasoner.training.judge import Judge
from remotereasoner.training.manifest import Manifest
from remotereasoner.training.policies import TrainablePolicy
from remotereasoner.training.view import Shown

__all__ = ["EpochGuard", "Run", "RunTrainer"]

_SHOWN = 4


@dataclass(eq=False)
class Run:
    """What a trainer knows beside TRL's arguments."""

    policy: TrainablePolicy
    manifest: Manifest
    judge: Judge
    val_judge: Judge
    guard: RewardGuard
    train_images: Sequence[str] = ()
    """The image of each training row."""
    val_rows: Sequence[Row] = ()
    max_new_tokens: int = 512
    eval_batch_size: int = 8
    examples: list[Shown] = field(default_factory=list)
    """The last completions, for the view."""


class EpochGuard(TrainerCallback):
    """Asks the reward guard at the end of each epoch."""

    def __init__(self, guard: RewardGuard) -> None:
        self._guard = guard

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._guard.epoch()


class RunTrainer:
    """Mixed into TRL's trainers, before them. ``run`` is set before their constructor."""

    run: Run
    # What transformers' Trainer brings.
    args: Any
    state: TrainerState
    control: TrainerControl
    accelerator: Any
    model: Any
    callback_handler: Any

    def _send_telemetry(self) -> None:
        """Nothing is told to anybody."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """TRL writes a README into the output folder with every checkpoint; the manifest says more."""

    # ---- stops -----------------------------------------------------------------------------------------------------

    def training_step(self, model: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
        ids = [str(row["id"]) for row in inputs if "id" in row] if isinstance(inputs, list) else []
        loss = super().training_step(model, inputs, *arguments, **named)  # type: ignore[misc]
        self._require_finite("the loss", float(loss), ids)
        return loss

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[misc]
        if norm is not None and not self.args.fp16:  # with fp16 the loss scaler expects to meet infinity
            self._require_finite("the norm of the gradient", float(norm), [])
        return norm

    def _require_finite(self, what: str, value: float, ids: list[str]) -> None:
        rate = self._get_learning_rate()  # type: ignore[attr-defined]
        require_finite(what, value, step=self.state.global_step, learning_rate=float(rate), ids=ids)

    # ---- checkpoints -----------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """As transformers' own, into a folder that gets its name when everything is on the disk."""
        trainer: Any = self
        step = self.state.global_step
        output_dir = Path(self.args.output_dir)
        final = checkpoint_path(output_dir, step)
        staging = staging_path(final)
        if self.args.should_save and staging.exists():
            shutil.rmtree(staging)
        self.accelerator.wait_for_everyone()
        trainer.store_flos()
        trainer.save_model(str(staging), _internal_call=True)
        self._note_best(output_dir, final)
        if not self.args.save_only_model:
            trainer._save_optimizer_and_scheduler(str(staging))
            trainer._save_scaler(str(staging))
            trainer._save_rng_state(str(staging))
        if self.args.should_save:
            self._note_callbacks()
            self.state.save_to_json(str(staging / "trainer_state.json"))
            self._save_entropy_control(staging)
            (staging / MANIFEST_NAME).write_bytes(self.run.manifest.to_bytes())
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            publish(final)
            best = self.state.best_model_checkpoint
            remove_old(output_dir, keep=self.args.save_total_limit, protected=[Path(best), final] if best else [final])
        self.accelerator.wait_for_everyone()

    def _note_best(self, output_dir: Path, final: Path) -> None:
        best = self.state.best_global_step
        if best:
            folder = checkpoint_path(output_dir, best)
            if folder == final or folder.is_dir():
                self.state.best_model_checkpoint = str(folder)

    def _note_callbacks(self) -> None:
        for callback in [*self.callback_handler.callbacks, self.control]:
            if isinstance(callback, ExportableState):
                states: Any = self.state.stateful_callbacks
                states[type(callback).__name__] = callback.state()

    def _save_entropy_control(self, folder: Path) -> None:
        """TRL's adaptive entropy bonus has a state, which it reads back from this file."""
        if getattr(self.args, "use_adaptive_entropy", False):
            trainer: Any = self
            facts = {"entropy_coef": trainer.entropy_coef, "last_world_entropy": trainer._last_world_entropy}
            (folder / "entropy_ctrl_state.json").write_text(json.dumps(facts))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """A whole model is loaded by its class: transformers' trainer reads the file's names as they are, and those of
        vision-language models are others than the modules', so that it would load nothing and only warn.
        """
        if self._is_plain_model():
            self._load_whole(resume_from_checkpoint)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]

    def _load_best_model(self) -> None:
        if self._is_plain_model() and self.state.best_model_checkpoint is not None:
            self._load_whole(self.state.best_model_checkpoint)
        else:
            super()._load_best_model()  # type: ignore[misc]

    def _is_plain_model(self) -> bool:
        """No adapter, and no engine that shards weights into a format of its own."""
        trainer: Any = self
        return not (is_peft_model(self.model) or trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled)

    def _load_whole(self, folder: str) -> None:
        loaded = load_model(Path(folder), dtype="auto", device=None, quantization=None, attention=None).model
        self.model.load_state_dict(loaded.state_dict())

    # ---- validation ------------------------------------------------------------------------------------------------

    def greedy_metrics(self, prefix: str = "eval") -> dict[str, float]:
        """Mean reward, gIoU, F1@0.5 and status rates of greedy answers to the validation questions."""
        run = self.run
        answers = greedy_answers(self, run.val_rows, max_new_tokens=run.max_new_tokens, batch_size=run.eval_batch_size)
        figures = run.val_judge.figures(run.val_rows, answers)
        shown = [run.val_rows[index] for index in range(min(_SHOWN, len(answers)))]
        run.examples[:] = _examples(run.val_judge, shown, answers[: len(shown)])
        return {f"{prefix}_{name}": value for name, value in figures.items()}

    def log_in_evaluation(self, metrics: dict[str, float]) -> None:
        """Log without closing the averages of the training steps, which TRL tells apart by the model's mode."""
        trainer: Any = self
        was_training = self.model.training
        self.model.eval()
        trainer.log(dict(metrics))
        if was_training:
            self.model.train()


def _examples(judge: Judge, rows: Sequence[Row], answers: Sequence[Drawn]) -> list[Shown]:
    rewards = judge.rewards(rows, answers)
    return [
        Shown(row["id"], row["query"], answer.text, judge.status(row, answer.text, truncated=answer.truncated), total)
        for row, answer, total in zip(rows, answers, rewards.totals, strict=True)
    ]
