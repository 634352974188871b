"""``remotereasoner train``: the supervised start, learning by reward, and folding a LoRA in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remotereasoner.cli.options import json_option, verbose_option
from remotereasoner.cli.terminal import lines, log_to_stderr, print_json, working

if TYPE_CHECKING:
    from remotereasoner.training.config import Method

__all__ = ["train"]

_DTYPES = ("auto", "float32", "bfloat16", "float16")


@click.group()
def train() -> None:
    """Train a policy on sample files; see docs/training.md."""


def _run(method: Method, config: Path, overrides: tuple[str, ...], *, resume: bool, as_json: bool, check: bool) -> None:
    from remotereasoner.training.config import load_config

    settings = load_config(config, overrides)
    if check:
        from remotereasoner.training.options import lora_config, trainer_arguments

        trainer_arguments(method, settings)
        lora_config(settings.lora)
        document: dict[str, Any] = settings.model_dump(mode="json")
        print_json(document) if as_json else lines(f"{config} is a valid configuration for train {method}")
        return
    from remotereasoner.training.train import train as run

    result = run(method, settings, resume=resume, quiet=as_json)
    if not result.is_main_process:
        return
    document = {
        "final": str(result.final),
        "steps": result.steps,
        "best_metric": result.best_metric,
        "best_checkpoint": None if result.best_checkpoint is None else str(result.best_checkpoint),
    }
    if as_json:
        print_json(document)
        return
    best = "" if result.best_metric is None else f", best validation {result.best_metric:.4g}"
    lines(f"{result.steps} steps{best}; weights in {result.final}")


def _training_options(function: Any) -> Any:
    for option in (
        click.argument("config", type=click.Path(path_type=Path)),
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Wins over the file, trainer.max_steps=3."
        ),
        click.option("--resume", is_flag=True, help="Go on from the newest checkpoint of output_dir, if there is one."),
        click.option("--check", is_flag=True, help="Check the configuration and stop."),
        json_option,
        verbose_option,
    ):
        function = option(function)
    return function


@train.command()
@_training_options
def sft(config: Path, overrides: tuple[str, ...], resume: bool, check: bool, as_json: bool, verbose: bool) -> None:
    """The supervised start: learn the answers of the samples named in CONFIG."""
    log_to_stderr(verbose)
    _run("sft", config, overrides, resume=resume, as_json=as_json, check=check)


@train.command()
@_training_options
def grpo(config: Path, overrides: tuple[str, ...], resume: bool, check: bool, as_json: bool, verbose: bool) -> None:
    """Learn by reward (GRPO) on the samples named in CONFIG."""
    log_to_stderr(verbose)
    _run("grpo", config, overrides, resume=resume, as_json=as_json, check=check)


@train.command()
@click.argument("adapter", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--base", metavar="NAME", help="The base model, where it has moved since.")
@click.option("--dtype", type=click.Choice(_DTYPES), default="auto", show_default=True)
@json_option
def merge(adapter: Path, out: Path, base: str | None, dtype: str, as_json: bool) -> None:
    """Fold the LoRA in ADAPTER (a checkpoint, or `final`) into its base and write the model OUT."""
    from remotereasoner.training.merge import merge as fold

    with working("Merging", quiet=as_json):
        written = fold(adapter, out, base=base, dtype=dtype)
    if as_json:
        print_json({"model": str(written)})
    else:
        spec = written if (written / "config.json").is_file() else f"embedded:{written}"
        lines(f"Merged model in {written}; use it as --model {spec}")
