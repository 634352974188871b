"""Options that several commands share, and what their text means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from remotereasoner.errors import UsageError
from remotereasoner.types import WindowPx

__all__ = ["as_window", "json_option", "parse_bands", "scene_options", "settings_options", "verbose_option"]

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
