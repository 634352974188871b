"""What ``evaluate`` and ``score`` share: options of the scoring, and the scores on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from remotereasoner.cli.terminal import counting, lines, print_json, print_table

if TYPE_CHECKING:
    from remotereasoner.evaluation.run_file import SampleFile

__all__ = ["EXIT_INVALID", "finish", "scoring_options"]

EXIT_INVALID = 3
_SHOWN_PROBLEMS = 5
_F = TypeVar("_F", bound=Callable[..., Any])
_PROTOCOLS = ("canonical", "think2seg", "segearth", "rmsin", "visionreasoner")  # the keys of evaluation.PROTOCOLS


def scoring_options(function: _F) -> _F:
    """``--protocol``, ``--resamples``, ``--gallery``."""
    for option in (
        click.option("--gallery", type=click.IntRange(0, 50), default=6, show_default=True, help="Cases of each kind."),
        click.option(
            "--resamples",
            type=click.IntRange(0, 100_000),
            default=1_000,
            show_default=True,
            help="Of the images, for 95 % intervals; 0 for none.",
        ),
        click.option(
            "--protocol",
            "protocols",
            type=click.Choice(_PROTOCOLS),
            multiple=True,
            help="Count masks as another project's harness does too; can be given again.",
        ),
    ):
        function = option(function)
    return function


def finish(
    output: Path,
    file: SampleFile,
    predictions: Path,
    root: Path,
    options: Mapping[str, Any],
    *,
    chosen: frozenset[int] | None,
    run: dict[str, Any] | None,
    as_json: bool,
) -> int:
    """Score, write, show; returns the exit code."""
    from remotereasoner.evaluation.outputs import REPORT_NAME, ScoreOptions, score_and_write
    from remotereasoner.evaluation.protocols import protocol_named

    how = ScoreOptions(
        root=root,
        protocols=[protocol_named(name) for name in dict.fromkeys(options["protocols"]) if name != "canonical"],
        resamples=options["resamples"],
        gallery=options["gallery"],
        title=f"Evaluation on {file.path.name}",
    )
    total = file.n_records if chosen is None else len(chosen)
    with counting("Scoring", total, quiet=as_json) as advance:
        metrics = score_and_write(output, file, predictions, how, chosen=chosen, run=run, progress=advance)
    if as_json:
        print_json(metrics)
    else:
        _show(metrics)
        lines("", f"Report: {output / REPORT_NAME}")
    return EXIT_INVALID if metrics["samples"]["invalid"] else 0


def _show(metrics: dict[str, Any]) -> None:
    from remotereasoner.evaluation.catalogue import entry_of, in_order, shown

    rows = []
    for group, scores in (("", metrics["scores"]), *((n, p["scores"]) for n, p in metrics["protocols"].items())):
        for name in in_order(scores):
            entry, score = entry_of(name), scores[name]
            ends = (
                ""
                if score["low"] is None
                else f"{shown(score['low'], entry.unit)} to {shown(score['high'], entry.unit)}"
            )
            rows.append(
                [group or entry.section, entry.title, shown(score["value"], entry.unit), ends, f"{score['n']:,.0f}"]
            )
    print_table(["", "score", "value", "95 %", "n"], rows, right=(2, 3, 4))
    ended = ", ".join(f"{one['n']:,} {name}" for name, one in metrics["statuses"].items() if one["n"])
    samples = metrics["samples"]
    lines("", f"{samples['judged']:,} samples about {samples['images']:,} images: {ended or 'none'}.")
    for name, words in (
        ("missing", "without a prediction count as failures"),
        ("masks_from_boxes", "predictions without masks: their boxes were judged as masks"),
        ("unknown_predictions", "predictions are of no sample in this file"),
        ("invalid", "invalid samples could not be judged and are in no score:"),
    ):
        if samples[name]:
            lines(f"{samples[name]:,} {words}")
    for problem in metrics["problems"][:_SHOWN_PROBLEMS]:
        lines(f"  line {problem['line']}: {problem['reason']}")
    if samples["invalid"] > _SHOWN_PROBLEMS:
        lines(f"  … and {samples['invalid'] - _SHOWN_PROBLEMS:,} more")
