"""From the miniatures to sample files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniatures import A, B, coco, earthreason, labelled, mask_of, rrsisd
from PIL import Image
from rasterio.features import rasterize

from remotereasoner.data.convert import Conversion, convert
from remotereasoner.data.readers import ReadOptions
from remotereasoner.data.samples import Sample, image_path, mask_path, read_samples
from remotereasoner.errors import ExportError, InputError, SampleError, UsageError


def run(name: str, root: Path, out: Path, **options: Any) -> tuple[Conversion, list[Sample]]:
    done = convert(name, root, out, **options)
    return done, list(read_samples(out, strict=True))


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_masks_lie_beside_the_file_and_one_root_leads_to_everything(tmp_path: Path) -> None:
    root, out = earthreason(tmp_path / "set"), tmp_path / "out" / "er.jsonl"
    done, samples = run("earthreason", root, out, options=ReadOptions(questions="all"))
    assert (done.samples, done.images, done.masks, done.no_target, done.invalid_count) == (33, 7, 6, 2, 5)
    assert done.root == out.parent
    assert done.splits == {"test": 33}
    for sample in samples:
        with Image.open(image_path(done.root, sample)) as image:
            size = image.size
        where = mask_path(done.root, sample)
        assert (where is None) == (not sample.boxes)
        if where is not None:
            with Image.open(where) as mask:
                assert (mask.size, mask.mode) == (size, "L")
                assert set(np.unique(np.asarray(mask))) == {0, 255}
    assert sorted(path.name for path in out.parent.iterdir()) == ["er.jsonl", "er_images", "er_masks"]
    assert (out.parent / "er_images").is_symlink()
    plain = next(s for s in samples if "/plain/" in s.id)
    assert np.array_equal(np.asarray(Image.open(mask_path(done.root, plain))) > 0, mask_of(A, B))


def test_a_file_within_the_data_set_needs_no_link(tmp_path: Path) -> None:
    root = rrsisd(tmp_path)
    done, samples = run("rrsis-d", root, root / "made" / "s.jsonl")
    assert done.root == root
    assert samples[0].image.startswith("images/rrsisd/")
    assert samples[0].mask == "made/s_masks/test/501.png"
    assert mask_path(done.root, samples[0]).is_file()
    assert not (root / "made" / "s_images").exists()


def test_a_file_above_the_data_set_needs_no_link(tmp_path: Path) -> None:
    done, samples = run("rrsis-d", rrsisd(tmp_path / "set"), tmp_path / "s.jsonl")
    assert done.root == tmp_path
    assert samples[0].image.startswith("set/images/")
    assert not (tmp_path / "s_images").exists()


def even_odd(sample: Sample) -> np.ndarray:
    frame = np.zeros((48, 64), bool)
    for rings in sample.polygons:
        own = np.zeros((48, 64), bool)
        for ring in rings:
            own ^= rasterize([{"type": "Polygon", "coordinates": [[*ring, ring[0]]]}], out_shape=(48, 64)) > 0
        frame |= own
    return frame


def test_masks_as_polygons_are_the_same_pixels_and_keep_paths_below_the_data_set(tmp_path: Path) -> None:
    root = earthreason(tmp_path / "set")
    hollow = mask_of(A, B)
    hollow[10:14, 10:15] = False
    hollow[1, 1] = True  # a speck that no box holds
    Image.fromarray(hollow.view(np.uint8)).save(root / "test/labels/plain.png")
    done, samples = run("earthreason", root, tmp_path / "out" / "er.jsonl", masks="polygons")
    assert (done.root, done.masks) == (root, 0)
    plain = next(s for s in samples if "/plain/" in s.id)
    assert plain.image == "test/images/plain.jpg"
    assert len(plain.polygons) == len(plain.boxes) == 2
    assert np.array_equal(even_odd(plain), hollow)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["er.jsonl"]


def test_masks_left_out(tmp_path: Path) -> None:
    done, samples = run("rrsis-d", rrsisd(tmp_path / "set"), tmp_path / "o" / "s.jsonl", masks="none")
    assert done.root == tmp_path / "set"
    assert all(s.mask is None for s in samples)
    assert sum(s.polygons is not None for s in samples) == 1  # the source's own polygon is kept


def test_strict_stops_with_file_and_line_and_leaves_nothing(tmp_path: Path) -> None:
    root, out = labelled(tmp_path / "set"), tmp_path / "s.jsonl"
    with pytest.raises(SampleError, match=r"train\.jsonl, line 4: there is no image") as caught:
        convert("labelled", root, out, strict=True)
    assert (caught.value.line, Path(caught.value.path).name) == (4, "train.jsonl")
    root = earthreason(tmp_path / "er")
    with pytest.raises(SampleError, match=r"blank\.json: questions\[0\] must be text"):
        convert("earthreason", root, tmp_path / "e.jsonl", strict=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["er", "set"]


def test_invalid_records_are_told_and_counted(tmp_path: Path) -> None:
    told: list[str] = []
    done = convert(
        "coco", coco(tmp_path), tmp_path / "s.jsonl", options=ReadOptions(images="img"),
        on_invalid=lambda record: told.append(record.reason),
    )  # fmt: skip
    assert (done.samples, done.invalid_count) == (2, 6)
    assert [record.reason for record in done.invalid] == told


def test_what_the_sample_file_would_refuse_is_invalid_not_fatal(tmp_path: Path) -> None:
    root = earthreason(tmp_path / "set")
    (root / "test/QAs/plain.json").write_text(json.dumps({"questions": ["long " * 2000], "answer": []}))
    done, samples = run("earthreason", root, tmp_path / "s.jsonl")
    assert not any("/plain/" in s.id for s in samples)
    assert any("characters" in record.reason for record in done.invalid)


def test_an_older_file_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    root, out = rrsisd(tmp_path / "set"), tmp_path / "o" / "s.jsonl"
    run("rrsis-d", root, out)
    before = out.read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        convert("rrsis-d", root, out)
    done, samples = run("rrsis-d", root, out, overwrite=True, limit=1)
    assert (done.samples, done.masks, len(samples)) == (1, 1, 1)
    assert len(list((out.parent / "s_masks").rglob("*.png"))) == 1
    assert out.read_bytes() != before
    assert not left_over(out.parent)


def test_a_failure_midway_leaves_the_older_file_whole(tmp_path: Path) -> None:
    root, out = rrsisd(tmp_path / "set"), tmp_path / "o" / "s.jsonl"
    run("rrsis-d", root, out)
    before = {path: path.stat().st_mtime_ns for path in out.parent.rglob("*") if "s_images" not in path.parts}
    (root / "rrsisd/instances.json").write_text("{}")
    with pytest.raises(InputError, match="has no list of images"):
        convert("rrsis-d", root, out, overwrite=True)
    with pytest.raises(SampleError):
        convert("earthreason", earthreason(tmp_path / "er"), out, overwrite=True, strict=True)
    assert before == {path: path.stat().st_mtime_ns for path in out.parent.rglob("*") if "s_images" not in path.parts}
    assert not left_over(out.parent)


def test_a_folder_in_the_way_of_the_link(tmp_path: Path) -> None:
    (tmp_path / "o" / "s_images").mkdir(parents=True)
    with pytest.raises(UsageError, match="is in the way"):
        convert("rrsis-d", rrsisd(tmp_path / "set"), tmp_path / "o" / "s.jsonl")
    assert not (tmp_path / "o" / "s.jsonl").exists()


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot write"):
        convert("rrsis-d", rrsisd(tmp_path / "set"), tmp_path / "file" / "s.jsonl")


def test_limits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="limit must be 1 or more"):
        convert("rrsis-d", tmp_path, tmp_path / "s.jsonl", limit=0)


def test_box_b_is_where_the_second_mask_is(tmp_path: Path) -> None:
    _, samples = run("rrsis-d", rrsisd(tmp_path), tmp_path / "s.jsonl")
    dam = next(s for s in samples if s.query == "The dam on the right")
    assert dam.boxes == (tuple(map(float, B)),)
