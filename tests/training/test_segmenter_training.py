"""The training path on drawn shapes, and the labelled images where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from remotereasoner.training import segmenter_data as data  # noqa: E402
from remotereasoner.training.segmenter import Settings, sampling_weights, train  # noqa: E402
from remotereasoner.training.segmenter_augment import make_batch, view_windows  # noqa: E402
from remotereasoner.training.segmenter_shapes import drawn_crop, fractal_field  # noqa: E402
from remotereasoner.training.segmenter_weights import save_weights  # noqa: E402
from remotereasoner.transform.embedded import EmbeddedSegmenter  # noqa: E402
from remotereasoner.transform.segmenter_net import SegmenterNet, fuse_batch_norm  # noqa: E402
from remotereasoner.transform.segmenter_views import view_window  # noqa: E402


def drawn_cache(count=48, seed=0):
    rng = np.random.default_rng(seed)
    textures = [rng.integers(0, 255, (200, 200, 3), dtype=np.uint8) for _ in range(3)]
    crops = [drawn_crop(textures, data.CROP_SIZE, data.CROP_SPAN, rng) for _ in range(count)]
    planes = [target * data.TARGET + counted * data.COUNTED + data.VALID for _, _, target, counted in crops]
    return data.CropCache(
        np.stack([rgb.transpose(2, 0, 1) for _, rgb, _, _ in crops]),
        np.stack(planes).astype(np.uint8),
        np.stack([data.support(target & counted) for _, _, target, counted in crops]),
        [name for name, _, _, _ in crops],
    )


def test_drawn_shapes_are_seeded_and_centred():
    first, again, other = drawn_cache(8), drawn_cache(8), drawn_cache(8, seed=1)
    assert (first.rgb == again.rgb).all()
    assert (first.planes == again.planes).all()
    assert (first.rgb != other.rgb).any()
    for plane in first.planes:
        inside = (plane & data.TARGET) > 0
        assert 0 < inside.sum() < inside.size


def test_fractal_fields_get_smoother_with_the_exponent():
    rough, smooth = (fractal_field(64, exponent, np.random.default_rng(0)) for exponent in (0.2, 2.2))
    assert np.abs(np.diff(rough)).mean() > 3 * np.abs(np.diff(smooth)).mean()
    assert smooth.std() == pytest.approx(1)


def test_a_few_steps_reduce_the_loss():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = Settings(size=48, batch=12, steps=40, minutes=None)
    _, losses = train(drawn_cache(), settings, SegmenterNet())
    assert len(losses) == 40
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:4])


def test_the_same_seed_gives_the_same_weights():
    def once():
        torch.manual_seed(0)
        settings = Settings(size=48, batch=4, steps=3, minutes=None)
        return train(drawn_cache(8), settings, SegmenterNet())[0].state_dict()

    first, second = once(), once()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_batches_turn_box_and_mask_together():
    """Whatever the turn: without jitter the box drawn in the input is the tight box of the target."""
    cache = drawn_cache(40)
    shapes = np.array([index for index, name in enumerate(cache.category) if name == "drawn_shape"])
    batch = make_batch(cache, np.repeat(shapes, 4), 96, np.random.default_rng(3))
    assert batch.inputs.shape[1:] == (6, 96, 96)
    close = 0
    for box, target in zip(batch.inputs[:, 3], batch.target, strict=True):
        rows, columns = np.flatnonzero(target.any(1)), np.flatnonzero(target.any(0))
        box_rows, box_columns = np.flatnonzero((box > 0.5).any(1)), np.flatnonzero((box > 0.5).any(0))
        ends = np.array([rows[0], rows[-1], columns[0], columns[-1]])
        box_ends = np.array([box_rows[0], box_rows[-1], box_columns[0], box_columns[-1]])
        assert np.abs(ends - box_ends).max() <= 0.15 * 96 + 3  # the jitter's bound
        close += np.abs(ends - box_ends).max() <= 3
    assert close >= len(batch.target) // 5


def test_training_and_inference_share_the_window():
    boxes = [(0.0, 0.0, 10.0, 4.0), (5.5, 2.0, 9.0, 30.0), (1.0, 1.0, 2.0, 2.0)]
    assert view_windows(torch.tensor(boxes)).numpy() == pytest.approx(np.array([view_window(box) for box in boxes]))


def test_support_of_a_rectangle():
    mask = np.zeros((100, 100), bool)
    mask[40:60, 30:80] = True
    reach = data.support(mask)
    assert reach[[0, 18, 36, 54]] == pytest.approx([30, 10, 20, 10], abs=0.01)


def test_polygons_are_rasterised_to_the_half_pixel():
    square = ((10.0, 20.0, 30.0, 20.0, 30.0, 50.0, 10.0, 50.0),)
    mask = data.polygon_mask(square, (0.0, 0.0, 64.0, 64.0), (64, 64))
    assert mask.sum() == 20 * 30
    assert mask[20:50, 10:30].all()


def test_sampling_does_not_depend_on_how_many_crops_a_category_has():
    weights = sampling_weights(["ship"] * 10 + ["vehicle"] * 90)
    assert weights.sum() == pytest.approx(1)
    assert weights[:10].sum() == pytest.approx(1.3 / 2.5)


def test_fusing_and_saving_changes_little(tmp_path):
    torch.manual_seed(0)
    net, _ = train(drawn_cache(8), Settings(size=48, batch=4, steps=3, minutes=None), SegmenterNet())
    inputs = torch.rand(2, 6, 48, 48)
    with torch.inference_mode():
        before = net(inputs).logits
        path = save_weights(net, tmp_path, size=48, training={})
        assert torch.allclose(before, net(inputs).logits)  # the net itself is left alone
        after = fuse_batch_norm(net)(inputs).logits
    assert torch.allclose(before, after, atol=1e-3)
    assert EmbeddedSegmenter(path).name.startswith("embedded-segmenter/")


def test_labelled_objects_and_val_figures():
    folder = os.environ.get("REMOTEREASONER_DATA")
    if not folder:
        pytest.skip("REMOTEREASONER_DATA is not set: no labelled images here")
    from remotereasoner.training.segmenter_eval import evaluate

    report = evaluate(Path(folder), per_category=4)
    assert report["network"]["things"]["mean_of_categories"] > report["box"]["things"]["mean_of_categories"] + 0.1
