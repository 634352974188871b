"""The options of TRL and PEFT, by their own names: checked before anything is loaded."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from remotereasoner.errors import MissingExtraError, UsageError
from remotereasoner.training.config import Method, TrainConfig
from remotereasoner.training.nearest import did_you_mean

try:
    from peft import LoraConfig
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.sft_config import SFTConfig
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "Training") from error

__all__ = ["LANGUAGE_LINEARS", "generation_names", "lora_config", "trainer_arguments"]

LANGUAGE_LINEARS = (
    r"^(?!.*(?:visual|vision|merger|projector)).*\.(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)$"
)
"""The linear layers of the language model and none of the vision tower, in the module names of transformers 5."""

_OURS = {
    "output_dir": "output_dir",
    "reward_weights": "rewards.weights",
    "model_init_kwargs": "model",
    "resume_from_checkpoint": "the option --resume",
    "metric_for_best_model": "evaluation.metric",
    "remove_unused_columns": "nothing: the rewards need the columns",
    "push_to_hub": "nothing: run `remotereasoner train merge` and upload what it wrote",
}
_GENERATION = re.compile(r"^(num_generations|max_completion_length|temperature|top_[pk]|min_p|repetition_penalty|"
                         r"generation_kwargs|generation_batch_size|steps_per_generation|cache_implementation|"
                         r"ds3_gather_for_generation|use_vllm|vllm_\w+)$")  # fmt: skip


def _names(kind: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind) if field.init}


def generation_names() -> set[str]:
    """The options of ``trl.GRPOConfig`` that belong under ``generation``."""
    return {name for name in _names(GRPOConfig) if _GENERATION.match(name)}


def lora_config(options: Mapping[str, Any] | None, *, default_targets: str = LANGUAGE_LINEARS) -> LoraConfig | None:
    """PEFT's configuration, None where the whole model is trained. Raises UsageError for an option that is not one."""
    if options is None:
        return None
    known = _names(LoraConfig)
    for name in options:
        if name not in known:
            raise UsageError(f"lora.{name} is not an option of peft.LoraConfig{did_you_mean(name, known)}")
    filled = {"task_type": "CAUSAL_LM", "target_modules": default_targets, **options}
    try:
        return LoraConfig(**filled)
    except (TypeError, ValueError) as error:
        raise UsageError(f"lora: {error}") from error


def trainer_arguments(method: Method, config: TrainConfig) -> Any:
    """``trl.GRPOConfig`` or ``trl.SFTConfig`` with our defaults under the user's options. Raises UsageError."""
    kind: Any = GRPOConfig if method == "grpo" else SFTConfig
    given = {**_checked("generation", config.generation, generation_names()), **_trainer_options(kind, config)}
    if method == "sft":
        given = {name: value for name, value in given.items() if name not in config.generation}
    options = {**_defaults(method, config), **given, "output_dir": str(config.output_dir)}
    try:
        arguments = kind(**options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"trainer: {error}") from error
    _check_saving(arguments, with_validation=config.data.val is not None)
    return arguments


def _trainer_options(kind: type[Any], config: TrainConfig) -> dict[str, Any]:
    options = config.trainer
    for name in options:
        if name in _OURS:
            raise UsageError(f"trainer.{name} is set elsewhere: use {_OURS[name]}")
        if name in generation_names():
            raise UsageError(f"trainer.{name} belongs under generation")
    return _checked("trainer", options, _names(kind) - set(_OURS) - generation_names(), kind.__name__)


def _checked(section: str, options: Mapping[str, Any], known: set[str], of: str = "GRPOConfig") -> dict[str, Any]:
    for name in options:
        if name not in known:
            raise UsageError(f"{section}.{name} is not an option of trl.{of} there{did_you_mean(name, known)}")
    return dict(options)


def _defaults(method: Method, config: TrainConfig) -> dict[str, Any]:
    """What differs from TRL's own defaults."""
    options: dict[str, Any] = {
        "remove_unused_columns": False,
        "report_to": ["tensorboard"],
        "activation_checkpointing": True,  # as TRL, by the name that is not deprecated
        "logging_steps": 1,
        "disable_tqdm": True,  # the live view shows progress
        "save_strategy": "steps",
        "save_steps": 100,
        "save_total_limit": 2,
        "logging_nan_inf_filter": False,  # a diverging run is stopped, not averaged away
    }
    if config.data.val is not None:
        options |= {
            "eval_strategy": "steps",
            "eval_steps": config.trainer.get("save_steps", 100),
            "load_best_model_at_end": True,
            "metric_for_best_model": f"eval_{config.evaluation.metric}",
            "greater_is_better": config.evaluation.metric != "loss",
        }
    if method == "grpo":
        options["num_generations_eval"] = 1  # validation draws nothing: it is greedy
    else:
        options["max_length"] = None  # cutting through an image's tokens would break the sample
        options["completion_only_loss"] = True
    return options


def _check_saving(arguments: Any, *, with_validation: bool) -> None:
    """A checkpoint in the middle of a batch of completions that is used for several steps could not be resumed."""
    if not with_validation and str(getattr(arguments.eval_strategy, "value", arguments.eval_strategy)) != "no":
        raise UsageError("trainer.eval_strategy is set, and there is no data.val to evaluate on")
    spread = getattr(arguments, "steps_per_generation", 1) * getattr(arguments, "num_iterations", 1)
    accumulated = arguments.gradient_accumulation_steps
    saves = str(getattr(arguments.save_strategy, "value", arguments.save_strategy))
    if saves == "no" or accumulated % spread == 0:
        return
    if saves != "steps" or arguments.save_steps != int(arguments.save_steps):
        raise UsageError("trainer.save_strategy must be steps while completions are used for several optimizer steps")
    if int(arguments.save_steps) * accumulated % spread != 0:
        raise UsageError(
            f"trainer.save_steps is {arguments.save_steps}: completions are drawn every {spread} micro-batches "
            f"(steps_per_generation x num_iterations), so it must be a "
            f"multiple of {spread // math.gcd(spread, accumulated)} for an exact resume"
        )
