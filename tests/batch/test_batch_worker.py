"""A worker's outcomes: files without times, codes of failures, questions one at a time."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from batch_world import ANSWER, write_tiff
from rasterio import Affine

from remotereasoner import Reasoner, Result
from remotereasoner.batch.item_files import NO_TIME, check_formats
from remotereasoner.batch.items import Ask, ImageRef, ItemDone, ItemFailed, Recipe, Unit
from remotereasoner.batch.worker import BatchWorker, failure_of
from remotereasoner.errors import (
    CoordinateError,
    EngineError,
    ExportError,
    ImageReadError,
    ModelNotFoundError,
    RemoteReasonerError,
    UsageError,
)
from remotereasoner.policy.base import Prompt
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.engines.scripted import ScriptedEngine
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.box import BoxSegmenter


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    return write_tiff(tmp_path / "a.tif", pixels, Affine(1, 0, 5e5, 0, -1, 5e6))


def unit(image: Path, *questions: str) -> Unit:
    asks = tuple(Ask(f"key of {question}", question) for question in questions)
    return Unit(1, ImageRef((str(image),), "0" * 64, image.name), asks)


def worker(recipe: Recipe, script: object = ANSWER, segmenter: BoxSegmenter | None = None) -> BatchWorker:
    engine = ScriptedEngine(script, codec=codec_by_name("pixels"))  # type: ignore[arg-type]
    return BatchWorker(recipe, reasoner=Reasoner(engine, segmenter or BoxSegmenter()))


def test_files_and_summary(image: Path) -> None:
    import torch  # loaded, but no part of this: another process would not have it

    formats = ("coco", "contour", "csv", "geojson", "label-studio", "mask", "overlay")
    [item] = worker(Recipe(formats=formats)).work(unit(image, "Where?"))
    assert isinstance(item, ItemDone)
    assert set(item.files) == {
        "result.json", "coco.json", "contour.png", "measurements.csv", "findings.geojson", "label_studio.json",
        "mask.tif", "overlay.png",
    }  # fmt: skip
    assert item.summary["count"] == 1
    assert item.summary["area_m2"] == pytest.approx(16 * 19, rel=0.01)
    assert item.summary["crs"] == "EPSG:32633"
    assert item.summary["size_hw"] == [32, 40]
    assert len(item.summary["bbox_lonlat"]) == 4
    assert item.seconds["policy"] >= 0
    result = Result.from_json(item.files["result.json"])
    assert (result.provenance.started_utc, result.provenance.finished_utc) == (NO_TIME, NO_TIME)
    assert (result.provenance.seconds, result.completion.seconds) == ({}, None)
    assert torch.__version__ not in result.provenance.versions.values()
    assert {"numpy", "gdal", "remotereasoner"} <= set(result.provenance.versions)
    [again] = worker(Recipe(formats=formats)).work(unit(image, "Where?"))
    assert isinstance(again, ItemDone)
    assert again.files == item.files


def test_questions_are_asked_one_at_a_time(image: Path) -> None:
    engine = ScriptedEngine(ANSWER, codec=codec_by_name("pixels"))
    both = BatchWorker(Recipe(), reasoner=Reasoner(engine, BoxSegmenter())).work(unit(image, "A", "B"))
    assert engine.calls == 2
    assert [item.key for item in both] == ["key of A", "key of B"]
    [alone] = worker(Recipe()).work(unit(image, "B"))
    assert isinstance(alone, ItemDone)
    assert isinstance(both[1], ItemDone)
    assert both[1].files == alone.files


def test_a_fault_of_one_question_leaves_the_other(image: Path) -> None:
    def script(prompt: Prompt) -> str:
        if prompt.question == "B":
            raise EngineError("overloaded", transient=True)
        return ANSWER

    done, failed = worker(Recipe(), script).work(unit(image, "A", "B"))
    assert isinstance(done, ItemDone)
    assert failed == ItemFailed("key of B", "engine", "overloaded", transient=True)


def test_what_nobody_expected_is_recorded(image: Path) -> None:
    class Broken(BoxSegmenter):
        def segment(self, scene: object, boxes_xyxy: object, points_xy: object = None) -> list[InstanceMask]:
            raise ZeroDivisionError("by nothing")

    [failed] = worker(Recipe(), segmenter=Broken()).work(unit(image, "A"))
    assert failed == ItemFailed("key of A", "internal", "ZeroDivisionError: by nothing")


def caused(code: str, cause: Exception) -> ImageReadError:
    error = ImageReadError(code, "no")
    error.__cause__ = cause
    return error


_CASES: Sequence[tuple[RemoteReasonerError, str, bool]] = [
    (ImageReadError("too_large", "no"), "too_large", False),
    (caused("broken", OSError(errno.EIO, "")), "broken", True),
    (caused("broken", OSError(errno.ESTALE, "")), "broken", True),
    (caused("broken", TimeoutError()), "broken", True),
    (caused("broken", ValueError()), "broken", False),
    (caused("no_permission", PermissionError(errno.EACCES, "")), "no_permission", False),
    (EngineError("no", transient=True), "engine", True),
    (EngineError("no"), "engine", False),
    (CoordinateError("no"), "coordinate", False),
    (UsageError("no"), "usage", False),
    (ModelNotFoundError("no"), "model", False),
    (ExportError("no"), "export", False),
    (RemoteReasonerError("no"), "failed", False),
]


@pytest.mark.parametrize(("error", "code", "transient"), _CASES, ids=lambda value: str(value)[:40])
def test_codes(error: RemoteReasonerError, code: str, transient: bool) -> None:
    assert failure_of("k", error) == ItemFailed("k", code, "no", transient)


def test_the_number_of_threads_is_the_recipe_s_and_only_while_it_works(image: Path) -> None:
    import torch

    before = torch.get_num_threads()
    seen: list[int] = []

    def script(prompt: Prompt) -> str:
        seen.append(torch.get_num_threads())
        return ANSWER

    for threads in (1, 3):
        worker(Recipe(threads=threads), script).work(unit(image, "A"))
    assert seen == [1, 3]
    assert torch.get_num_threads() == before


def test_formats_are_checked() -> None:
    check_formats(("geojson", "mask"))
    with pytest.raises(UsageError, match="unknown format 'shp'"):
        check_formats(("shp",))


def test_identity_has_no_device() -> None:
    assert worker(Recipe()).identity == "scripted scripted pixels + box"
