from __future__ import annotations

import numpy as np
import pytest
from shapely import MultiPolygon, box

from remotereasoner.errors import UsageError
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.contour import contour_image, contours
from remotereasoner.transform.polygons import mask_to_polygons


def discs(size: int = 120) -> list[InstanceMask]:
    rows, columns = np.ogrid[:size, :size]
    ring = (rows - 40) ** 2 + (columns - 45) ** 2
    masks = [
        (ring < 30**2) & (ring > 12**2),
        (rows - 90) ** 2 + (columns - 95) ** 2 < 18**2,
        (rows > 100) & (columns < 20),
    ]
    return [InstanceMask(mask, (0, 0), 1.0) for mask in masks]


def test_a_square_by_hand() -> None:
    drawn = contour_image([MultiPolygon([box(2, 2, 7, 7)])], (9, 9), line_px=1)
    expected = np.full((9, 9), 255, dtype=np.uint8)
    expected[2:7, 2:7] = 0
    expected[3:6, 3:6] = 255
    assert drawn.shape == (9, 9, 3)
    assert drawn.dtype == np.uint8
    assert (drawn == expected[:, :, None]).all()


@pytest.mark.parametrize("holes", [False, True])
def test_it_is_what_opencv_draws(holes: bool) -> None:
    """The same pixels at one px. OpenCV's thickness 3 comes out five pixels wide: ours is three, inside it."""
    cv2 = pytest.importorskip("cv2", reason="compares with OpenCV: pip install 'remotereasoner[grabcut]'")
    masks = discs()
    polygons = [mask_to_polygons(mask) for mask in masks]
    union = np.any([mask.mask for mask in masks], axis=0).astype(np.uint8) * 255
    mode = cv2.RETR_CCOMP if holes else cv2.RETR_EXTERNAL
    traced, _ = cv2.findContours(union, mode, cv2.CHAIN_APPROX_SIMPLE)

    def theirs(thickness: int) -> np.ndarray:
        canvas = np.full((120, 120, 3), 255, dtype=np.uint8)
        cv2.drawContours(canvas, traced, -1, (0, 0, 0), thickness)
        return canvas

    def ours(line_px: int) -> np.ndarray:
        return contour_image(polygons, (120, 120), line_px=line_px, holes=holes)

    assert np.array_equal(ours(1), theirs(1))
    assert (ours(3) >= theirs(3)).all()


def test_holes_are_drawn_only_where_asked_for() -> None:
    polygons = [mask_to_polygons(mask) for mask in discs()]
    plain = contour_image(polygons, (120, 120))
    with_holes = contour_image(polygons, (120, 120), holes=True)
    assert plain[40, 33].tolist() == [255] * 3
    assert with_holes[40, 33].tolist() == [0] * 3
    assert ((plain == 0) <= (with_holes == 0)).all()


def test_overlapping_objects_are_one_outline() -> None:
    two = contour_image([MultiPolygon([box(2, 2, 12, 12)]), MultiPolygon([box(8, 4, 20, 10)])], (24, 24), line_px=1)
    assert two[7, 11].tolist() == [255] * 3  # the first one's right edge is inside the second
    assert two[2, 6].tolist() == [0] * 3


def test_at_the_frame_and_nothing_at_all() -> None:
    edge = contour_image([MultiPolygon([box(0, 0, 5, 5)])], (10, 10), line_px=1)
    assert (edge[0, :5] == 0).all()
    assert (contour_image([], (5, 6)) == 255).all()
    assert (contour_image([MultiPolygon()], (5, 6)) == 255).all()


def test_contours_as_polygons() -> None:
    polygons = [mask_to_polygons(mask) for mask in discs()]
    outer = contours(polygons)
    assert [len(part.interiors) for objects in outer for part in objects.geoms] == [0, 0, 0]
    assert outer[0].area > polygons[0].area
    assert contours(polygons, holes=True) == tuple(polygons)


@pytest.mark.parametrize("line_px", [0, 2, -3])
def test_even_lines_are_refused(line_px: int) -> None:
    with pytest.raises(UsageError, match="line_px"):
        contour_image([], (4, 4), line_px=line_px)
