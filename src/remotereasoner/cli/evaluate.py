"""``remotereasoner evaluate``: a model on a sample file, asked, scored and reported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remotereasoner.cli.options import json_option, settings_options, verbose_option
from remotereasoner.cli.scores_shown import finish, scoring_options
from remotereasoner.cli.terminal import counting, lines, log_to_stderr, working

if TYPE_CHECKING:
    from remotereasoner.evaluation.run_file import RunParameters, SampleFile
    from remotereasoner.reasoner import Reasoner
    from remotereasoner.settings import Settings

__all__ = ["evaluate"]

_SETTINGS = ("model", "codec", "segmenter", "device", "temperature", "max_new_tokens", "seed")


@click.command()
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--root", type=click.Path(file_okay=False, path_type=Path), help="Folder of the images.  [default: of SAMPLES]"
)
@settings_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Ask N samples: the first, with --seed drawn.")
@click.option(
    "--batch", type=click.IntRange(min=1), default=8, show_default=True, help="Questions on one image at a time."
)
@click.option(
    "--votes", type=click.IntRange(min=0), default=0, metavar="K", help="Sample K more answers: self-consistency."
)
@click.option("--vote-temperature", type=click.FloatRange(0, 2, min_open=True), default=0.7, show_default=True)
@click.option("--masks/--no-masks", default=True, show_default=True, help="Keep masks in the predictions.")
@click.option("--strict", is_flag=True, help="Stop at the first sample that cannot be used.")
@scoring_options
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", required=True, help="Write here."
)
@json_option
@verbose_option
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    samples: Path,
    root: Path | None,
    output: Path,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Ask every question of SAMPLES, score the answers and write a report.

    DIR gets predictions.jsonl, metrics.json, per_sample.jsonl and report.html. A run that was interrupted goes on where
    it stopped when the same command is given again. Samples that cannot be used are counted and named, and end the
    command with exit code 3.
    """
    log_to_stderr(verbose)
    from remotereasoner.evaluation.asking import chosen_ordinals, root_of
    from remotereasoner.evaluation.outputs import PREDICTIONS_NAME
    from remotereasoner.evaluation.run_file import begin_or_continue, inspect_samples, read_run
    from remotereasoner.loading import load_reasoner
    from remotereasoner.scene._gdal import harden_process
    from remotereasoner.settings import load_settings

    harden_process()
    settings = load_settings(options["config"], **{name: options[name] for name in _SETTINGS})
    file = inspect_samples(samples)
    with working("Loading the model", quiet=as_json):
        reasoner = load_reasoner(settings)
    if begin_or_continue(output, _parameters(file, reasoner, settings, options)) and not as_json:
        lines(f"Going on with the run in {output}.", style="dim")
    chosen = chosen_ordinals(file.n_records, options["limit"], settings.seed)
    place = root_of(samples, root)
    predictions = output / PREDICTIONS_NAME
    _ask(file, chosen, reasoner, predictions, place, options, quiet=as_json)
    code = finish(output, file, predictions, place, options, chosen=chosen, run=read_run(output), as_json=as_json)
    context.exit(code)


def _parameters(file: SampleFile, reasoner: Reasoner, settings: Settings, options: dict[str, Any]) -> RunParameters:
    from dataclasses import asdict

    from remotereasoner.evaluation.run_file import RunParameters

    return RunParameters(
        samples=file.path.name,
        samples_sha256=file.sha256,
        model=asdict(reasoner.policy.identity),
        codec=reasoner.policy.codec.name,
        segmenter=reasoner.segmenter.name,
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
        limit=options["limit"],
        batch=options["batch"],
        votes=options["votes"],
        vote_temperature=options["vote_temperature"] if options["votes"] else None,
        masks=options["masks"],
    )


def _ask(
    file: SampleFile,
    chosen: frozenset[int] | None,
    reasoner: Reasoner,
    predictions: Path,
    root: Path,
    options: dict[str, Any],
    *,
    quiet: bool,
) -> None:
    from remotereasoner.evaluation.asking import Asker, AskOptions
    from remotereasoner.evaluation.predictions import PredictionLog, PredictionTable

    how = AskOptions(
        root=root,
        batch=options["batch"],
        votes=options["votes"],
        vote_temperature=options["vote_temperature"],
        masks=options["masks"],
        strict=options["strict"],
    )
    total = file.n_records if chosen is None else len(chosen)
    with (
        PredictionLog(predictions) as log,
        PredictionTable(predictions) as done,
        counting("Asking", total, quiet=quiet) as advance,
    ):
        for count in Asker(reasoner, log, done, how).run(file, chosen):
            advance(count)
