"""``remotereasoner batch``: an archive, and ``batch status``: how far it is.

``batch SOURCE QUESTION… -o OUT`` and ``batch status OUT`` are one group of commands: a first word that names none of
its commands is the SOURCE of the command ``run``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remotereasoner.cli.batch_shown import EXIT_CODES, outcome_document, show_outcome, show_status, status_document
from remotereasoner.cli.options import (
    json_option,
    parse_bands,
    settings_options,
    survey_options,
    survey_wishes,
    verbose_option,
)
from remotereasoner.cli.terminal import log_to_stderr, print_json, tracking
from remotereasoner.errors import UsageError
from remotereasoner.types import Task

if TYPE_CHECKING:
    from remotereasoner.batch.driver import Progress
    from remotereasoner.batch.executors.base import Executor
    from remotereasoner.batch.items import Recipe

__all__ = ["batch"]

_SETTINGS = ("model", "codec", "segmenter", "device", "temperature", "max_new_tokens", "seed")
_FORMATS = ("geojson", "gpkg", "fgb", "parquet", "coco", "label-studio", "csv", "mask", "contour", "overlay")


class _RunCommand(click.Command):
    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without the word ``run``, which nobody needs to write."""
        formatter.write_usage(ctx.command_path.strip(), " ".join(self.collect_usage_pieces(ctx)))


class _BatchGroup(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "", self.commands["run"], args


# Options before SOURCE are handed on, so that the command reads them wherever they stand.
@click.group(cls=_BatchGroup, add_help_option=False, context_settings={"ignore_unknown_options": True})
def batch() -> None:
    """Ask about every image of an archive; `batch status OUT` tells how far it is."""


@batch.command("run", cls=_RunCommand, hidden=True)
@click.argument("source_and_questions", nargs=-1, required=True, metavar="SOURCE [QUESTION]...")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="OUT", required=True, help="Write here."
)
@click.option("--task", type=click.Choice(["locate", "vqa", "caption"]), default="locate", show_default=True)
@click.option("--asset", metavar="KEY", help="Of STAC items: the asset that is the image, or bands: B04,B03,B02.")
@click.option(
    "--root", type=click.Path(file_okay=False, path_type=Path), help="Of a sample file: folder of its images."
)
@click.option("--bands", metavar="R,G,B", help="Bands shown as red, green, blue: numbers from 1 or names.")
@click.option("--max-side", type=int, metavar="PX", help="Read no more pixels than this on the longer side.")
@click.option(
    "--executor",
    "executor_name",
    type=click.Choice(["inline", "processes", "ray"]),
    help="What does the work.  [default: inline for one worker, else processes]",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Models that work at a time.  [default: 1; with ray: what has room]"
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of each worker; part of the recipe."
)
@click.option(
    "--unit-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="End a worker that is longer at an image.",
)
@click.option(
    "--ray-address", metavar="ADDRESS", help="Of a Ray cluster that is there: auto, HOST:PORT.  [default: none]"
)
@click.option("--ray-cpus", type=click.FloatRange(min=0), metavar="N", help="Of each worker on Ray.  [default: 1]")
@click.option("--ray-gpus", type=click.FloatRange(min=0), metavar="N", help="Of each worker on Ray.  [default: 0]")
@click.option("--format", "formats", multiple=True, type=click.Choice(_FORMATS), help="Write this too, for each item.")
@click.option("--simplify", "simplify_m", type=float, metavar="METRES", help="Outlines with fewer vertices.")
@click.option(
    "--right-angles", "right_angles_iou", type=float, metavar="IOU", help="Right angles where they fit this well."
)
@survey_options
@click.option("--retry-failed", is_flag=True, help="Try again what failed or was quarantined in an earlier run.")
@click.option("--tables/--no-tables", default=True, show_default=True, help="GeoParquet of all findings and items.")
@click.option("--stac/--no-stac", default=False, show_default=True, help="The results as a STAC catalogue.")
@settings_options
@json_option
@verbose_option
@click.pass_context
def run(
    context: click.Context,
    /,
    source_and_questions: tuple[str, ...],
    output: Path,
    task: Task,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Ask every QUESTION about every image of SOURCE and write what is found below OUT.

    SOURCE is a folder, a quoted pattern such as 'tiles/**/*.tif', a list of paths (.txt, or - for standard input), a
    sample file (.jsonl) with questions of its own, or a STAC item, item collection or catalogue (.json) on this
    machine. A run that was interrupted goes on when the same command is given again: nothing that is finished is done
    twice. `remotereasoner batch status OUT` tells how far it is. What fails is recorded and reported, and the rest goes
    on: exit code 0, but 3 where nothing at all could be answered, 1 where it ended early, 130 where it was interrupted.
    """
    log_to_stderr(verbose)
    from remotereasoner.batch.run import run_batch

    source, questions = source_and_questions[0], source_and_questions[1:]
    for question in questions:
        if os.path.exists(question):  # noqa: PTH110  a Path raises for a question that is too long for a name
            raise UsageError(
                f"{question!r} is a file, not a question: quote a pattern, so that the shell leaves it alone"
            )
    recipe = _recipe(task, options)
    executor = _executor(options, verbose=verbose)
    with tracking("Working", quiet=as_json) as show:
        outcome = run_batch(
            source,
            questions,
            output,
            recipe=recipe,
            executor=executor,
            task=task,
            asset=options["asset"],
            root=options["root"],
            retry_failed=options["retry_failed"],
            tables=options["tables"],
            stac=options["stac"],
            tell=_telling(show),
        )
    if as_json:
        print_json(outcome_document(outcome))
    else:
        show_outcome(outcome)
    nothing = outcome.ending == "complete" and not outcome.done and (outcome.failed or outcome.quarantined)
    context.exit(3 if nothing else EXIT_CODES[outcome.ending])


@batch.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@json_option
def status(out: Path, as_json: bool) -> None:
    """How far the batch in OUT is, also while it runs."""
    from remotereasoner.batch.ledger_view import LedgerView

    with LedgerView(out) as view:
        document = status_document(view)
    if as_json:
        print_json(document)
    else:
        show_status(document)


def _recipe(task: Task, options: dict[str, Any]) -> Recipe:
    """All that can change a result, out of the options, the environment and the settings file."""
    from remotereasoner.batch.items import Recipe
    from remotereasoner.settings import load_settings

    settings = load_settings(
        options["config"], max_side_px=options["max_side"], **{name: options[name] for name in _SETTINGS}
    )
    wishes = survey_wishes(options, task, settings.max_side_px)
    return Recipe(
        model=settings.model,
        segmenter=settings.segmenter,
        device=settings.device,
        codec=settings.codec,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
        survey=wishes,
        bands=parse_bands(options["bands"]),
        formats=tuple(sorted(set(options["formats"]))),
        simplify_m=options["simplify_m"],
        right_angles_iou=options["right_angles_iou"],
        top_p=settings.top_p,
        dtype=settings.dtype,
        quantization=settings.quantization,
        attention=settings.attention,
        max_side_px=settings.max_side_px,
        threads=options["threads"],
    )


def _executor(options: dict[str, Any], *, verbose: bool) -> Executor:
    workers, timeout_s = options["workers"], options["unit_timeout"]
    name = options["executor_name"] or ("inline" if workers in (None, 1) and timeout_s is None else "processes")
    for option in ("ray_address", "ray_cpus", "ray_gpus"):
        if options[option] is not None and name != "ray":
            raise UsageError(f"--{option.replace('_', '-')} goes with --executor ray")
    if name == "ray":
        return _ray_executor(options, verbose=verbose)
    if timeout_s is not None and name == "inline":
        raise UsageError("--unit-timeout ends processes: it goes with --executor processes or ray")
    if name == "inline":
        from remotereasoner.batch.executors.inline import InlineExecutor

        if workers is not None and workers > 1:
            raise UsageError("--executor inline is one worker: leave --workers out, or choose processes")
        return InlineExecutor()
    from remotereasoner.batch.executors.processes import ProcessExecutor

    return ProcessExecutor(workers or 1, unit_timeout_s=timeout_s)


def _ray_executor(options: dict[str, Any], *, verbose: bool) -> Executor:
    from remotereasoner.batch.executors.ray_executor import RayExecutor, RayNeeds

    cpus, gpus = options["ray_cpus"], options["ray_gpus"]
    return RayExecutor(
        options["ray_address"],
        workers=options["workers"],
        needs=RayNeeds(num_cpus=1.0 if cpus is None else cpus, num_gpus=0.0 if gpus is None else gpus),
        unit_timeout_s=options["unit_timeout"],
        verbose=verbose,
    )


def _telling(show: Callable[[int, int | None, str], None]) -> Callable[[Progress], None]:
    """Progress as a bar: entries that were finished before, and items that were since."""
    began = time.monotonic()

    def tell(progress: Progress) -> None:
        passed = time.monotonic() - began
        failed = progress.failed + progress.quarantined
        remark = f"{progress.concluded / passed:.1f} items/s" if passed > 1 else ""
        remark += f", {failed} failed" if failed else ""
        total = progress.known if progress.is_complete else None
        show(min(progress.before + progress.concluded, progress.known), total, remark)

    return tell
