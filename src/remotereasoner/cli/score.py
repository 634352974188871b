"""``remotereasoner score``: predictions that are there already, scored again without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from remotereasoner.cli.options import json_option, verbose_option
from remotereasoner.cli.scores_shown import finish, scoring_options
from remotereasoner.cli.terminal import log_to_stderr

__all__ = ["score"]


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--samples", type=click.Path(path_type=Path), required=True, help="The sample file.")
@click.option(
    "--root", type=click.Path(file_okay=False, path_type=Path), help="Folder of the images.  [default: of the samples]"
)
@scoring_options
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write here.  [default: beside the predictions]",
)
@json_option
@verbose_option
@click.pass_context
def score(
    context: click.Context,
    /,
    predictions: Path,
    samples: Path,
    root: Path | None,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Score PREDICTIONS (a predictions.jsonl, or the folder of a run) against the samples, without a model.

    Writes metrics.json, per_sample.jsonl and report.html. Samples without a prediction count as failures, except those
    that the run was told to leave out.
    """
    log_to_stderr(verbose)
    from remotereasoner.errors import UsageError
    from remotereasoner.evaluation.asking import chosen_ordinals, root_of
    from remotereasoner.evaluation.outputs import PREDICTIONS_NAME
    from remotereasoner.evaluation.run_file import inspect_samples, read_run

    path = predictions / PREDICTIONS_NAME if predictions.is_dir() else predictions
    file = inspect_samples(samples)
    run = read_run(path.parent)
    chosen: frozenset[int] | None = None
    if run is not None:
        asked = run["parameters"]
        if asked["samples_sha256"] != file.sha256:
            raise UsageError(f"{samples} is not the file that the run in {path.parent} was asked about")
        chosen = chosen_ordinals(file.n_records, asked["limit"], asked["seed"])
    place = root_of(samples, root)
    code = finish(output or path.parent, file, path, place, options, chosen=chosen, run=run, as_json=as_json)
    context.exit(code)
