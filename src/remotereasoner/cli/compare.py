"""``remotereasoner compare``: two runs on the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from remotereasoner.cli.options import json_option
from remotereasoner.cli.terminal import lines, print_json, print_table

if TYPE_CHECKING:
    from remotereasoner.evaluation.compare import Comparison

__all__ = ["compare"]


@click.command()
@click.argument("first", type=click.Path(path_type=Path), metavar="A")
@click.argument("second", type=click.Path(path_type=Path), metavar="B")
@click.option("--resamples", type=click.IntRange(2, 100_000), default=1_000, show_default=True)
@click.option("--flips", type=click.IntRange(0), default=20, show_default=True, help="Show that many at most.")
@json_option
def compare(first: Path, second: Path, resamples: int, flips: int, as_json: bool) -> None:
    """Compare the scores of B with those of A, sample by sample.

    A and B are folders that `evaluate` or `score` wrote. Shown are the differences B − A with 95 % intervals from
    resampling the same images in both, and the samples that one got right and the other did not.
    """
    from remotereasoner.evaluation.compare import compare_runs

    found = compare_runs(first, second, resamples=resamples, most_flips=flips)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)


def _show(found: Comparison) -> None:
    from remotereasoner.evaluation.catalogue import entry_of, in_order

    rows = []
    for name in in_order(name for name in found.differences if not name.startswith("status_")):
        gap, better = found.differences[name]
        protocol, _, own = name.rpartition("/")
        entry = entry_of(own)
        scale, unit = (100, " pts") if entry.unit == "share" else (1, "")
        clear = gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0)
        ends = "" if gap.low is None or gap.high is None else f"{scale * gap.low:+.2f} to {scale * gap.high:+.2f}"
        rows.append(
            [
                protocol or entry.section,
                entry.title + (" ↓" if entry.lower_is_better else ""),
                f"{scale * (gap.value or 0.0):+.2f}{unit}",
                ends,
                f"{100 * better:.0f} %",
                "*" if clear else "",
            ]
        )
    print_table(["", "score", "B − A", "95 %", "B > A", ""], rows, right=(2, 3, 4))
    lines("", f"{found.n:,} samples in both. * marks intervals without 0; ↓ lower is better.")
    for count, whose in ((found.only_first, "A"), (found.only_second, "B")):
        if count:
            lines(f"{count:,} samples only in {whose} are left out.")
    lines(f"Flipped: {found.gained:,} that only B gets right, {found.lost:,} that only A gets right.")
    if found.flips:
        table = [
            ["gained" if flip.gained else "lost", flip.id, flip.image, f"{flip.first:.2f}", f"{flip.second:.2f}"]
            for flip in found.flips
        ]
        print_table(["", "sample", "image", "A", "B"], table, right=(3, 4))
