"""One training run from its configuration to the weights it leaves: what the command line calls."""

from __future__ import annotations

import functools
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remotereasoner.data.samples import Sample
from remotereasoner.errors import MissingExtraError, UsageError
from remotereasoner.rewards.presets import build_rewards
from remotereasoner.training.checkpoints import (
    MANIFEST_NAME,
    checkpoint_folders,
    newest_checkpoint,
    publish,
    staging_path,
)
from remotereasoner.training.config import Method, TrainConfig

try:
    from transformers import PrinterCallback
    from transformers.trainer_utils import set_seed

    from remotereasoner.policy.engines.hf import quiet_unless_watched
    from remotereasoner.training.data_sets import LazyRows, Row, SampleSet, load_samples, rows_dataset
    from remotereasoner.training.guard import RewardGuard
    from remotereasoner.training.judge import Judge, weighted
    from remotereasoner.training.manifest import Manifest, check_resumable, make_manifest
    from remotereasoner.training.options import lora_config, trainer_arguments
    from remotereasoner.training.policies import TrainablePolicy, load_trainable
    from remotereasoner.training.renamed import without_renaming_warnings
    from remotereasoner.training.running import EpochGuard, Run
    from remotereasoner.training.view import RunView
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "Training") from error

__all__ = ["TrainResult", "train"]

_LOG = logging.getLogger(__name__)
_SFT_TOKENS = 512


@dataclass(frozen=True)
class TrainResult:
    """What a run leaves."""

    final: Path
    """The weights to use: the best of the validation, or the last."""
    steps: int
    best_metric: float | None
    best_checkpoint: Path | None
    history: list[dict[str, Any]]
    """What was logged, in order."""
    is_main_process: bool = True


def train(method: Method, config: TrainConfig, *, resume: bool = False, quiet: bool = False) -> TrainResult:
    """Run it. ``resume``: go on from the newest checkpoint of ``output_dir``, or begin where there is none.

    Raises UsageError, SampleError, CheckpointError, ModelNotFoundError before the first step; TrainingError for a run
    that cannot go on; ExportError where the disk refuses.
    """
    with without_renaming_warnings():
        return _train(method, config, resume=resume, quiet=quiet)


def _train(method: Method, config: TrainConfig, *, resume: bool, quiet: bool) -> TrainResult:
    arguments = trainer_arguments(method, config)
    if config.evaluation.metric == "loss" and method == "grpo":
        raise UsageError("evaluation.metric: a run by reward has no loss to compare; give reward, giou or f1")
    earlier = _earlier(config.output_dir, resume=resume)
    data = {
        "train": load_samples(config.data.train, root=config.data.root, limit=config.data.limit, seed=config.data.seed)
    }
    if config.data.val is not None:
        data["val"] = load_samples(
            config.data.val, root=config.data.root, limit=config.evaluation.limit, seed=config.data.seed
        )
    if method == "grpo":
        _check_batch(arguments, len(data["train"].samples))
    set_seed(arguments.seed)
    with quiet_unless_watched():
        policy = load_trainable(config)
    manifest = make_manifest(
        method,
        config,
        data_sha256={name: part.sha256 for name, part in data.items()},
        model_digest=policy.digest,
        processes=arguments.world_size,
        seed=arguments.seed,
    )
    if earlier is not None:
        check_resumable(earlier, manifest)
    trainer = _trainer(method, config, arguments, policy, manifest, data)
    view = RunView(lambda: trainer.run.examples)
    trainer.remove_callback(PrinterCallback)
    if not quiet:
        trainer.add_callback(view)
    trainer.add_callback(EpochGuard(trainer.run.guard))
    if trainer.args.should_save:
        _remove_partial(config.output_dir)
    trainer.accelerator.wait_for_everyone()
    try:
        trainer.train(resume_from_checkpoint=None if earlier is None else str(earlier))
    finally:
        view.close()
    return _finish(trainer, config.output_dir)


def _check_batch(arguments: Any, samples: int) -> None:
    """TRL leaves out a batch of prompts that is not full: with fewer samples a run would end after no step at all."""
    prompts = arguments.generation_batch_size // arguments.num_generations
    if samples < prompts:
        raise UsageError(
            f"completions are drawn for {prompts} different prompts at once (per_device_train_batch_size x processes x "
            f"steps_per_generation / num_generations), and data.train has {samples} samples: lower these or add samples"
        )


def _earlier(output_dir: Path, *, resume: bool) -> Path | None:
    folders = checkpoint_folders(output_dir)
    if not folders:
        return None
    if not resume:
        raise UsageError(
            f"output_dir {output_dir} holds {folders[-1][1].name} of an earlier run: "
            "go on with --resume, or choose another"
        )
    return newest_checkpoint(output_dir)


def _remove_partial(output_dir: Path) -> None:
    for folder in output_dir.glob(".*.partial"):
        _LOG.info("removing %s, which an interrupted run left", folder)
        shutil.rmtree(folder)


def _segmenter(config: TrainConfig) -> Any:
    if config.rewards.segmenter is None:
        return None
    from remotereasoner.transform.load import load_segmenter

    return load_segmenter(config.rewards.segmenter, device=config.rewards.segmenter_device)


def _judge(config: TrainConfig, policy: TrainablePolicy, segmenter: Any, root: Path, max_tokens: int | None) -> Judge:
    functions, weights = build_rewards(
        config.rewards.preset, codec=policy.codec, segmenter=segmenter, root=root, max_completion_length=max_tokens
    )
    return Judge(functions, weighted(functions, weights, config.rewards.weights), policy.codec)


def _trainer(
    method: Method,
    config: TrainConfig,
    arguments: Any,
    policy: TrainablePolicy,
    manifest: Manifest,
    data: dict[str, SampleSet],
) -> Any:
    segmenter = _segmenter(config)
    judge = _judge(config, policy, segmenter, data["train"].root, getattr(arguments, "max_completion_length", None))
    required = [name for name, weight in config.rewards.weights.items() if weight]
    drawn: Any = getattr(arguments, "max_completion_length", None) or _SFT_TOKENS
    tokens: int = config.evaluation.max_new_tokens or drawn
    val_root = data.get("val", data["train"]).root
    run = Run(
        policy=policy,
        manifest=manifest,
        judge=judge,
        val_judge=_judge(config, policy, segmenter, val_root, tokens),
        guard=RewardGuard(judge.names, required),
        train_images=[sample.image for sample in data["train"].samples],
        val_rows=_rows(policy, data["val"], target=False) if "val" in data else (),
        max_new_tokens=tokens,
        eval_batch_size=config.evaluation.batch_size,
    )
    target = method == "sft"
    datasets = {
        name: rows_dataset(_rows(policy, part, target=target), lazy=policy.sees_images) for name, part in data.items()
    }
    options = {
        "model": policy.model,
        "args": arguments,
        "train_dataset": datasets["train"],
        "eval_dataset": datasets.get("val"),
        "processing_class": policy.processing_class,
        "peft_config": lora_config(config.lora, default_targets=policy.lora_targets),
    }
    try:
        if method == "sft":
            from remotereasoner.training.sft import SftRun

            return SftRun(run, **options)
        from remotereasoner.training.grpo import GrpoRun

        arguments.reward_weights = judge.weights
        return GrpoRun(run, reward_funcs=judge.functions, **options)
    except ValueError as error:
        raise UsageError(f"the trainer refuses this configuration: {error}") from error


def _rows(policy: TrainablePolicy, data: SampleSet, *, target: bool) -> LazyRows:
    make: Callable[[Sample], Row] = functools.partial(_row, policy.make_row, data.root)
    if target:
        make = functools.partial(_row_with_target, policy.make_row, policy.make_target, data.root)
    return LazyRows(data.samples, make)


def _row(make_row: Callable[[Sample, Path], Row], root: Path, sample: Sample) -> Row:
    return make_row(sample, root)


def _row_with_target(
    make_row: Callable[[Sample, Path], Row], make_target: Callable[[Sample, Path], str], root: Path, sample: Sample
) -> Row:
    """What SFTTrainer wants to see, and nothing else."""
    row = make_row(sample, root)
    kept: Row = {name: row[name] for name in ("prompt", "image") if name in row}
    return {**kept, "completion": [{"role": "assistant", "content": make_target(sample, root)}]}


def _finish(trainer: Any, output_dir: Path) -> TrainResult:
    final = output_dir / "final"
    staging = staging_path(final)
    if trainer.args.should_save:
        shutil.rmtree(staging, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(staging), _internal_call=True)
    trainer.accelerator.wait_for_everyone()
    if trainer.args.should_save:
        (staging / MANIFEST_NAME).write_bytes(trainer.run.manifest.to_bytes())
        publish(final)
    trainer.accelerator.wait_for_everyone()
    best = trainer.state.best_model_checkpoint
    return TrainResult(
        final=final,
        steps=trainer.state.global_step,
        best_metric=trainer.state.best_metric,
        best_checkpoint=Path(best) if best else None,
        history=list(trainer.state.log_history),
        is_main_process=bool(trainer.state.is_world_process_zero),
    )
