"""What a survey finds does not depend on how it is cut into windows: 150 scenes x 12 grids, without error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from exact_policy import ExactSegmenter, Ids, colours, components, exact_reasoner
from puzzle_scenes import SIDE, puzzle

from remotereasoner import InstanceMask, Result, Scene
from remotereasoner.tiling.assemble import merge_fragments
from remotereasoner.tiling.looking import Fragment
from remotereasoner.tiling.windows import WindowPlan, plan_windows
from remotereasoner.transform.polygons import masks_to_polygons
from remotereasoner.types import BoxXyxy

SCENES, GROUPS = 150, 10
# (tile, overlap): from one shared pixel to windows that are nearly the same, and sizes that do not divide the side.
GRIDS = (
    (48, 1), (48, 12), (64, 1), (64, 9), (64, 32), (72, 3),
    (72, 40), (80, 20), (80, 60), (96, 1), (96, 64), (120, 112),
)  # fmt: skip


def outlines(result: Result) -> set[tuple[object, ...]]:
    """Every finding as its exact pixels and its box."""
    return {(f.mask.offset_xy, f.mask.mask.shape, f.mask.mask.tobytes(), f.box_xyxy) for f in result.findings}


def fragments_of(ids: Ids, plan: WindowPlan) -> list[Fragment]:
    """What the exact policy and segmenter show in each window, without the text between them."""
    found = []
    for index in range(len(plan)):
        x, y, width, height = plan.window(index)
        pieces, frames = components(ids[y : y + height, x : x + width])
        for number, frame in enumerate(frames):
            offset = (x + frame[1].start, y + frame[0].start)
            found.append((index, number, InstanceMask(pieces[frame] == number + 1, offset, 1.0)))
    masks = [mask for _, _, mask in found]
    return [
        Fragment(index, number, frame_of(mask), mask, outline, None, None)
        for (index, number, mask), outline in zip(found, masks_to_polygons(masks), strict=True)
    ]


def frame_of(mask: InstanceMask) -> BoxXyxy:
    (x, y), (height, width) = mask.offset_xy, mask.mask.shape
    return (float(x), float(y), float(x + width), float(y + height))


def ious_with(masks: Sequence[InstanceMask], pieces: np.ndarray) -> list[float]:
    """Of each mask, with the piece of the scene in which its first pixel lies."""
    area = np.bincount(pieces.ravel())
    found = []
    for mask in masks:
        (x, y), pixels = mask.offset_xy, mask.mask
        inside = pieces[y : y + pixels.shape[0], x : x + pixels.shape[1]][pixels]
        common = int((inside == inside[0]).sum())
        found.append(common / (len(inside) + int(area[inside[0]]) - common))
    return found


@pytest.mark.parametrize("group", range(GROUPS))
def test_windows_change_nothing(group: int) -> None:
    """150 scenes, each in 12 grids: the same objects as without windows."""
    for seed in range(group, SCENES, GROUPS):
        ids = puzzle(seed)
        pieces, frames = components(ids)
        for tile, overlap in GRIDS:
            plan = plan_windows(ids.shape, tile, overlap)
            merged = merge_fragments(fragments_of(ids, plan), plan.bounds, ids.shape)
            assert len(merged) == len(frames), (seed, tile, overlap)
            assert min(ious_with([item.mask for item in merged], pieces)) >= 0.99, (seed, tile, overlap)
            assert [item.box_xyxy for item in merged] == [frame_of(item.mask) for item in merged]


@pytest.mark.parametrize("group", range(GROUPS))
def test_nor_from_question_to_result(group: int) -> None:
    """The same scenes through everything, each in one of the grids: pixel for pixel the untiled result."""
    reasoner, _ = exact_reasoner()
    for seed in range(group, SCENES, GROUPS):
        scene = Scene.from_array(colours(puzzle(seed)))
        tile, overlap = GRIDS[seed // GROUPS % len(GRIDS)]
        whole = reasoner.survey(scene, "What is here?", tile_px=SIDE)
        tiled = reasoner.survey(scene, "What is here?", tile_px=tile, overlap_px=overlap, exhaustive=True)
        assert (tiled.status, tiled.count) == (whole.status, whole.count), (seed, tile, overlap)
        assert outlines(tiled) == outlines(whole), (seed, tile, overlap)
        assert {f.views.agreement for f in tiled.findings if f.views is not None} <= {None, 1.0}


def test_the_scenes_hold_what_they_promise() -> None:
    """Many objects, many that touch, some larger than the smallest window, some of one pixel."""
    sizes, touching = [], 0
    for seed in range(SCENES):
        pieces, frames = components(puzzle(seed))
        sizes += [(max(y.stop - y.start, x.stop - x.start), min(y.stop - y.start, x.stop - x.start)) for y, x in frames]
        left, right = pieces[:, :-1], pieces[:, 1:]
        touching += len(
            {tuple(sorted(p)) for p in zip(left[left != right], right[left != right], strict=True) if 0 not in p}
        )
    longest, shortest = (np.array(column) for column in zip(*sizes, strict=True))
    assert len(sizes) > 3_000
    assert touching > 2_000
    assert (shortest > 64).sum() > 20
    assert (longest == 1).sum() > 200
    assert ((longest > 100) & (shortest <= 2)).sum() > 40


def test_the_segmenter_of_this_test_refuses_other_boxes() -> None:
    scene = Scene.from_array(colours(puzzle(0)))
    with pytest.raises(AssertionError):
        ExactSegmenter().segment(scene, [(0.0, 0.0, 3.0, 3.0)])
