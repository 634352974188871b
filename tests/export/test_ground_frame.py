from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from vector_cases import GRIDS, SIZE, Located, located

from remotereasoner.errors import UsageError
from remotereasoner.export.ground_frame import ground_matrices, largest_stretch
from remotereasoner.scene.grid import Grid
from result_fixtures import MakeResult, MakeScene

__all__ = ["located"]


@pytest.mark.parametrize("name", [name for name in GRIDS if GRIDS[name][0] is not None])
def test_a_square_of_a_pixel_has_its_area(name: str, located: Located) -> None:
    grid = located(name).grid
    (matrix,) = ground_matrices(grid, np.array([[SIZE[1] / 2, SIZE[0] / 2]]))
    side = grid.ground_sample_distance_m()
    assert side is not None
    assert np.sqrt(abs(np.linalg.det(matrix))) == pytest.approx(side, rel=1e-4)


def test_axes_point_east_and_south() -> None:
    grid = Grid(Affine(10, 0, 500_000, 0, -10, 4_200_000), CRS.from_epsg(32618), SIZE)
    (matrix,) = ground_matrices(grid, np.array([[0.0, 0.0]]))
    np.testing.assert_allclose(matrix, [[10.004, 0], [0, -10.004]], atol=1e-3)


def test_no_distance_is_shorter_than_on_the_ground(make_scene: MakeScene, make_result: MakeResult) -> None:
    """Half a degree per pixel from 60° to 0°: a pixel's width on the ground doubles on the way."""
    scene = make_scene((120, 160), crs=CRS.from_epsg(4326), transform=Affine(0.5, 0, -30, 0, -0.5, 60))
    top, bottom = np.zeros((120, 160), dtype=bool), np.zeros((120, 160), dtype=bool)
    top[:2, :2], bottom[-2:, -2:] = True, True
    result = make_result(scene, [top, bottom])
    to_metres = largest_stretch(scene.grid, result.findings)
    for matrix in ground_matrices(scene.grid, np.array([[1.0, 1.0], [159.0, 119.0]])):
        steps = np.random.default_rng(0).normal(size=(100, 2))
        ratio = np.linalg.norm(steps @ to_metres.T, axis=1) / np.linalg.norm(steps @ matrix.T, axis=1)
        assert ratio.min() > 1 - 1e-6


def test_no_metres_without_a_crs() -> None:
    with pytest.raises(UsageError, match="CRS"):
        ground_matrices(Grid(Affine.identity(), None, SIZE), np.zeros((1, 2)))
