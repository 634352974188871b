"""``remotereasoner data check``: what is wrong with sample files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from remotereasoner.cli.options import json_option, verbose_option
from remotereasoner.cli.terminal import following, lines, log_to_stderr, print_json, print_table, show_error

if TYPE_CHECKING:
    from remotereasoner.data.check import Finding, Report

__all__ = ["check"]

_SHOWN = 10
_WORDS = {
    "line": "lines that are no samples",
    "image": "images missing or unreadable",
    "mask": "masks missing, unreadable or of another size",
    "outside": "boxes or polygons outside their image",
    "duplicate": "questions asked twice of one image",
    "overlap": "images in two splits, pixel for pixel",
    "similar": "images in two splits that look the same",
}


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--root", type=click.Path(path_type=Path), help="What image paths are relative to.  [default: the file's folder]"
)
@click.option("--no-content", is_flag=True, help="Do not decode images to compare the splits.")
@click.option("--near", default=4, show_default=True, metavar="BITS", help="How far looks may differ, of 64 bits.")
@click.option("--strict", is_flag=True, help="Stop at the first thing that is wrong.")
@json_option
@verbose_option
def check(
    files: tuple[Path, ...],
    root: Path | None,
    no_content: bool,
    near: int,
    strict: bool,
    as_json: bool,
    verbose: bool,
) -> int:
    """Look for broken lines, missing images, boxes outside, repetitions and overlap between splits in FILE.

    Splits are compared within and across files; samples without a split count as one named after their file. Exit code
    0: nothing found, 3: something is wrong.
    """
    log_to_stderr(verbose)
    from remotereasoner.data.check import check as run

    with following("Comparing images", quiet=as_json) as progress:
        report = run(files, root, content=not no_content, near_bits=near, strict=strict, progress=progress)
    if as_json:
        print_json(_document(report))
    else:
        _show(report, verbose=verbose)
    return 0 if report.is_clean else 3


def _document(report: Report) -> dict[str, object]:
    return {
        "samples": report.samples,
        "images": report.images,
        "splits": dict(report.splits),
        "tasks": dict(report.tasks),
        "no_target": report.no_target,
        "counts": {kind: report.counts[kind] for kind in _WORDS},
        "findings": [asdict(finding) for finding in report.findings],
    }


def _told(finding: Finding) -> str:
    place = finding.file if finding.line is None else f"{finding.file}, line {finding.line}"
    return f"{place}: {finding.message}"


def _show(report: Report, *, verbose: bool) -> None:
    splits = ", ".join(f"{count:,} {name or 'without a split'}" for name, count in report.splits.items())
    rows = [["samples", f"{report.samples:,}"], ["splits", splits or "none"], ["images", f"{report.images:,}"]]
    rows += [["no target", f"{report.no_target:,}"]]
    rows += [[words, f"{report.counts[kind]:,}"] for kind, words in _WORDS.items()]
    print_table(["", ""], rows, right=(1,))
    for kind in _WORDS:
        found = [finding for finding in report.findings if finding.kind == kind]
        for finding in found if verbose else found[:_SHOWN]:
            show_error(_told(finding))
        if not verbose and report.counts[kind] > _SHOWN:
            lines(f"and {report.counts[kind] - _SHOWN:,} more of these; --verbose shows them")
