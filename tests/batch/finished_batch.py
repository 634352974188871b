"""A batch that was worked on, without a model: a real ledger, real rasters, and results written as a driver does."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from remotereasoner import Result, open_scene
from remotereasoner.batch.items import Recipe, item_key
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger import Concluded, Ledger, PlanKey
from remotereasoner.batch.ledger_planning import Planned
from remotereasoner.batch.ledger_schema import State
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.batch.owner import Owner
from remotereasoner.plain_text import well_formed
from remotereasoner.types import BoolArray
from result_fixtures import MakeResult, disc

QUESTION = "Where is oil stored?"
SIZE = (60, 80)
UTM = (32618, Affine(10, 0, 400_000, 0, -10, 4_200_000))
GRIDS: dict[str, tuple[int | None, Affine | None]] = {
    "utm.tif": UTM,
    "south-up.tif": (32733, Affine(10, 0, 400_000, 0, 10, 6_200_000)),
    "feet.tif": (2263, Affine(2, 0, 980_000, 0, -2, 200_000)),
    "over-180.tif": (4326, Affine(0.01, 0, 179.6, 0, -0.01, 10)),
    "polar.tif": (3995, Affine(10_000, 0, -400_000, 0, -10_000, 300_000)),
    "no-place.tif": (None, None),
}


def write_raster(path: Path, epsg: int | None, transform: Affine | None, size_hw: tuple[int, int] = SIZE) -> Path:
    """A GeoTIFF of noise, RGB; the noise follows from the name, so that no two have the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4])
    pixels = np.random.default_rng(seed).integers(0, 255, (3, *size_hw), dtype=np.uint8)
    place = {} if transform is None else {"crs": f"EPSG:{epsg}", "transform": transform}
    profile = {"driver": "GTiff", "height": size_hw[0], "width": size_hw[1], "count": 3, "dtype": "uint8", **place}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as file:
            file.write(pixels)
    return path


def discs(count: int) -> list[BoolArray]:
    return [disc(SIZE, (12.0 + 18 * number, 30.0), 7, hole=2.0) for number in range(count)]


def summary_of(result: Result) -> dict[str, Any]:
    grid = result.grid
    return {
        "count": result.count,
        "max_score": max((finding.score for finding in result.findings), default=None),
        "area_m2": result.total_area_m2,
        "crs": None if grid.crs is None else f"EPSG:{grid.crs.to_epsg()}",
        "bbox_lonlat": list(grid.bounds_lonlat) if grid.is_georeferenced else None,
    }


class FinishedBatch:
    """Plan items, then conclude them in any order."""

    def __init__(
        self, root: Path, make_result: MakeResult, *, recipe: Recipe | None = None, source: str | None = None
    ) -> None:
        self.images = root / "images"
        self.out = root / "out"
        self.out.mkdir(parents=True, exist_ok=True)
        self._make_result = make_result
        self._recipe = recipe or Recipe()
        self._ledger = Ledger(self.out)
        named = str(self.images) if source is None else source
        key = PlanKey(named, (QUESTION,), self._recipe.to_dict(), "scripted abc; box", "0.1", "plan")
        self._run = self._ledger.begin(key, "inline", Owner.this())
        self._planned: list[Planned] = []

    def plan(
        self, name: str, *, question: str = QUESTION, fault: tuple[str, str] | None = None, **extra: Any
    ) -> Planned:
        path = self.images / name
        content = None if fault else hashlib.sha256(path.read_bytes()).hexdigest()
        key = item_key(content or name, question, "locate", self._recipe, "scripted", "0.1")
        ident = hashlib.sha256(f"{name} {question}".encode()).digest()
        planned = Planned(ident, name, (str(path),), question, "locate", key, content, fault, extra)
        self._ledger.plan(self._run, [planned])
        self._planned.append(planned)
        return planned

    def claim(self) -> None:
        while self._ledger.claim(self._run, 100):
            pass

    def done(self, planned: Planned, frames: Sequence[BoolArray] = (), **changes: Any) -> Result:
        """Written as a driver does: no times in it."""
        scene = open_scene(planned.paths[0])
        result = self._make_result(scene, frames, question=planned.question, **changes)
        timeless = replace(result.provenance, started_utc="", finished_utc="", seconds={})
        result = replace(result, provenance=timeless, completion=replace(result.completion, seconds=0.0))
        files = {"result.json": well_formed(result.to_json()).encode()}
        if frames:
            files["mask.tif"] = result.mask_tiff()
            files["overlay.png"] = result.overlay_png()
        folder = item_folder(self.out, planned.key)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        hashes = {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in files.items()}
        one = Concluded(planned.key, State.DONE, result.status, summary_of(result), hashes, {"total": 0.5})
        assert self._ledger.conclude(self._run, [one]) == 1
        return result

    def failed(self, planned: Planned, code: str = "broken", message: str = "it is damaged") -> None:
        assert self._ledger.conclude(self._run, [Concluded(planned.key, State.FAILED, code=code, message=message)]) == 1

    def complete(self) -> None:
        self._ledger.set_complete(self._run)

    def end(self, how: str = "complete") -> None:
        self._ledger.end(self._run, how)

    def view(self) -> LedgerView:
        return LedgerView(self.out)


def mixed_batch(
    root: Path, make_result: MakeResult, *, backwards: bool = False
) -> tuple[FinishedBatch, dict[str, Result]]:
    """Every grid with two findings, then a scene without any, an unreadable file and one that failed."""
    batch = FinishedBatch(root, make_result)
    for name, (epsg, transform) in GRIDS.items():
        write_raster(batch.images / name, epsg, transform)
    write_raster(batch.images / "nothing.tif", *UTM)
    write_raster(batch.images / "poison.tif", *UTM)
    planned = [batch.plan(name, datetime="2026-03-04T10:30:00Z", collection="c") for name in GRIDS]
    nothing = batch.plan("nothing.tif")
    batch.plan("gone.tif", fault=("not_found", "there is no file gone.tif"))
    poison = batch.plan("poison.tif")
    batch.complete()
    batch.claim()
    results = {}
    for one in reversed(planned) if backwards else planned:
        results[one.name] = batch.done(one, discs(2))
    results["nothing.tif"] = batch.done(nothing)
    batch.failed(poison)
    batch.end()
    return batch, results
