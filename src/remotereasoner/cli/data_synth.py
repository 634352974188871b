"""``remotereasoner data synth``: overhead scenes drawn by code, with exact labels and questions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from remotereasoner.cli.options import json_option
from remotereasoner.cli.terminal import lines, print_json, working

if TYPE_CHECKING:
    from remotereasoner.data.sentences import Split
    from remotereasoner.data.synth.options import Picture

__all__ = ["synth"]


def _workers() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@click.command()
@click.argument("number", type=int, metavar="N")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.option("--seed", type=int, default=0, show_default=True, help="Scene i of a seed is always the same bytes.")
@click.option("--size", type=int, default=512, show_default=True, metavar="PX", help="Width and height of a scene.")
@click.option(
    "--family", "families", multiple=True, metavar="NAME", help="Kind of scene, may be repeated.  [default: all]"
)
@click.option("--gsd", nargs=2, type=float, metavar="FROM TO", help="Metres a pixel.  [default: what suits the family]")
@click.option(
    "--sensor", "sensors", multiple=True, metavar="NAME", help="rgb, cir or rgb16, may be repeated.  [default: all]"
)
@click.option("--geotiff", is_flag=True, help="Write GeoTIFFs with a CRS.")
@click.option("--png", is_flag=True, help="Write PNGs instead of JPEGs.")
@click.option("--masks", is_flag=True, help="Write an index mask of each scene to OUT/masks.")
@click.option("--polygons", is_flag=True, help="Give the samples polygons too; the labels have them in any case.")
@click.option("--split", type=click.Choice(["train", "val"]), default="train", show_default=True,
              help="Which sentences of the question bank to ask.")  # fmt: skip
@click.option("--workers", type=int, help="Processes that draw.  [default: one a processor]")
@click.option("--overwrite", is_flag=True, help="Replace the world that is in OUT.")
@json_option
def synth(
    number: int, out: Path, seed: int, size: int, families: tuple[str, ...], gsd: tuple[float, float] | None,
    sensors: tuple[str, ...], geotiff: bool, png: bool, masks: bool, polygons: bool, split: Split,
    workers: int | None, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Draw N overhead scenes into the folder OUT: pictures, labels.jsonl and samples.jsonl.

    Boxes, polygons, masks and relations in the labels are exact. Families of scenes: airport, harbor, tank_farm,
    sports, housing, roads, parking, bridge, overpass, farmland, forest, river, coast, dam, wind_farm, mine.
    """
    from remotereasoner.data.synth.options import WorldOptions
    from remotereasoner.data.synth.world import write_world
    from remotereasoner.errors import UsageError

    if geotiff and png:
        raise UsageError("--geotiff and --png exclude each other")
    picture: Picture = "geotiff" if geotiff else "png" if png else "jpeg"
    options = WorldOptions(
        seed=seed, side=size, families=families, gsd_m=gsd, sensors=sensors, picture=picture, masks=masks,
        sample_polygons=polygons, split=split,
    )  # fmt: skip
    with working(f"drawing {number} scenes", quiet=as_json):
        world = write_world(options, number, out, workers=workers or _workers(), overwrite=overwrite)
    if as_json:
        print_json(
            {"folder": str(world.folder), "scenes": world.scenes, "objects": world.objects, "samples": world.samples}
        )
        return
    lines(f"{world.scenes} scenes, {world.objects} objects, {world.samples} questions in {world.folder}")
