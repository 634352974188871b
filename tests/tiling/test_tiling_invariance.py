"""What a survey finds does not depend on how it is cut into windows: 150 scenes x 12 grids, without error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from exact_policy import ExactSegmenter, colours, components, exact_reasoner, numbers
from puzzle_scenes import SIDE, puzzle

from remotereasoner import Result, Scene

UTM = {"crs": "EPSG:32618", "transform": Affine(0.5, 0, 4e5, 0, -0.5, 4.2e6)}
SCENES, GROUPS = 150, 10
# (tile, overlap): from one shared pixel to windows that are nearly the same, and sizes that do not divide the side.
GRIDS = (
    (48, 1), (48, 12), (64, 1), (64, 9), (64, 32), (72, 3),
    (72, 40), (80, 20), (80, 60), (96, 1), (96, 64), (120, 112),
)  # fmt: skip


CODECS = ("pixels", "0-1000")  # the second one rounds: a thousandth of the window, as text


def masks_of(result: Result) -> set[tuple[object, ...]]:
    """Every finding as its exact pixels."""
    return {(f.mask.offset_xy, f.mask.mask.shape, f.mask.mask.tobytes()) for f in result.findings}


def frames_of(result: Result) -> np.ndarray:
    """(N, 4) of each finding's mask."""
    corners = np.array([f.mask.offset_xy for f in result.findings])
    return np.hstack([corners, corners + np.array([f.mask.mask.shape[::-1] for f in result.findings])])


@pytest.mark.parametrize("group", range(GROUPS))
def test_windows_change_nothing(tmp_path: Path, group: int) -> None:
    """150 scenes, each in 12 grids, from file to result: pixel for pixel the objects of the untiled answer.

    Every tiling goes through all of it: the raster opened, windows read, the prompt, a policy without error that writes
    its boxes as text in its coordinates, the parser, exact masks, outlines and the merge.
    """
    reasoners = [exact_reasoner(codec)[0] for codec in CODECS]
    tilings = 0
    for seed in range(group, SCENES, GROUPS):
        path = tmp_path / f"{seed}.tif"
        pixels = colours(puzzle(seed))
        layout = {"tiled": True, "blockxsize": 64, "blockysize": 64, "photometric": "RGB"}
        with rasterio.open(path, "w", "GTiff", SIDE, SIDE, 3, dtype="uint8", **UTM, **layout) as target:
            target.write(np.moveaxis(pixels, 2, 0))
        whole = reasoners[0].survey(Scene.from_array(pixels), "What is here?", tile_px=SIDE)
        assert (whole.provenance.survey or {})["mode"] == "single"
        assert whole.count == len(components(numbers(pixels))[1])
        for k, (tile, overlap) in enumerate(GRIDS):
            reasoner = reasoners[(k + seed) % 2]
            tiled = reasoner.survey(path, "What is here?", tile_px=tile, overlap_px=overlap, exhaustive=True)
            where = (seed, tile, overlap)
            assert (tiled.status, tiled.count) == (whole.status, whole.count), where
            assert masks_of(tiled) == masks_of(whole), where
            assert np.abs(np.array(tiled.boxes) - frames_of(tiled)).max() <= (k + seed) % 2 * 0.1, where
            assert {f.views.agreement for f in tiled.findings if f.views is not None} <= {None, 1.0}, where
            tilings += 1
    assert tilings == SCENES // GROUPS * len(GRIDS)


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
