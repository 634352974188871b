"""``remotereasoner data convert``: a public data set as a sample file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remotereasoner.cli.options import json_option, verbose_option
from remotereasoner.cli.terminal import following, lines, log_to_stderr, print_json, print_table, show_error
from remotereasoner.errors import UsageError

if TYPE_CHECKING:
    from remotereasoner.data.convert import Conversion
    from remotereasoner.data.readers import BadRecord, ReadOptions

__all__ = ["convert"]

_SHOWN = 10
# Option to the fields of ReadOptions that a data set must use for it to mean anything.
_FIELDS = {
    "questions": "questions",
    "seed": "seed",
    "min_area_px": "box_rule",
    "merge_px": "box_rule",
    "annotations": "annotations",
    "images": "images",
    "category_field": "category_field",
    "template": "template",
    "sentences": "sentences",
}


@click.command(epilog="NAME is one of the data sets that `remotereasoner data convert --list` shows.")
@click.argument("name", required=False)
@click.argument("root", required=False, type=click.Path(path_type=Path))
@click.argument("out", required=False, type=click.Path(path_type=Path))
@click.option("--list", "show_list", is_flag=True, help="Show the data sets and their options.")
@click.option("--split", "splits", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option(
    "--questions",
    type=click.Choice(["first", "all", "seeded"]),
    help="Of several questions about an image.  [default: as the authors evaluate]",
)
@click.option("--seed", type=int, help="For what is drawn.  [default: 0]")
@click.option(
    "--min-area-px", type=int, metavar="N", help="Boxes from masks: smaller groups are specks.  [default: 32]"
)
@click.option("--merge-px", type=int, metavar="N", help="Boxes from masks: closer parts are one.  [default: 8]")
@click.option("--annotations", metavar="FILE", help="Labels of coco, geo and samples, below ROOT or absolute.")
@click.option("--images", metavar="DIR", help="coco: folder of the images below ROOT.")
@click.option("--category-field", metavar="NAME", help="geo: column that names the thing.  [default: category]")
@click.option("--template", metavar="TEXT", help="coco, geo: the question, with {category} in it.")
@click.option("--sentences", type=click.Choice(["train", "val"]), help="labelled: half of the question bank.")
@click.option(
    "--masks",
    type=click.Choice(["png", "polygons", "none"]),
    default="png",
    show_default=True,
    help="How to keep masks.",
)
@click.option("--limit", type=int, metavar="N", help="Stop after that many samples.")
@click.option("--strict", is_flag=True, help="Stop at the first record that is no sample; nothing is written.")
@click.option("--overwrite", is_flag=True, help="Replace OUT.")
@json_option
@verbose_option
def convert(
    name: str | None,
    root: Path | None,
    out: Path | None,
    show_list: bool,
    splits: tuple[str, ...],
    masks: Any,
    limit: int | None,
    strict: bool,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
    **told: Any,
) -> int:
    """Write the sample file OUT of the data set NAME in the folder ROOT.

    Records that are no samples are left out and counted; then the exit code is 3.
    """
    log_to_stderr(verbose)
    if show_list:
        _show_list(as_json=as_json)
        return 0
    if name is None or root is None or out is None:
        raise click.UsageError("give NAME, ROOT and OUT; --list shows the names")
    from remotereasoner.data.convert import convert as run

    def on_invalid(record: BadRecord) -> None:
        if verbose:
            show_error(_told(record))

    with following(f"Reading {name}", quiet=as_json) as progress:
        options = _options(name, splits, told, progress)
        done = run(
            name,
            root,
            out,
            options=options,
            masks=masks,
            limit=limit,
            strict=strict,
            overwrite=overwrite,
            on_invalid=on_invalid,
        )
    if as_json:
        print_json({"data_set": name, **_document(done)})
    else:
        _show(done, verbose=verbose)
    return 3 if done.invalid_count else 0


def _options(name: str, splits: tuple[str, ...], told: dict[str, Any], progress: Any) -> ReadOptions:
    from remotereasoner.data.boxes_from_masks import BoxRule
    from remotereasoner.data.readers import ReadOptions, data_set

    uses = data_set(name).uses
    given = {key: value for key, value in told.items() if value is not None}
    for key in given:
        if _FIELDS[key] not in uses:
            raise UsageError(f"--{key.replace('_', '-')} means nothing for {name}")
    rule = {key: given.pop(key) for key in ("min_area_px", "merge_px") if key in given}
    return ReadOptions(splits=splits, box_rule=BoxRule(**rule), progress=progress, **given)


def _show_list(*, as_json: bool) -> None:
    from remotereasoner.data.readers import DATA_SETS

    options = {
        name: [f"--{key.replace('_', '-')}" for key, field in _FIELDS.items() if field in entry.uses]
        for name, entry in DATA_SETS.items()
    }
    if as_json:
        print_json([{"name": n, "title": e.title, "options": options[n]} for n, e in DATA_SETS.items()])
        return
    print_table(["name", "data set", "options"], [[n, e.title, " ".join(options[n])] for n, e in DATA_SETS.items()])


def _told(record: BadRecord) -> str:
    place = record.file if record.line is None else f"{record.file}, line {record.line}"
    return f"{place}: {record.reason}"


def _document(done: Conversion) -> dict[str, Any]:
    document = asdict(done)
    return document | {"file": str(done.file), "root": str(done.root), "invalid": list(document["invalid"])}


def _show(done: Conversion, *, verbose: bool) -> None:
    splits = ", ".join(f"{count:,} {name or 'without a split'}" for name, count in done.splits.items())
    kinds = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(done.kinds.items()))
    rows = [
        ["samples", f"{done.samples:,} about {done.images:,} images ({splits})" if splits else "0"],
        ["kinds", kinds],
        ["no target", f"{done.no_target:,}"],
        ["masks", f"{done.masks:,} files"],
        ["invalid", f"{done.invalid_count:,} records left out"],
        ["root", f"{done.root}   (paths in the file are relative to this folder)"],
    ]
    print_table(["", str(done.file)], rows)
    if done.invalid_count and not verbose:
        for record in done.invalid[:_SHOWN]:
            show_error(_told(record))
        if done.invalid_count > _SHOWN:
            lines(f"and {done.invalid_count - _SHOWN:,} more; --verbose shows all")
