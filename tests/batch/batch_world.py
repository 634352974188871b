"""Small archives for tests of batches, and how their outputs are compared."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image
from rasterio import Affine

from remotereasoner.batch.items import ImageRef, ItemDone, ItemFailed, Recipe, Unit
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger_schema import LEDGER_NAME
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.scene._gdal import gdal_env  # before rasterio

import rasterio  # isort: skip

ANSWER = '<think>Over there.</think><answer>[{"bbox_2d": [4, 6, 20, 25], "label": "pier"}]</answer>'


def write_script(folder: Path, text: str = ANSWER) -> str:
    """A script file; returns the name of the model that says it."""
    path = folder / "script.txt"
    path.write_text(text, encoding="utf-8")
    return f"scripted:{path}"


def write_archive(folder: Path, number: int, *, side: int = 32, seed: int = 0) -> Path:
    """``number`` different pictures: GeoTIFF in UTM and PNG in turns."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for k in range(number):
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        if k % 2:
            Image.fromarray(pixels).save(folder / f"p{k:05d}.png")
        else:
            write_tiff(folder / f"p{k:05d}.tif", pixels, Affine(1, 0, 5e5 + 100 * k, 0, -1, 5e6))
    return folder


def write_tiff(path: Path, pixels: np.ndarray, transform: Affine | None, crs: str | None = "EPSG:32633") -> Path:
    height, width, count = pixels.shape
    place = {"transform": transform, "crs": crs} if transform is not None else {}
    facts = {"driver": "GTiff", "height": height, "width": width, "count": count, "dtype": pixels.dtype.name}
    with gdal_env(), rasterio.open(path, "w", **facts, **place) as target:
        target.write(np.moveaxis(pixels, 2, 0))
    return path


def command(source: Path | str, out: Path, model: str, *questions: str, options: tuple[str, ...] = ()) -> list[str]:
    """Arguments of a run with the plain segmenter."""
    asked = questions or ("Where can a ship dock?",)
    return ["batch", str(source), *asked, "-o", str(out), "--model", model, "--segmenter", "box", *options]


def outputs_of(out: Path) -> dict[str, str]:
    """Path below ``out`` to hash, of everything but the ledger itself and the reports, which say when."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith((LEDGER_NAME, "report."))
    }


def check_whole(out: Path, entries: int) -> None:
    """Nothing is lost, doubled or torn: every entry is done, once, and the ledger's hashes are those of the files."""
    with LedgerView(out) as view:
        rows = list(view.all_finished())
        counts = view.counts()
    assert counts == {"done": entries, "failed": 0, "quarantined": 0, "pending": 0, "claimed": 0}
    assert [row.seq for row in rows] == list(range(1, entries + 1))
    for row in rows:
        assert row.attempts == 1, "an item was concluded twice"
        folder = item_folder(out, row.key)
        assert {path.name for path in folder.iterdir()} == set(row.files)
        for name, facts in row.files.items():
            content = (folder / name).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (facts.sha256, facts.size)
    assert not list(out.rglob("*.tmp"))
    assert len(list((out / "items").glob("*/*"))) == len({row.key for row in rows})


class PlainWorker:
    """A worker without any model: the answer is made of the image's name and the question. For tests of executors."""

    identity = "plain"

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def work(self, unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        return tuple(plain_item(unit.image, ask.key, ask.question) for ask in unit.asks)


def plain_item(image: ImageRef, key: str, question: str) -> ItemDone:
    content = json.dumps([image.name, question]).encode()
    return ItemDone(key, "answered", {"result.json": content}, {"count": 0})
