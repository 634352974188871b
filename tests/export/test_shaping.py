from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from vector_cases import GRIDS, SIZE, Located, located

from remotereasoner.errors import UsageError
from remotereasoner.export.layer import layer_of
from remotereasoner.export.shaping import shape_result
from result_fixtures import MakeResult, MakeScene, disc

__all__ = ["located"]


@pytest.mark.parametrize("name", [name for name in GRIDS if GRIDS[name][0] is not None])
def test_simplified_on_every_grid(name: str, located: Located) -> None:
    result = located(name)
    side_m = result.grid.ground_sample_distance_m()
    assert side_m is not None
    shaped = shape_result(result, simplify_m=2 * side_m)
    layer = layer_of(shaped)
    assert shapely.is_valid(layer.geometry).all()
    assert set(layer.columns["simplified_m"]) == {2 * side_m}
    assert layer.about["simplified_m"] == 2 * side_m
    before = layer_of(shape_result(result))
    assert shapely.get_num_coordinates(layer.geometry).sum() < shapely.get_num_coordinates(before.geometry).sum()
    # Measurements are those of the masks, whatever is drawn.
    np.testing.assert_array_equal(layer.columns["area_m2"], before.columns["area_m2"])


def test_right_angles_are_reported_per_object(make_scene: MakeScene, make_result: MakeResult) -> None:
    house, tank, nothing = np.zeros(SIZE, dtype=bool), disc(SIZE, (60, 30), 15), np.zeros(SIZE, dtype=bool)
    house[10:30, 10:30], house[30:31, 12:14] = True, True  # with a bump of a segmenter's making
    shaped = shape_result(make_result(make_scene(SIZE), [house, tank, nothing]), right_angles_iou=0.95, simplify_m=20.0)
    columns = layer_of(shaped).columns
    assert columns["right_angles"].tolist() == ["applied", "refused", None]
    first, second, third = columns["right_angles_iou"]
    assert 0.95 <= first < 1
    assert second < 0.95
    assert np.isnan(third)
    assert shapely.get_num_coordinates(shaped.result.polygons[0]) == 5  # not simplified any further
    assert 8 < shapely.get_num_coordinates(shaped.result.polygons[1]) < 40  # refused, so simplified like others


def test_as_it_was_unless_asked(located: Located) -> None:
    result = located("no place")
    assert shape_result(result).result is result


def test_nothing_found(make_scene: MakeScene, make_result: MakeResult) -> None:
    result = make_result(make_scene())
    shaped = shape_result(result, simplify_m=1.0, right_angles_iou=0.8)
    assert (shaped.result, shaped.simplified_m, shaped.right_angles) == (result, 1.0, ())


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"simplify_m": -1.0}, "0 m or more"),
        ({"simplify_m": float("nan")}, "0 m or more"),
        ({"simplify_m": float("inf")}, "0 m or more"),
        ({"right_angles_iou": 0.0}, "least IoU"),
        ({"right_angles_iou": 1.1}, "least IoU"),
        ({"right_angles_iou": float("nan")}, "least IoU"),
    ],
)
@pytest.mark.parametrize("found", [True, False])
def test_impossible_numbers(
    wishes: dict[str, Any], words: str, found: bool, located: Located, make_scene: MakeScene, make_result: MakeResult
) -> None:
    result = located("utm") if found else make_result(make_scene())
    with pytest.raises(UsageError, match=words):
        shape_result(result, **wishes)


@pytest.mark.parametrize("name", ["no place", "transform only"])
@pytest.mark.parametrize("wishes", [{"simplify_m": 1.0}, {"right_angles_iou": 0.8}])
def test_no_metres_without_a_crs(name: str, wishes: dict[str, Any], located: Located) -> None:
    with pytest.raises(UsageError, match="no CRS"):
        shape_result(located(name), **wishes)
