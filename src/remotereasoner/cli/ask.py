"""``remotereasoner ask``: one question about one scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remotereasoner.cli.options import (
    as_window,
    in_metres,
    json_option,
    parse_bands,
    scene_options,
    settings_options,
    survey_options,
    survey_wishes,
    vector_options,
    vector_wishes,
    verbose_option,
)
from remotereasoner.cli.terminal import following, lines, log_to_stderr, print_json, print_table, working
from remotereasoner.errors import UsageError
from remotereasoner.types import Status, Task

if TYPE_CHECKING:
    from remotereasoner.result import Result
    from remotereasoner.scene.grid import Grid
    from remotereasoner.transform.findings import Finding

__all__ = ["EXIT_CODES", "ask"]

EXIT_CODES: dict[Status, int] = {"answered": 0, "no_target": 4, "unparseable": 5, "truncated": 5, "refused": 5}
_MAX_ROWS = 50
_SETTINGS = ("model", "codec", "segmenter", "device", "temperature", "max_new_tokens", "seed")


@click.command()
@click.argument("images_and_question", nargs=-1, required=True, metavar="IMAGE... QUESTION")
@click.option("--task", type=click.Choice(["locate", "vqa", "caption"]), default="locate", show_default=True)
@scene_options
@settings_options
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write files here."
)
@vector_options
@survey_options
@json_option
@verbose_option
@click.pass_context
def ask(
    context: click.Context,
    /,
    images_and_question: tuple[str, ...],
    task: Task,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Ask QUESTION about IMAGE and show where the answer is.

    Several IMAGEs are the bands of one scene. `--task vqa` answers in words, `--task caption` describes (QUESTION may
    be left out). A scene larger than --tile-px is looked at as a whole first and then, window by window, where that
    points; with --exhaustive everywhere. With -o, JSON, GeoJSON, mask, contours and an overlay are written there, and
    what --format names.
    """
    log_to_stderr(verbose)
    shaping = vector_wishes(options, output)
    images, question = _split(images_and_question, task)
    result = _answer(images, question, task, options, in_metres=in_metres(shaping), quiet=as_json)
    paths: dict[str, Path] = {}
    if output is not None:
        with working("Writing files", quiet=as_json):
            paths = result.write(output, **shaping)
    if as_json:
        print_json({**result.to_dict(), "files": {kind: str(path) for kind, path in paths.items()}})
    else:
        _show(result, paths, verbose=verbose)
    context.exit(EXIT_CODES[result.status])


def _split(arguments: tuple[str, ...], task: Task) -> tuple[list[str], str]:
    """Images and question. Only a caption needs no question: the last argument is then an image if it is a file."""
    if task == "caption" and Path(arguments[-1]).is_file():
        return list(arguments), ""
    if len(arguments) < 2:
        raise click.UsageError('Give an image and a question: remotereasoner ask IMAGE "Where can a ship dock?"')
    return list(arguments[:-1]), arguments[-1]


def _answer(
    images: list[str], question: str, task: Task, options: dict[str, Any], *, in_metres: bool, quiet: bool
) -> Result:
    from remotereasoner.loading import load_reasoner
    from remotereasoner.scene import open_scene
    from remotereasoner.scene._gdal import harden_process
    from remotereasoner.settings import load_settings
    from remotereasoner.tiling.options import DEFAULT_TILE_PX, SurveyOptions
    from remotereasoner.tiling.sources import open_source
    from remotereasoner.tiling.survey import survey

    harden_process()
    settings = load_settings(
        options["config"],
        max_side_px=options["max_side"],
        **{name: options[name] for name in _SETTINGS},
    )
    where = {
        "bands": parse_bands(options["bands"]),
        "window": as_window(options["window"]),
        "bounds": options["bounds"],
        "bounds_crs": options["bounds_crs"],
    }
    source = images if len(images) > 1 else images[0]
    wishes = survey_wishes(options, task, settings.max_side_px)
    if task == "locate" and settings.max_side_px is None:
        with open_source(source, **where) as large:
            if wishes or max(large.grid.size_hw) > DEFAULT_TILE_PX:
                _require_place(large.grid, in_metres)
                with working("Loading the model", quiet=quiet):
                    reasoner = load_reasoner(settings)
                with following("Surveying", quiet=quiet) as tell:
                    return survey(reasoner, large, question, SurveyOptions(**wishes), progress=tell)
    with working("Reading the scene", quiet=quiet):
        scene = open_scene(source, max_side_px=settings.max_side_px, **where)
    _require_place(scene.grid, in_metres)
    with working("Loading the model", quiet=quiet):
        reasoner = load_reasoner(settings)
    with working("Reasoning", quiet=quiet):
        return reasoner.ask_many(scene, [question], task=task)[0]


def _require_place(grid: Grid, in_metres: bool) -> None:
    if in_metres and not grid.is_georeferenced:
        raise UsageError("--simplify and --right-angles work in metres, and this scene has no CRS for them")


def _show(result: Result, paths: dict[str, Path], *, verbose: bool) -> None:
    from remotereasoner.export.pictures import status_line

    if result.reasoning:
        lines(result.reasoning, "", style="dim")
    lines(status_line(result).capitalize() if result.text is None else result.text, style="bold")
    if result.findings:
        _show_findings(result)
    if result.status in ("unparseable", "truncated"):
        shown = result.completion.text if verbose else result.completion.text[:400]
        lines("", "The model wrote:", shown)
    if result.answer.clipped or result.answer.repaired:
        notes = [f"{result.answer.clipped} cut to the scene"] if result.answer.clipped else []
        notes += ["not in the form asked for, but readable"] if result.answer.repaired else []
        lines(f"Note on the answer: {', '.join(notes)}.", style="dim")
    if verbose:
        timing = ", ".join(f"{name} {value:.2f} s" for name, value in result.provenance.seconds.items())
        lines(
            "", f"Model {result.provenance.model.model}, segmenter {result.provenance.segmenter}: {timing}", style="dim"
        )
    if result.provenance.survey is not None:
        _show_survey(result.provenance.survey)
    if paths:
        lines("")
        print_table(["file", ""], [[kind, str(path)] for kind, path in paths.items()])
        if "pixels" in paths:
            lines("The scene has no CRS that leads to longitude and latitude: no GeoJSON, coordinates are pixels.")


def _show_survey(survey: dict[str, Any]) -> None:
    """How it was looked at, in one line: what was not looked at must not be taken for empty."""
    ground = "" if survey["gsd_m"] is None else f" at {survey['gsd_m']:.3g} m a pixel"
    side, windows = " × ".join(map(str, survey["tile_wh"])), survey["windows_asked"]
    told = f"{windows} windows of {side} px, {survey['overlap_wh'][0]} px overlap" if windows > 1 else f"{side} px"
    parts = [f"{told}{ground}: {survey['share_looked_at']:.0%} of the scene", *survey["notes"]]
    if survey["windows_empty"]:
        parts.insert(1, f"{survey['windows_empty']} without data")
    unread = sum(number for status, number in survey["statuses"].items() if status not in ("answered", "no_target"))
    if unread:
        parts.insert(1, f"{unread} answers could not be read")
    lines("", f"{'; '.join(parts)}.", style="dim")


def _show_findings(result: Result) -> None:
    on_map = result.grid.is_georeferenced
    columns = ["#", "label", "lon, lat" if on_map else "x, y (px)", "size", "area", "score"]
    rows = [_row(finding, on_map) for finding in result.findings[:_MAX_ROWS]]
    lines("")
    print_table(columns, rows, right=(0, 2, 3, 4, 5))
    if result.count > _MAX_ROWS:
        lines(f"… and {result.count - _MAX_ROWS} more")
    if result.total_area_m2 is not None and result.count > 1:
        lines(f"Total area {result.total_area_m2:,.1f} m²")


def _row(finding: Finding, on_map: bool) -> list[str]:
    x1, y1, x2, y2 = finding.box_xyxy
    if on_map and finding.centroid_lonlat is not None:
        place = "{:.6f}, {:.6f}".format(*finding.centroid_lonlat)
    else:
        place = "{:.1f}, {:.1f}".format(*finding.centroid_xy)
    if finding.length_m is None or finding.width_m is None:
        size = f"{x2 - x1:.0f} × {y2 - y1:.0f} px"
    else:
        size = f"{finding.length_m:,.1f} × {finding.width_m:,.1f} m"
    area = f"{finding.area_px:,} px" if finding.area_m2 is None else f"{finding.area_m2:,.1f} m²"
    return [str(finding.index + 1), finding.label or "", place, size, area, f"{finding.score:.2f}"]
