"""Options that several commands share, and what their text means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from remotereasoner.errors import UsageError
from remotereasoner.types import WindowPx

__all__ = [
    "as_window",
    "in_metres",
    "json_option",
    "parse_bands",
    "scene_options",
    "settings_options",
    "survey_options",
    "survey_wishes",
    "vector_options",
    "vector_wishes",
    "verbose_option",
]

_F = TypeVar("_F", bound=Callable[..., Any])


def _stack(*decorators: Callable[[Any], Any]) -> Callable[[_F], _F]:
    def decorate(function: _F) -> _F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")

scene_options = _stack(
    click.option("--bands", metavar="R,G,B", help="Bands shown as red, green, blue: numbers from 1 or names."),
    click.option("--window", nargs=4, type=int, metavar="COL ROW W H", help="Part of the raster, in its own pixels."),
    click.option(
        "--bounds", nargs=4, type=float, metavar="WEST SOUTH EAST NORTH", help="Part of the raster, on the map."
    ),
    click.option(
        "--bounds-crs", metavar="EPSG:N", help="CRS of --bounds, EPSG:4326 for lon/lat.  [default: the raster's]"
    ),
    click.option("--max-side", type=int, metavar="PX", help="Read no more pixels than this on the longer side."),
)

settings_options = _stack(
    click.option("--model", metavar="NAME", help="The policy; `remotereasoner models` lists what there is."),
    click.option("--codec", metavar="NAME", help="How the policy writes coordinates, where its name does not tell."),
    click.option("--segmenter", metavar="NAME", help="What turns boxes into masks."),
    click.option("--device", metavar="NAME", help="cpu, cuda, …; engines choose by themselves."),
    click.option("--temperature", type=float, help="0 is greedy."),
    click.option("--max-new-tokens", type=int, help="Longest answer."),
    click.option("--seed", type=int, help="For sampling above temperature 0."),
    click.option("--config", type=click.Path(path_type=Path), help="Settings file.  [default: remotereasoner.toml]"),
)

vector_options = _stack(
    click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(["gpkg", "fgb", "parquet", "coco", "label-studio", "csv"]),
        help="Write this too, with -o; several times for several.",
    ),
    click.option("--simplify", "simplify_m", type=float, metavar="METRES", help="Outlines with fewer vertices."),
    click.option(
        "--right-angles", "right_angles_iou", type=float, metavar="IOU", help="Right angles where they fit this well."
    ),
)


survey_options = _stack(
    click.option("--tile-px", type=int, metavar="PX", help="Side of a window of a large scene.  [default: 768]"),
    click.option("--overlap", "overlap_px", type=int, metavar="PX", help="Of windows.  [default: a quarter of them]"),
    click.option("--gsd", "gsd_m", type=float, metavar="METRES", help="Ground resolution of the windows."),
    click.option("--exhaustive", is_flag=True, default=None, help="Windows everywhere, no overview."),
    click.option("--max-windows", type=int, metavar="N", help="Ask about no more.  [default: 1024]"),
)


def survey_wishes(options: dict[str, Any], task: str, max_side_px: int | None) -> dict[str, Any]:
    """The survey options that were given, as ``SurveyOptions`` takes them.

    Raises :class:`~remotereasoner.errors.UsageError` where they do not go with the other options.
    """
    names = ("tile_px", "overlap_px", "gsd_m", "exhaustive", "max_windows")
    wishes = {name: options[name] for name in names if options[name] is not None}
    if wishes and task != "locate":
        raise UsageError(f"--tile-px, --overlap, --gsd, --exhaustive, --max-windows are for --task locate, not {task}")
    if wishes and max_side_px is not None:
        raise UsageError("--max-side reads the scene for one look, the options of windows are for many: give either")
    return wishes


def vector_wishes(options: dict[str, Any], output: Path | None) -> dict[str, Any]:
    """The vector options as ``Result.write`` takes them.

    Raises :class:`~remotereasoner.errors.UsageError`, and :class:`~remotereasoner.errors.MissingExtraError` before a
    model has been asked for what cannot be written.
    """
    wishes = {name: options.pop(name) for name in ("formats", "simplify_m", "right_angles_iou")}
    if output is None and any(wish not in ((), None) for wish in wishes.values()):
        raise UsageError("--format, --simplify and --right-angles are about files: say where with -o DIR")
    if wishes["formats"]:
        from remotereasoner.export.formats import require_formats

        require_formats(wishes["formats"])
    return wishes


def in_metres(wishes: dict[str, Any]) -> bool:
    """Whether these wishes need a scene with a CRS."""
    return wishes["simplify_m"] is not None or wishes["right_angles_iou"] is not None


def parse_bands(text: str | None) -> tuple[int, ...] | tuple[str, ...] | None:
    """``4,3,2`` to numbers, ``B04,B03,B02`` to names. Raises :class:`~remotereasoner.errors.UsageError`."""
    if text is None:
        return None
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise UsageError(f"--bands {text!r}: give numbers or names separated by commas, such as 4,3,2")
    if all(part.isdecimal() for part in parts):
        return tuple(int(part) for part in parts)
    return parts


def as_window(values: tuple[int, int, int, int] | None) -> WindowPx | None:
    return None if values is None else WindowPx(*values)
