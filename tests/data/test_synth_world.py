from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from remotereasoner.data.samples import Sample, read_samples
from remotereasoner.data.synth import world as world_module
from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.vocabulary import ALL_CLASSES, AREA_CLASSES
from remotereasoner.data.synth.world import write_world
from remotereasoner.errors import ExportError, UsageError
from remotereasoner.scene import open_scene

OPTIONS = WorldOptions(seed=4, side=160)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def rows_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]


def test_the_same_bytes_whatever_the_workers_and_the_count(tmp_path: Path) -> None:
    options = WorldOptions(seed=4, side=160, masks=True)
    write_world(options, 18, tmp_path / "one", workers=1)
    write_world(options, 18, tmp_path / "two", workers=2)
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert len([name for name in one if name.startswith("images/")]) == 18
    write_world(options, 5, tmp_path / "few", workers=1)
    few = contents(tmp_path / "few")
    assert all(one[name] == data for name, data in few.items() if name.startswith(("images/", "masks/")))
    assert one["labels.jsonl"].startswith(few["labels.jsonl"])
    assert one["samples.jsonl"].startswith(few["samples.jsonl"])


def test_labels_are_of_the_labelled_images_layout(tmp_path: Path) -> None:
    world = write_world(WorldOptions(seed=6, side=160, masks=True), 12, tmp_path / "w")
    rows = rows_of(tmp_path / "w")
    assert len(rows) == world.scenes == 12
    assert sum(len(row["objects"]) for row in rows) == world.objects  # type: ignore[arg-type, misc]
    names = json.loads((tmp_path / "w" / "world.json").read_text())["index_mask_classes"]
    for row in rows:
        with Image.open(tmp_path / "w" / str(row["image"])) as image:
            assert image.size == (row["width"], row["height"]) == (160, 160)
        with Image.open(tmp_path / "w" / str(row["index_mask"])) as image:
            values = np.asarray(image)
        assert row["set"] == "synthetic"
        assert set(row["exhaustive_for"]) <= set(ALL_CLASSES)  # type: ignore[call-overload]
        drawn = {names[v] for v in np.unique(values) if v}
        assert drawn <= {o["category"] for o in row["objects"]}  # type: ignore[attr-defined]
        for item in row["objects"]:  # type: ignore[attr-defined]
            assert set(item) == {"category", "bbox", "polygon"}
            assert all(len(ring) >= 8 and len(ring) % 2 == 0 for ring in item["polygon"])
        for relation in row["relations"]:  # type: ignore[attr-defined]
            assert {row["objects"][k]["category"] for k in relation["objects"]} == {relation["category"]}  # type: ignore[index]


def test_the_tower_reads_it(tmp_path: Path) -> None:
    from remotereasoner.training.nano.overhead import read_split

    write_world(OPTIONS, 3, tmp_path / "w")
    (tmp_path / "w" / "labels.jsonl").rename(tmp_path / "w" / "train.jsonl")
    images = read_split(tmp_path / "w", "train")
    assert [i.source_set for i in images] == ["synthetic"] * 3
    assert all(i.pixels.shape == (160, 160, 3) for i in images)


@pytest.mark.parametrize("split", ["train", "val"])
def test_samples_can_be_read_and_fit_the_labels(tmp_path: Path, split: str) -> None:
    options = WorldOptions(seed=9, side=192, sample_polygons=True, split=split)  # type: ignore[arg-type]
    world = write_world(options, 24, tmp_path / "w")
    samples = [s for s in read_samples(tmp_path / "w" / "samples.jsonl", strict=True) if isinstance(s, Sample)]
    assert len(samples) == world.samples > 24 * 5
    rows = {str(row["image"]): row for row in rows_of(tmp_path / "w")}
    kinds = set()
    for sample in samples:
        row = rows[sample.image]
        kinds.add(sample.kind)
        assert sample.split == split
        there = [tuple(o["bbox"]) for o in row["objects"] if o["category"] == sample.category]  # type: ignore[attr-defined]
        if sample.category is not None:
            assert sample.category in row["exhaustive_for"]  # type: ignore[operator]
        if sample.kind in ("direct", "implicit"):
            assert list(sample.boxes) == there
        elif sample.kind == "absent":
            assert not sample.boxes
            assert not there
        elif sample.kind == "count":
            assert sample.answers == (str(len(there)),)
        elif sample.kind == "presence":
            assert sample.answers == ("yes" if there else "no",)
        else:
            assert set(sample.boxes) <= set(there)
        if sample.task == "locate":
            assert sample.polygons is not None
            assert len(sample.polygons) == len(sample.boxes)
    assert kinds >= {"direct", "implicit", "absent", "count", "presence"}
    assert any(str(kind).startswith("relation_") for kind in kinds)


def test_geotiffs_have_their_place(tmp_path: Path) -> None:
    options = WorldOptions(seed=1, side=300, families=("farmland",), picture="geotiff", sensors=("rgb", "rgb16"))
    write_world(options, 12, tmp_path / "w")
    dtypes = set()
    for row in rows_of(tmp_path / "w"):
        scene = open_scene(tmp_path / "w" / str(row["image"]))
        assert scene.crs is not None
        assert scene.crs.is_projected
        assert scene.crs.to_epsg() is not None
        assert (scene.transform.a, scene.transform.e) == (row["gsd_m"], -float(str(row["gsd_m"])))
        assert scene.pixels.shape == (300, 300, 3)
        assert scene.pixels[..., 1].mean() > 20
        assert scene.valid.all()
        dtypes.add(scene.rendering.dtype)
    assert dtypes == {"uint8", "uint16"}


def test_colour_infrared_shows_plants_red(tmp_path: Path) -> None:
    for sensor, first in (("rgb", 1), ("cir", 0)):
        options = WorldOptions(seed=1, side=128, families=("forest",), sensors=(sensor,), picture="png")
        write_world(options, 2, tmp_path / sensor)
        for path in (tmp_path / sensor / "images").iterdir():
            with Image.open(path) as image:
                assert int(np.asarray(image).reshape(-1, 3).mean(0).argmax()) == first


@pytest.mark.parametrize(
    ("options", "count", "workers", "word"),
    [
        (OPTIONS, 0, 1, "at least 1"),
        (OPTIONS, -3, 1, "at least 1"),
        (OPTIONS, 1, 0, "workers"),
        (WorldOptions(families=("atlantis",)), 1, 1, "atlantis"),
        (WorldOptions(sensors=("nose",)), 1, 1, "nose"),
        (WorldOptions(families=("parking",), gsd_m=(5.0, 30.0)), 1, 1, "0.5"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, options: WorldOptions, count: int, workers: int, word: str
) -> None:
    with pytest.raises(UsageError, match=word):
        write_world(options, count, tmp_path / "w", workers=workers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changes", [{"side": 8}, {"side": 10**6}, {"gsd_m": (0.0, 1.0)}, {"gsd_m": (3.0, 1.0)}])
def test_options_are_checked(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        WorldOptions(**changes)  # type: ignore[arg-type]


def test_only_a_world_is_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "w"
    out.mkdir()
    write_world(OPTIONS, 2, out)
    before = contents(out)
    with pytest.raises(ExportError, match="--overwrite"):
        write_world(OPTIONS, 3, out)
    assert contents(out) == before
    write_world(OPTIONS, 3, out, overwrite=True)
    assert len(rows_of(out)) == 3
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="no synthetic world"):
        write_world(OPTIONS, 1, home, overwrite=True)
    with pytest.raises(ExportError, match="is a file"):
        write_world(OPTIONS, 1, home / "thesis.txt", overwrite=True)
    assert (home / "thesis.txt").read_text() == "years of work"
    assert {p.name for p in tmp_path.iterdir()} == {"w", "home"}


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "w"
    write_world(OPTIONS, 2, out)
    before = contents(out)
    real = world_module.write_scene

    def full(options: WorldOptions, number: int, folder: Path) -> object:
        if number == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(options, number, folder)

    monkeypatch.setattr(world_module, "write_scene", full)
    with pytest.raises(ExportError, match="No space left"):
        write_world(OPTIONS, 6, out, overwrite=True)
    assert contents(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot"):
        write_world(OPTIONS, 1, tmp_path / "file" / "w")


def test_progress_counts_scenes(tmp_path: Path) -> None:
    seen: list[int] = []
    write_world(OPTIONS, 10, tmp_path / "w", progress=seen.append)
    assert seen == [8, 10]


def test_things_are_asked_about_before_areas(tmp_path: Path) -> None:
    write_world(WorldOptions(seed=2, side=256, families=("sports",)), 3, tmp_path / "w")
    samples = [s for s in read_samples(tmp_path / "w" / "samples.jsonl") if isinstance(s, Sample)]
    asked = {s.category for s in samples if s.kind == "direct"}
    assert asked - set(AREA_CLASSES)
