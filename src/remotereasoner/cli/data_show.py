"""``remotereasoner data show``: a contact sheet of a sample file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from remotereasoner.cli.options import json_option
from remotereasoner.cli.terminal import lines, print_json, show_error, working

__all__ = ["show"]

_SHOWN = 10


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="sheet.png or sheet.html.")
@click.option(
    "--root", type=click.Path(path_type=Path), help="What image paths are relative to.  [default: the file's folder]"
)
@click.option("--limit", default=24, show_default=True, metavar="N", help="Samples to show.")
@click.option("--seed", default=0, show_default=True, help="Which ones.")
@click.option("--columns", default=4, show_default=True, metavar="N", help="Of a PNG.")
@json_option
def show(file: Path, out: Path, root: Path | None, limit: int, seed: int, columns: int, as_json: bool) -> int:
    """Draw samples of FILE with their labels. Exit code 3 where some cannot be shown."""
    from remotereasoner.data.sheet import contact_sheet

    with working("Drawing", quiet=as_json):
        sheet = contact_sheet(file, out, root=root, limit=limit, seed=seed, columns=columns)
    if as_json:
        print_json(asdict(sheet) | {"file": str(sheet.file), "invalid": list(sheet.invalid)})
    else:
        lines(f"{sheet.shown} of {sheet.samples} samples in {sheet.file}")
        for reason in sheet.invalid[:_SHOWN]:
            show_error(reason)
        if len(sheet.invalid) > _SHOWN:
            lines(f"and {len(sheet.invalid) - _SHOWN} more")
    return 3 if sheet.invalid else 0
