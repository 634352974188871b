"""``remotereasoner info``: what a raster is, from its header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from remotereasoner.cli.options import json_option
from remotereasoner.cli.terminal import lines, print_json, print_table

if TYPE_CHECKING:
    from remotereasoner.scene import RasterInfo

__all__ = ["info"]


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@json_option
def info(images: tuple[str, ...], as_json: bool) -> None:
    """Say what each IMAGE is: size, bands, place, and what `ask` would show of it."""
    from remotereasoner.scene import raster_info

    found = [raster_info(image) for image in images]
    if as_json:
        documents = [raster.to_dict() for raster in found]
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for number, raster in enumerate(found):
        if number:
            lines("")
        _show(raster)


def _show(raster: RasterInfo) -> None:
    height, width = raster.size_hw
    rows = [
        ["file", f"{raster.name} ({raster.driver})"],
        ["size", f"{width} × {height} px, blocks of {raster.block_hw[1]} × {raster.block_hw[0]}"],
        ["overviews", ", ".join(f"1:{factor}" for factor in raster.overviews) or "none"],
        ["CRS", raster.crs or "none"],
    ]
    if raster.gsd_m is not None:
        rows.append(["pixel", f"{raster.gsd_m:.4g} m on the ground"])
    if raster.bounds_lonlat is not None:
        rows.append(["lon, lat", "west {:.6f}, south {:.6f}, east {:.6f}, north {:.6f}".format(*raster.bounds_lonlat)])
    shown = ", ".join(str(band) for band in raster.default_bands)
    rows.append(["shown as RGB", f"bands {shown}, stretch {raster.default_stretch}"])
    rows += [["note", note] for note in raster.notes]
    print_table(["", ""], rows)
    bands = [
        [str(band.number), band.name or "", band.dtype, "" if band.nodata is None else f"{band.nodata:g}", band.colour]
        for band in raster.bands
    ]
    print_table(["band", "name", "type", "nodata", "colour"], bands, right=(0, 3))
