"""The segmenter with the weights of the package: real network, small drawn scenes."""

import json
import shutil
import time

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from remotereasoner.errors import CheckpointError, ModelNotFoundError, UsageError
from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.transform.masks import paste
from remotereasoner.transform.segmenter_views import crop_view, iter_upsampled, view_window
from remotereasoner.types import WindowPx

torch = pytest.importorskip("torch")

from remotereasoner.transform.embedded import DEFAULT_WEIGHTS, EmbeddedSegmenter  # noqa: E402


def make_scene(pixels, valid=None):
    height, width = pixels.shape[:2]
    rendering = Rendering(
        "drawn", "MEM", (1, 2, 3), (None, None, None), "uint8", "none", ((0.0, 255.0),) * 3, None,
        WindowPx(0, 0, width, height), (height, width),
    )  # fmt: skip
    return Scene(pixels, np.ones((height, width), bool) if valid is None else valid, Affine.identity(), None, rendering)


def discs(height=160, width=240, centers=((50, 60), (160, 90)), radius=25, seed=0):
    """Bright discs on dark, noisy ground: the scene and a mask for each."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal((70, 90, 60), 8, (height, width, 3))
    ys, xs = np.mgrid[:height, :width] + 0.5
    masks = [(xs - x) ** 2 + (ys - y) ** 2 <= radius**2 for x, y in centers]
    for mask in masks:
        pixels[mask] += 120
    return make_scene(np.clip(pixels, 0, 255).astype(np.uint8)), masks


def placed(found, size_hw):
    plane = np.zeros(size_hw, bool)
    paste(found, plane)
    return plane


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope="module")
def segmenter():
    torch.set_num_threads(1)
    return EmbeddedSegmenter()


def test_the_masks_follow_the_objects_not_the_boxes(segmenter):
    scene, masks = discs()
    found = segmenter.segment(scene, [(25, 35, 75, 85), (135, 65, 185, 115)])
    for got, truth in zip(found, masks, strict=True):
        assert iou(placed(got, scene.size_hw), truth) > 0.88  # the plain box: 0.785
        assert 0 < got.score <= 1
        assert got.mask.any(0)[[0, -1]].all()
        assert got.mask.any(1)[[0, -1]].all()


def test_nothing_asked_nothing_found(segmenter):
    assert segmenter.segment(discs()[0], []) == []


def test_fifty_objects_in_order_and_the_same_as_one_by_one(segmenter):
    scene, _ = discs(400, 640, [(40 + 60 * i, 40 + 75 * j) for j in range(5) for i in range(10)], 20)
    boxes = [(20 + 60 * i, 20 + 75 * j, 60 + 60 * i, 60 + 75 * j) for j in range(5) for i in range(10)]
    together = segmenter.segment(scene, boxes)
    assert len(together) == 50
    for index in (0, 17, 49):
        alone = segmenter.segment(scene, [boxes[index]])[0]
        assert alone.offset_xy == together[index].offset_xy
        assert iou(placed(alone, scene.size_hw), placed(together[index], scene.size_hw)) > 0.99
        assert alone.score == pytest.approx(together[index].score, abs=1e-3)
    # In order: every mask lies within reach of its own box.
    for (x1, y1, _, _), got in zip(boxes, together, strict=True):
        assert x1 - 2 <= got.offset_xy[0] < x1 + 40
        assert y1 - 2 <= got.offset_xy[1] < y1 + 40


@pytest.mark.parametrize("center", [(0, 60), (60, 0), (240, 160), (3, 157)])
def test_objects_at_the_edge_stay_inside(segmenter, center):
    scene, (truth,) = discs(centers=[center])
    box = (center[0] - 25, center[1] - 25, center[0] + 25, center[1] + 25)
    got = segmenter.segment(scene, [box])[0]
    assert iou(placed(got, scene.size_hw), truth) > 0.75


def test_an_object_many_times_larger_than_the_view(segmenter):
    scene, (truth,) = discs(1400, 1800, [(900, 700)], 600)
    got = segmenter.segment(scene, [(300, 100, 1500, 1300)])[0]
    assert iou(placed(got, scene.size_hw), truth) > 0.9


def test_an_object_of_a_few_pixels(segmenter):
    scene, (truth,) = discs(centers=[(100, 80)], radius=4)
    got = segmenter.segment(scene, [(96, 76, 104, 84)])[0]
    assert iou(placed(got, scene.size_hw), truth) > 0.6


def test_the_whole_scene_as_a_box(segmenter):
    """The window reaches beyond the scene on all four sides."""
    scene, masks = discs(160, 160, centers=[(80, 80)], radius=79)
    got = segmenter.segment(scene, [(0, 0, 160, 160)])[0]
    assert iou(placed(got, scene.size_hw), masks[0]) > 0.85  # the plain box: 0.77


@pytest.mark.parametrize(
    "box",
    [(300, 10, 340, 50), (-50, -50, -1, -1), (10, 10, 10, 40), (40, 40, 20, 60), (0, 0, np.nan, 5), (0, 0, np.inf, 5)],
)
def test_boxes_without_pixels_give_empty_masks(segmenter, box):
    got = segmenter.segment(discs()[0], [box, (25, 35, 75, 85)])
    assert got[0].mask.shape == (0, 0)
    assert got[0].score == 0.0
    assert got[1].mask.any()


def test_invalid_pixels_are_never_in_a_mask(segmenter):
    scene, _ = discs()
    valid = np.ones(scene.size_hw, bool)
    valid[:, :50] = False
    got = segmenter.segment(make_scene(scene.pixels, valid), [(25, 35, 75, 85)])[0]
    assert not (placed(got, scene.size_hw) & ~valid).any()
    nowhere = segmenter.segment(make_scene(scene.pixels, np.zeros(scene.size_hw, bool)), [(25, 35, 75, 85)])[0]
    assert nowhere.mask.shape == (0, 0)


def test_points_reach_the_network_each_at_its_own_box(segmenter):
    """How much they matter is another question: see the model card."""
    scene, _ = discs()
    boxes = [(25, 35, 75, 85), (135, 65, 185, 115)]
    plain = segmenter.segment(scene, boxes)
    pointed = segmenter.segment(scene, boxes, [[], [(160, 90), (150, 95)]])
    assert pointed[0].score == pytest.approx(plain[0].score, abs=1e-5)
    assert (pointed[0].mask == plain[0].mask).all()
    assert pointed[1].score != pytest.approx(plain[1].score, abs=1e-5)


def test_points_that_are_not_finite_are_left_out(segmenter):
    scene, _ = discs()
    box = (25, 35, 75, 85)
    plain = segmenter.segment(scene, [box])[0]
    strange = segmenter.segment(scene, [box], [[(float("nan"), 5.0), (float("inf"), 5.0)]])[0]
    assert strange.offset_xy == plain.offset_xy
    assert (strange.mask == plain.mask).all()


def test_points_must_match_boxes(segmenter):
    with pytest.raises(UsageError, match="one list per box"):
        segmenter.segment(discs()[0], [(25, 35, 75, 85)], [])


def test_a_batch_of_none_is_refused():
    with pytest.raises(UsageError, match="batch_size"):
        EmbeddedSegmenter(batch_size=0)


def test_the_name_carries_the_hash(segmenter):
    described = json.loads(DEFAULT_WEIGHTS.with_suffix(".json").read_text())
    assert segmenter.name == f"embedded-segmenter/{described['version']} sha256:{described['sha256'][:12]}"
    assert described["parameters"] <= 2_000_000
    assert DEFAULT_WEIGHTS.stat().st_size <= 4 << 20


def test_changed_weights_are_refused(tmp_path):
    weights = tmp_path / "segmenter.safetensors"
    shutil.copy(DEFAULT_WEIGHTS.with_suffix(".json"), tmp_path)
    content = bytearray(DEFAULT_WEIGHTS.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="sha256"):
        EmbeddedSegmenter(weights)


@pytest.mark.parametrize("description", ["{", "[]", "{}", '{"version": "1", "view_size": "x", "sha256": ""}'])
def test_bad_descriptions_are_refused(tmp_path, description):
    shutil.copy(DEFAULT_WEIGHTS, tmp_path)
    (tmp_path / "segmenter.json").write_text(description)
    with pytest.raises(CheckpointError, match="describe"):
        EmbeddedSegmenter(tmp_path / "segmenter.safetensors")


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x02\0\0\0\0\0\0\0{}"])
def test_files_of_another_format_are_refused(tmp_path, content):
    import hashlib

    weights = tmp_path / "segmenter.safetensors"
    weights.write_bytes(content)
    description = {"version": "1", "view_size": 96, "sha256": hashlib.sha256(content).hexdigest()}
    weights.with_suffix(".json").write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match="weights of this network"):
        EmbeddedSegmenter(weights)


def test_missing_weights_are_said_to_be_missing(tmp_path):
    with pytest.raises(ModelNotFoundError, match="could not be read"):
        EmbeddedSegmenter(tmp_path / "absent.safetensors")


def test_an_object_costs_little(segmenter):
    """Batched, time of the processor (test machines are shared); bench/segmenters.py measures the clock."""
    scene, _ = discs(400, 640, [(100, 100)], 20)
    boxes = [(80.0 + i, 80.0, 120.0 + i, 120.0) for i in range(16)]
    segmenter.segment(scene, boxes)
    started = time.process_time()
    segmenter.segment(scene, boxes)
    assert (time.process_time() - started) / 16 < 0.03


boxes = st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.5, 900), st.floats(0.5, 900)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(boxes)
@settings(max_examples=200, deadline=None)
def test_windows_hold_their_box_with_margin(box):
    x1, y1, x2, y2 = view_window(box)
    width, height = x2 - x1, y2 - y1
    assert width >= 1.39 * (box[2] - box[0])
    assert height >= 1.39 * (box[3] - box[1])
    assert min(width, height) >= 0.499 * max(width, height)
    assert (x1 + x2) / 2 == pytest.approx((box[0] + box[2]) / 2, abs=1e-6)


@pytest.mark.parametrize(("window", "size"), [((10.0, 20.0, 106.0, 116.0), 96), ((-30.5, -8.25, 250.0, 272.25), 96)])
def test_views_keep_coordinates(window, size):
    """A picture whose colour is its position: the view shows the position of its own pixel centres."""
    ys, xs = np.mgrid[:240, :240]
    pixels = np.stack([xs, ys, np.zeros_like(xs)], 2).astype(np.uint8)
    view, inside = crop_view(pixels, np.ones((240, 240), bool), window, size)
    scale = (window[2] - window[0]) / size
    columns = window[0] + (np.arange(size) + 0.5) * scale - 0.5
    middle = view[size // 2, :, 0].astype(float)
    deep = (columns > 4) & (columns < 235)
    assert np.abs(middle - columns)[deep].max() <= 1.0
    outside = (columns < -1.5 * scale) | (columns > 240 + 1.5 * scale)
    assert (inside[size // 2, outside] == 0).all()
    assert (inside[size // 2, deep] == 255).all()


def test_views_of_very_large_windows_stay_in_place():
    pixels = np.zeros((3000, 3000, 3), np.uint8)
    pixels[:, 1500:] = 200
    view, _ = crop_view(pixels, np.ones((3000, 3000), bool), (0.0, 0.0, 3000.0, 3000.0), 96)
    assert (view[2:-2, 2:47] < 20).all()
    assert (view[2:-2, 49:-2] > 190).all()


@pytest.mark.parametrize("max_values", [64, 1 << 22])
def test_upsampling_is_bilinear_whatever_the_chunks(max_values):
    size = 16
    plane = np.add.outer(3.0 * np.arange(size), 2.0 * np.arange(size)).astype(np.float32)
    chunks = list(iter_upsampled(plane, (0.0, 0.0, 64.0, 64.0), (8, 8, 56, 50), max_values))
    assert all(part.size <= max(64, 48) * (max_values > 64 or 2) for _, part in chunks) or max_values > 64
    full = np.concatenate([part for _, part in chunks])
    assert full.shape == (42, 48)
    ys, xs = np.mgrid[8:50, 8:56] + 0.5
    assert full == pytest.approx(3 * (ys / 4 - 0.5) + 2 * (xs / 4 - 0.5), abs=1e-3)
    assert chunks[0][0] == 0
