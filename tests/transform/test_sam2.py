from __future__ import annotations

import gc

import numpy as np
import pytest

from remotereasoner.transform.sam2 import PROMPTS_PER_CALL, Sam2Segmenter, prepare

BOXES = [(10.0, 10.0, 60.0, 50.0), (70.0, 20.0, 120.0, 90.0), (0.0, 0.0, 130.0, 100.0)]


@pytest.fixture(scope="module")
def segmenter(tiny_sam2) -> Sam2Segmenter:
    return Sam2Segmenter(str(tiny_sam2))


class Counter:
    """Counts a method's calls and keeps its arguments."""

    def __init__(self, monkeypatch, owner, name: str) -> None:
        self.calls: list[dict] = []
        method = getattr(owner, name)

        def counted(*args, **kwargs):
            self.calls.append(kwargs)
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)


def test_all_boxes_of_an_image_in_one_call(segmenter, make_scene, monkeypatch) -> None:
    decoded = Counter(monkeypatch, segmenter._checkpoint.model, "forward")
    segmenter.segment(make_scene(100, 130), BOXES)
    (call,) = decoded.calls
    assert call["input_boxes"].shape == (1, 3, 4)
    assert call["input_points"].shape == (1, 3, 1, 2)
    # The centres, at the network's 128 px, as indices of pixels.
    assert call["input_points"][0, 0, 0].tolist() == pytest.approx([35 * 128 / 130 - 0.5, 30 * 1.28 - 0.5])
    assert call["input_boxes"][0, 2].tolist() == pytest.approx([-0.5, -0.5, 127.5, 127.5])


def test_uneven_points_are_padded(segmenter, make_scene, monkeypatch) -> None:
    decoded = Counter(monkeypatch, segmenter._checkpoint.model, "forward")
    scene = make_scene(100, 130)
    points = [[(20.0, 20.0), (30.0, 30.0)], [], [(5.0, 5.0)]]
    uneven = segmenter.segment(scene, BOXES, points)
    assert decoded.calls[0]["input_labels"].tolist() == [[[1, 1], [1, -10], [1, -10]]]
    alone = segmenter.segment(scene, BOXES[1:2])
    assert uneven[1].score == pytest.approx(alone[0].score, abs=1e-2)


def test_the_embedding_is_made_once_per_scene(segmenter, make_scene, monkeypatch) -> None:
    embedded = Counter(monkeypatch, segmenter._checkpoint.model, "get_image_embeddings")
    scene, other = make_scene(100, 130), make_scene(100, 130)
    segmenter.segment(scene, BOXES)
    segmenter.segment(scene, BOXES[:1])
    assert len(embedded.calls) == 1
    segmenter.segment(other, BOXES)
    assert len(embedded.calls) == 2
    segmenter.segment(scene, BOXES)
    assert len(embedded.calls) == 3


def test_the_embedding_goes_with_the_scene(segmenter, make_scene) -> None:
    scene = make_scene(100, 130)
    segmenter.segment(scene, BOXES)
    assert segmenter._last is not None
    del scene
    gc.collect()
    assert segmenter._last is None


def test_many_boxes_are_split(segmenter, make_scene, monkeypatch) -> None:
    decoded = Counter(monkeypatch, segmenter._checkpoint.model, "forward")
    masks = segmenter.segment(make_scene(100, 130), [(5.0, 5.0, 50.0, 50.0)] * (PROMPTS_PER_CALL + 1))
    assert len(masks) == PROMPTS_PER_CALL + 1
    assert [call["input_boxes"].shape[1] for call in decoded.calls] == [PROMPTS_PER_CALL, 1]


def test_without_boxes_the_network_is_left_alone(segmenter, make_scene, monkeypatch) -> None:
    embedded = Counter(monkeypatch, segmenter._checkpoint.model, "get_image_embeddings")
    assert segmenter.segment(make_scene(100, 130), []) == []
    assert [m.mask.shape for m in segmenter.segment(make_scene(100, 130), [(5.0, 5.0, 5.0, 9.0)])] == [(0, 0)]
    assert embedded.calls == []


def test_prompts_change_the_masks(segmenter, make_scene) -> None:
    first, second, _ = segmenter.segment(make_scene(100, 130), BOXES)
    assert first.mask.shape != second.mask.shape or not np.array_equal(first.mask, second.mask)


def test_other_numbers(tiny_sam2, make_scene) -> None:
    masks = Sam2Segmenter(str(tiny_sam2), dtype="bfloat16", device="cpu").segment(make_scene(100, 130), BOXES)
    assert len(masks) == 3


def test_the_image_is_squeezed_and_normalised() -> None:
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:, 40:] = (255, 128, 0)
    prepared = prepare(pixels, 16, (0.5, 0.5, 0.5), (0.25, 0.5, 1.0))
    assert prepared.shape == (1, 3, 16, 16)
    assert prepared.dtype == np.float32
    assert prepared[0, :, 8, 2].tolist() == pytest.approx([-2.0, -1.0, -0.5])
    assert prepared[0, :, 8, 13].tolist() == pytest.approx([2.0, (128 / 255 - 0.5) * 2, -0.5], abs=1e-6)
