"""What every segmenter must do, in one table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from remotereasoner.errors import UsageError
from remotereasoner.transform.load import load_segmenter
from remotereasoner.transform.masks import union

HEIGHT, WIDTH = 150, 210


@pytest.fixture(scope="module", params=["box", "grabcut", "embedded", "sam2"])
def segmenter(request):
    if request.param == "grabcut":
        pytest.importorskip("cv2", reason="needs the extra 'grabcut'")
    if request.param == "embedded":
        pytest.importorskip("torch", reason="needs the extra 'embedded'")
    if request.param == "sam2":
        return load_segmenter(f"sam2:{request.getfixturevalue('tiny_sam2')}")
    return load_segmenter(request.param)


def fifty() -> list[tuple[float, float, float, float]]:
    rng = np.random.default_rng(5)
    corners = rng.uniform((0, 0), (WIDTH - 45, HEIGHT - 45), size=(50, 2))
    sides = rng.uniform(3, 40, size=(50, 2))
    return [(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners.tolist(), sides.tolist(), strict=True)]


CASES = {
    "one": [(60.0, 40.0, 150.0, 110.0)],
    "two": [(60.0, 40.0, 150.0, 110.0), (5.0, 5.0, 30.0, 25.0)],
    "fifty": fifty(),
    "none": [],
    "floats": [(60.4, 40.7, 149.2, 109.9)],
    "one pixel wide": [(80.0, 40.0, 81.0, 110.0)],
    "thinner than a pixel": [(80.6, 40.6, 80.8, 40.9)],
    "at the edges": [(0.0, 0.0, 20.0, 20.0), (WIDTH - 15.5, HEIGHT - 9.5, float(WIDTH), float(HEIGHT))],
    "the whole image": [(0.0, 0.0, float(WIDTH), float(HEIGHT))],
    "partly outside": [(-30.0, -20.0, 25.0, 25.0), (WIDTH - 10.0, 20.0, WIDTH + 60.0, 60.0)],
    "partly degenerate": [
        (10.0, 10.0, 10.0, 30.0),
        (60.0, 40.0, 150.0, 110.0),
        (50.0, 9.0, 40.0, 20.0),
        (900.0, 0.0, 950.0, 9.0),
    ],
}
EMPTY = {"partly degenerate": [0, 2, 3]}


@pytest.mark.parametrize("with_points", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_masks_in_order_cropped_and_inside(segmenter, make_scene, case, with_points) -> None:
    scene = make_scene(HEIGHT, WIDTH)
    boxes = CASES[case]
    points = [[((x1 + x2) / 2, (y1 + y2) / 2), (x1 + 1, y1 + 1)][: i % 3] for i, (x1, y1, x2, y2) in enumerate(boxes)]
    masks = segmenter.segment(scene, boxes, points if with_points else None)
    assert len(masks) == len(boxes)
    for i, mask in enumerate(masks):
        assert mask.mask.dtype == np.bool_
        assert 0.0 <= mask.score <= 1.0
        if mask.mask.size == 0 or i in EMPTY.get(case, []):
            assert mask.mask.shape == (0, 0)
            assert mask.score == 0.0
            continue
        assert all(type(v) is int for v in mask.offset_xy)
        assert mask.mask.any(axis=0)[[0, -1]].all()  # cropped to where it is
        assert mask.mask.any(axis=1)[[0, -1]].all()
    assert union(masks, scene.size_hw).shape == scene.size_hw  # raises where a mask reaches out of the scene


def test_masks_do_not_depend_on_the_company(segmenter, make_scene) -> None:
    scene = make_scene(HEIGHT, WIDTH)
    together = segmenter.segment(scene, CASES["fifty"])
    for i in (0, 17, 49):
        (alone,) = segmenter.segment(make_scene(HEIGHT, WIDTH), [CASES["fifty"][i]])
        assert alone.score == pytest.approx(together[i].score, abs=1e-4)
        ours, theirs = union([alone], scene.size_hw), union([together[i]], scene.size_hw)
        assert (ours & theirs).sum() >= 0.99 * (ours | theirs).sum()


def test_the_same_again(segmenter, make_scene) -> None:
    scene = make_scene(HEIGHT, WIDTH)
    first, second = (segmenter.segment(scene, CASES["two"]) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.offset_xy == other.offset_xy
        assert np.array_equal(one.mask, other.mask)


def test_larger_than_the_network_sees(segmenter, make_scene) -> None:
    scene = make_scene(900, 1300)
    (mask,) = segmenter.segment(scene, [(200.0, 100.0, 1100.0, 800.0)])
    assert mask.mask.shape[0] > 100 or mask.mask.shape == (0, 0)
    assert union([mask], scene.size_hw).shape == (900, 1300)


def test_an_all_but_constant_image(segmenter, make_scene) -> None:
    scene = replace(make_scene(40, 50), pixels=np.full((40, 50, 3), 128, dtype=np.uint8))
    (mask,) = segmenter.segment(scene, [(10.0, 10.0, 30.0, 30.0)])
    assert union([mask], scene.size_hw).shape == (40, 50)


def test_a_single_pixel_scene(segmenter, make_scene) -> None:
    scene = make_scene(1, 1)
    (mask,) = segmenter.segment(scene, [(0.0, 0.0, 1.0, 1.0)])
    assert mask.mask.shape in {(0, 0), (1, 1)}


def test_what_is_refused(segmenter, make_scene) -> None:
    scene = make_scene(40, 50)
    with pytest.raises(UsageError, match="2 lists of points for 1 boxes"):
        segmenter.segment(scene, [(1.0, 1.0, 9.0, 9.0)], [[], []])


def test_numbers_that_are_not_finite_are_no_prompts(segmenter, make_scene) -> None:
    boxes = [(1.0, 1.0, float("nan"), 9.0), (60.0, 40.0, 150.0, 110.0)]
    broken, whole = segmenter.segment(make_scene(HEIGHT, WIDTH), boxes, [[], [(float("inf"), 50.0)]])
    assert broken.mask.shape == (0, 0)
    (alone,) = segmenter.segment(make_scene(HEIGHT, WIDTH), boxes[1:])
    assert whole.score == pytest.approx(alone.score, abs=1e-4)


def test_it_has_a_name_with_a_version(segmenter) -> None:
    assert segmenter.name.split(":")[0].split("-")[0].split(" ")[0] in {"box", "grabcut", "embedded", "sam2"}
    assert "/" not in segmenter.name.removeprefix("embedded-segmenter/")
