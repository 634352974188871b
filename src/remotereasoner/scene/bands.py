"""Which bands become red, green and blue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from remotereasoner.errors import UsageError

__all__ = ["Bands", "band_name_of_file", "choose_bands", "is_early_landsat_name"]

Bands = tuple[int, int, int]  # (4, 3, 2): 1-based numbers rendered as R, G, B

_FILE_BAND = re.compile(r"(?:^|[_.-])(B[0-9]{1,2}A?|BQA)(?=[_.-]|$)", re.IGNORECASE)
_FILE_COLOUR = re.compile(r"(?:^|[_.-])(red|green|blue|nir|pan)(?=[_.-]|$)", re.IGNORECASE)
_LANDSAT_4_TO_7 = re.compile(r"L[TEM]0?[4-7]", re.IGNORECASE)
_COLOURS = ("red", "green", "blue")


def band_name_of_file(path: str | PurePath) -> str | None:
    """``B04`` of ``T18SUG_2020_B04_10m.jp2``, ``B4`` of ``LC08_…_B4.TIF``, ``red`` of ``scene_red.tif``, or None."""
    stem = PurePath(path).stem
    for pattern in (_FILE_BAND, _FILE_COLOUR):
        found = pattern.findall(stem)
        if found:
            return str(found[-1])
    return None


def is_early_landsat_name(name: str) -> bool:
    """Whether a file is called as those of Landsat 4 to 7, whose red, green and blue are bands 3, 2 and 1."""
    return _LANDSAT_4_TO_7.match(name) is not None


def choose_bands(
    requested: Sequence[int | str] | None,
    *,
    names: Sequence[str | None],
    colours: Sequence[str],
    sensor: str = "",
) -> Bands:
    """Three 1-based band numbers.

    ``requested``: one or three numbers or names (one is rendered grey), or None for the natural choice: the bands
    named red, green and blue; those that are so by their Sentinel-2 or Landsat name; those that the file marks so
    (after the names, because GDAL marks the first three of any uint8 file when nobody says otherwise); else the first
    three that are not alpha; of fewer than three, the first alone. ``names``, ``colours``: per band its name or None,
    and GDAL's colour interpretation. ``sensor``: the file's name, for what it says about the satellite.
    Raises :class:`~remotereasoner.errors.UsageError` for a band that is not there.
    """
    if requested is None:
        return _natural(names, colours, sensor)
    if isinstance(requested, str | int):
        requested = (requested,)
    if len(requested) not in (1, 3):
        raise UsageError(f"bands must be one (grey) or three (red, green, blue), got {len(requested)}: {requested!r}")
    numbers = [_number(band, names) for band in requested]
    if len(numbers) == 1:
        return numbers[0], numbers[0], numbers[0]
    return numbers[0], numbers[1], numbers[2]


def _number(band: int | str, names: Sequence[str | None]) -> int:
    wanted = str(band).strip()
    if isinstance(band, str):
        same = [number for number, name in enumerate(names, 1) if name and _plain(name) == _plain(wanted)]
        if same:
            return same[0]
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= len(names):
        return int(wanted)
    known = ", ".join(name for name in names if name)[:200]
    raise UsageError(
        f"there is no band {wanted[:40]!r}: give 1 to {len(names)}" + (f" or one of the names {known}" if known else "")
    )


def _plain(name: str) -> str:
    """Band names as people write them: ``b4`` and ``B04`` are the same band."""
    return re.sub(r"^(b)0+(?=[0-9])", r"\1", name.strip().lower())


def _natural(names: Sequence[str | None], colours: Sequence[str], sensor: str) -> Bands:
    plain = [_plain(name) if name else None for name in names]
    # Sentinel-2 and Landsat 8 and 9 have red, green and blue in 4, 3, 2; the earlier Landsats in 3, 2, 1.
    by_number = ("b3", "b2", "b1") if is_early_landsat_name(sensor) else ("b4", "b3", "b2")
    for wanted in (_COLOURS, by_number):
        if all(name in plain for name in wanted):
            return plain.index(wanted[0]) + 1, plain.index(wanted[1]) + 1, plain.index(wanted[2]) + 1
    if all(colour in colours for colour in _COLOURS):
        return colours.index("red") + 1, colours.index("green") + 1, colours.index("blue") + 1
    usable = [number for number, colour in enumerate(colours, 1) if colour != "alpha"] or [1]
    if len(usable) < 3:
        return usable[0], usable[0], usable[0]
    return usable[0], usable[1], usable[2]
