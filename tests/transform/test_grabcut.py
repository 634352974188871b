from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from remotereasoner.errors import MissingExtraError
from remotereasoner.transform.grabcut import FALLBACK_SCORE, GrabCutSegmenter
from remotereasoner.transform.masks import union

pytest.importorskip("cv2", reason="needs the extra 'grabcut'")


def disc(height: int, width: int) -> np.ndarray:
    rows, columns = np.ogrid[:height, :width]
    return (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 4) ** 2


@pytest.mark.parametrize(("height", "width"), [(160, 200), (1400, 1200)])
def test_it_finds_a_disc_that_stands_out(make_scene, height, width) -> None:
    scene = make_scene(height, width)
    reach = min(height, width) / 4 + 6
    box_xyxy = (width / 2 - reach, height / 2 - reach, width / 2 + reach, height / 2 + reach)
    (mask,) = GrabCutSegmenter().segment(scene, [box_xyxy])
    found, true = union([mask], scene.size_hw), disc(height, width)
    assert (found & true).sum() / (found | true).sum() > 0.97
    assert mask.score == 1.0


@pytest.mark.parametrize(
    "box_xyxy",
    [(0.0, 0.0, 60.0, 40.0), (20.0, 20.0, 22.0, 22.0)],
    ids=["the whole image", "a few pixels"],
)
def test_the_box_where_grabcut_has_nothing_to_go_by(make_scene, box_xyxy) -> None:
    (mask,) = GrabCutSegmenter().segment(make_scene(40, 60), [box_xyxy])
    assert mask.score == FALLBACK_SCORE
    assert mask.mask.all()
    assert mask.mask.sum() == (box_xyxy[2] - box_xyxy[0]) * (box_xyxy[3] - box_xyxy[1])


def test_the_box_where_nothing_is_left_of_the_object(make_scene) -> None:
    scene = replace(make_scene(60, 60), pixels=np.full((60, 60, 3), 90, dtype=np.uint8))
    (mask,) = GrabCutSegmenter().segment(scene, [(20.0, 20.0, 40.0, 40.0)])
    assert mask.mask.shape == (20, 20)
    assert mask.mask.all()


def test_points_are_the_objects(make_scene) -> None:
    """A dark spot that looks like the surroundings belongs to the object once a point says so."""
    scene = make_scene(160, 200)
    pixels = scene.pixels.copy()
    pixels[78:82, 98:102] = 60
    scene = replace(scene, pixels=pixels)
    (mask,) = GrabCutSegmenter().segment(scene, [(50.0, 30.0, 150.0, 130.0)], [[(100.0, 80.0), (999.0, 5.0)]])
    assert union([mask], scene.size_hw)[80, 100]


def test_never_outside_the_valid_part(make_scene) -> None:
    scene = make_scene(160, 200)
    valid = scene.valid.copy()
    valid[:, :100] = False
    scene = replace(scene, valid=valid)
    (mask,) = GrabCutSegmenter().segment(scene, [(50.0, 30.0, 150.0, 130.0)])
    assert mask.offset_xy[0] >= 100


def test_without_opencv_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[grabcut\]"):
        GrabCutSegmenter()
