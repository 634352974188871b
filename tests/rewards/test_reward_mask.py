"""The segmenter in the loop: masks of many completions by few calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reward_cases import HW, PROMPT, A, B, columns_of, drawn, reader, wrapped

from remotereasoner.errors import UsageError
from remotereasoner.rewards.mask import MaskIou, suppressed
from remotereasoner.rewards.scenes import ScenePool, true_mask
from remotereasoner.scene.scene import Scene
from remotereasoner.scores.boxes import as_boxes
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.box import BoxSegmenter
from remotereasoner.types import BoxXyxy, PointXy


class Watched(BoxSegmenter):
    """The box segmenter, with a record of its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Scene, list[BoxXyxy], Any]] = []

    def segment(
        self, scene: Scene, boxes_xyxy: Sequence[BoxXyxy], points_xy: Sequence[Sequence[PointXy]] | None = None
    ) -> list[InstanceMask]:
        self.calls.append((scene, list(boxes_xyxy), points_xy))
        return super().segment(scene, boxes_xyxy, points_xy)


def ring(box: BoxXyxy) -> list[list[float]]:
    x1, y1, x2, y2 = box
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]


def image(shade: int = 0) -> Image.Image:
    return Image.new("RGB", (HW[1], HW[0]), (shade, 0, 0))


def reward_of(segmenter: BoxSegmenter | None = None, root: Path | None = None, **more: Any) -> MaskIou:
    return MaskIou(reader(), segmenter=segmenter or BoxSegmenter(), pool=ScenePool(root), **more)


HALF: BoxXyxy = (10.0, 10.0, 50.0, 30.0)  # upper half of A


def test_iou_of_the_union_with_the_polygons() -> None:
    texts = [drawn(A, B), drawn(HALF, B), drawn(A), wrapped("[]"), "?", drawn((60, 100, 90, 150))]
    columns = columns_of([A, B], 6, polygons=[[ring(A)], [ring(B)]], image=image())
    values = reward_of()([PROMPT] * 6, texts, **columns)
    size_a, size_b = 40 * 40, 60 * 60
    wanted = [1.0, (size_a / 2 + size_b) / (size_a + size_b), size_a / (size_a + size_b), 0.0, 0.0, 0.0]
    assert values == pytest.approx(wanted)


def test_empty_truth_needs_neither_image_nor_mask() -> None:
    assert reward_of()([PROMPT] * 3, [wrapped("[]"), drawn(A), "?"], **columns_of([], 3)) == [1.0, 0.0, 0.0]


def test_without_a_true_mask_nothing_is_judged_but_the_certain() -> None:
    reward = reward_of()
    assert reward([PROMPT], [drawn(A)], **columns_of([A], image=image())) == [None]
    assert reward([PROMPT], [drawn(A)], **columns_of(None)) == [None]
    assert reward([PROMPT], [wrapped("[]")], **columns_of([A])) == [0.0]
    assert reward([PROMPT], [wrapped("yes")], **columns_of(None, task="vqa")) == [None]


def test_one_call_an_image_and_each_box_once() -> None:
    watched = Watched()
    reward = reward_of(watched)
    texts = [drawn(A), drawn(A, B), drawn(B, points=2), drawn(A)]
    columns = columns_of([A], 4, polygons=[[ring(A)]])
    columns["image"] = [image(), image(), image(), image(7)]
    values = reward([PROMPT] * 4, texts, **columns)
    assert values == [1.0, pytest.approx(1600 / (1600 + 3600)), 0.0, 1.0]
    assert [len(boxes) for _, boxes, _ in watched.calls] == [3, 1]  # A, B, B with points; A of the other image
    assert watched.calls[0][2] == [(), (), ((130.0, 50.0), (131.0, 50.0))] and watched.calls[1][2] is None
    reward([PROMPT] * 4, texts, **columns)
    assert [call[0] for call in watched.calls[2:]] == [call[0] for call in watched.calls[:2]]  # the same objects


def test_the_pool_is_bounded(tmp_path: Path) -> None:
    pool = ScenePool(tmp_path, kept=2)
    pictures = [image(shade) for shade in range(4)]
    keys = [pool.key(picture) for picture in pictures]
    assert len(set(keys)) == 4 and pool.key(np.asarray(pictures[1])) == keys[1]
    scenes = [pool.scene(key, picture) for key, picture in zip(keys[:2], pictures, strict=False)]
    assert pool.scene(keys[0], pictures[0]) is scenes[0]
    pool.scene(keys[2], pictures[2])  # drops 1, which was used longest ago
    assert pool.scene(keys[0], pictures[0]) is scenes[0] and pool.scene(keys[1], pictures[1]) is not scenes[1]
    for i in range(3):
        Image.new("L", (4, 3), i).save(tmp_path / f"{i}.png")
    assert [int(pool.mask(f"{i}.png", (3, 4)).sum()) for i in range(3)] == [0, 12, 12]
    assert len(pool._masks) == 2


def test_paths_of_images_and_masks(tmp_path: Path) -> None:
    image().save(tmp_path / "a.png")
    pixels = np.zeros(HW, np.uint8)
    pixels[10:50, 10:50] = 1  # 0 and 1 are a mask as well as 0 and 255
    Image.fromarray(pixels).save(tmp_path / "m.png")
    columns = columns_of([A], 3, image="a.png", mask="m.png")
    columns["image"][2] = str(tmp_path / "a.png")  # absolute, below the root
    texts = [drawn(A), drawn(HALF), drawn(A)]
    assert reward_of(root=tmp_path)([PROMPT] * 3, texts, **columns) == [1.0, 0.5, 1.0]
    listed = columns_of([A], images=["a.png"], mask="m.png")
    assert reward_of(root=tmp_path)([PROMPT], [drawn(A)], **listed) == [1.0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"image": "../a.png"}, "leads out of the root"),
        ({"image": "/etc/a.png"}, "leads out of the root"),
        ({"mask": "../../m.png", "image": image(), "polygons": None}, "leads out of the root"),
        ({"image": 7}, "image must be a path, a PIL image or an array"),
        ({}, "needs the column image"),
        ({"image": Image.new("RGB", (10, 10))}, r"image_hw is \(200, 300\), the image \(10, 10\)"),
        ({"mask": "small.png", "image": image(), "polygons": None}, "small.png is"),
    ],
)
def test_what_cannot_be_used(more: dict[str, Any], message: str, tmp_path: Path) -> None:
    Image.new("L", (5, 5), 1).save(tmp_path / "small.png")
    columns = columns_of([A], **{"polygons": [[ring(A)]], **more})
    with pytest.raises(UsageError, match=message):
        reward_of(root=tmp_path)([PROMPT], [drawn(A)], **columns)


def test_a_path_needs_a_root() -> None:
    with pytest.raises(UsageError, match="give the root"):
        reward_of()([PROMPT], [drawn(A)], **columns_of([A], image="a.png", polygons=[[ring(A)]]))


def test_a_mask_of_the_whole_image_can_be_worth_nothing() -> None:
    large: BoxXyxy = (0.0, 0.0, 300.0, 120.0)
    columns = columns_of([large], 2, image=image(), polygons=[[ring(large)]])
    texts = [drawn((0, 0, 300, 200)), drawn(large)]
    assert reward_of()([PROMPT] * 2, texts, **columns) == [pytest.approx(0.6), 1.0]
    assert reward_of(above_whole_image=True)([PROMPT] * 2, texts, **columns) == [pytest.approx(0.0), 1.0]


def test_rings_cut_holes_and_make_parts() -> None:
    outer, hole, part = ring((0, 0, 10, 10)), ring((2, 2, 5, 5)), ring((20, 0, 24, 4))
    assert int(true_mask([[outer, hole, part]], (30, 30)).sum()) == 100 - 9 + 16
    assert int(true_mask([[outer], [ring((5, 5, 15, 15))]], (30, 30)).sum()) == 100 + 100 - 25
    assert not true_mask([], (3, 3)).any()


def test_suppression_keeps_the_large_ones() -> None:
    boxes = as_boxes([(0, 0, 10, 10), (0, 0, 20, 20), (1, 1, 20, 20), (50, 50, 60, 60)])
    assert suppressed(boxes, 0.5) == [1, 0, 3]
    watched = Watched()
    columns = columns_of([A], image=image(), polygons=[[ring(A)]])
    reward_of(watched, suppress_iou=0.5)([PROMPT], [drawn(A, (12, 12, 50, 50))], **columns)
    assert watched.calls[0][1] == [A]
