from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon
from shapely.affinity import rotate, scale

from remotereasoner.export.right_angles import with_right_angles
from remotereasoner.transform.masks import trim
from remotereasoner.transform.polygons import mask_to_polygons, polygons_to_mask
from result_fixtures import disc

HALF_METRE = np.array([[0.5, 0.0], [0.0, -0.5]])
OBLONG = np.array([[2.0, 0.0], [0.0, -1.0]])  # pixels twice as wide as high
L_SHAPE = Polygon([(20, 20), (80, 20), (80, 50), (50, 50), (50, 90), (20, 90)])
RECTANGLE = Polygon([(20, 30), (90, 30), (90, 70), (20, 70)])
COURTYARD = Polygon(RECTANGLE.exterior, [[(35, 42), (75, 42), (75, 58), (35, 58)]])


def as_mask(shape: Polygon) -> MultiPolygon:
    """The outline of its pixels: what a segmenter would give."""
    return mask_to_polygons(polygons_to_mask(MultiPolygon([shape])))


def corners_deg(ring: shapely.LinearRing, to_metres: np.ndarray) -> np.ndarray:
    edges = np.diff(shapely.get_coordinates(ring) @ to_metres.T, axis=0)
    angles = np.degrees(np.arctan2(edges[:, 1], edges[:, 0]))
    return (np.diff(angles, append=angles[0]) + 180) % 360 - 180


@pytest.mark.parametrize("degrees", [0, 7, 21, 45, 60, 83])
@pytest.mark.parametrize(("shape", "corners"), [(RECTANGLE, 4), (L_SHAPE, 6), (COURTYARD, 8)])
def test_a_turned_building_gets_its_corners_back(shape: Polygon, corners: int, degrees: float) -> None:
    truth = rotate(shape, degrees, origin=(55, 55))
    seen = as_mask(truth)
    found = with_right_angles(seen, 0.8, HALF_METRE)
    assert found.changed
    (part,) = found.polygons.geoms
    assert shapely.get_num_coordinates(part) - 1 - len(part.interiors) == corners
    for ring in (part.exterior, *part.interiors):
        np.testing.assert_allclose(np.abs(corners_deg(ring, HALF_METRE)), 90, atol=1e-6)
    union = found.polygons.union(truth).area
    assert found.polygons.intersection(truth).area / union > 0.93
    reported = found.polygons.intersection(seen).area / found.polygons.union(seen).area
    assert found.iou == pytest.approx(reported, abs=1e-9)


def test_angles_are_right_on_the_ground_not_in_the_picture() -> None:
    truth = scale(rotate(RECTANGLE, 30, origin=(55, 50)), 0.5, 1.0, origin=(0, 0))  # a rectangle once pixels are wide
    found = with_right_angles(as_mask(truth), 0.8, OBLONG)
    assert found.changed
    np.testing.assert_allclose(np.abs(corners_deg(found.polygons.geoms[0].exterior, OBLONG)), 90, atol=1e-6)
    assert found.polygons.intersection(truth).area / found.polygons.union(truth).area > 0.93


def test_under_the_bound_the_outline_stays_and_the_iou_is_told() -> None:
    round_tank = mask_to_polygons(trim(disc((120, 120), (60, 60), 40), (0, 0), 1.0))
    refused = with_right_angles(round_tank, 0.97, HALF_METRE)
    assert not refused.changed
    assert refused.polygons is round_tank
    assert 0.5 < refused.iou < 0.97
    accepted = with_right_angles(round_tank, refused.iou - 1e-9, HALF_METRE)
    assert accepted.changed
    assert accepted.iou == refused.iou


def test_several_parts() -> None:
    other = Polygon([(150, 20), (190, 20), (190, 60), (150, 60)])
    two = MultiPolygon([*as_mask(rotate(RECTANGLE, 20)).geoms, *as_mask(other).geoms])
    found = with_right_angles(two, 0.8, HALF_METRE)
    assert found.changed
    assert len(found.polygons.geoms) == 2
    assert found.polygons.is_valid


@pytest.mark.parametrize("side", [6, 9, 14])
@pytest.mark.parametrize("degrees", [15, 30, 45])
def test_a_small_building_is_a_rectangle_and_no_staircase(side: int, degrees: float) -> None:
    truth = rotate(Polygon([(20, 20), (20 + 2 * side, 20), (20 + 2 * side, 20 + side), (20, 20 + side)]), degrees)
    found = with_right_angles(as_mask(truth), 0.7, HALF_METRE)
    assert found.changed
    assert shapely.get_num_coordinates(found.polygons) == 5
    assert found.polygons.intersection(truth).area / found.polygons.union(truth).area > 0.8


@pytest.mark.parametrize("seed", range(12))
def test_any_blob_gives_something_valid_or_is_refused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blob = trim(rng.random((24, 24)) > 0.45, (3, 4), 1.0)
    outline = mask_to_polygons(blob)
    found = with_right_angles(outline, 0.6, HALF_METRE)
    assert found.polygons.is_valid
    assert not found.polygons.is_empty
    assert found.changed == (found.iou >= 0.6)
    assert math.isfinite(found.iou)
