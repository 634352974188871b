"""Which bands are rendered."""

from __future__ import annotations

import pytest

from remotereasoner.errors import UsageError
from remotereasoner.scene.bands import band_name_of_file, choose_bands

S2 = ["B01", "B02", "B03", "B04", "B05", "B08", "B8A", "B11"]
L8 = ["B1", "B10", "B2", "B3", "B4", "B5"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("s2_B04.jp2", "B04"),
        ("T18SUG_20200101T155619_B04_10m.jp2", "B04"),
        ("T18SUG_20200101T155619_B8A_20m.jp2", "B8A"),
        ("LC08_L2SP_016038_20200101_20200101_02_T1_SR_B4.TIF", "B4"),
        ("l8_B10.tif", "B10"),
        ("l8_BQA.tif", "BQA"),
        ("S2A.B02.tif", "B02"),
        ("B3.tif", "B3"),
        ("scene_red.tif", "red"),
        ("scene-NIR.tif", "NIR"),
        ("AB4.tif", None),
        ("B4x.tif", None),
        ("scene.tif", None),
        ("redwood.tif", None),
        ("/data/B04_dir/scene.tif", None),
    ],
)
def test_names_of_files(name: str, expected: str | None) -> None:
    assert band_name_of_file(name) == expected


@pytest.mark.parametrize(
    ("names", "colours", "sensor", "expected"),
    [
        ([None], ["gray"], "", (1, 1, 1)),
        ([None], ["palette"], "", (1, 1, 1)),
        ([None] * 2, ["gray", "alpha"], "", (1, 1, 1)),
        ([None] * 2, ["gray", "undefined"], "", (1, 1, 1)),
        ([None] * 3, ["undefined"] * 3, "", (1, 2, 3)),
        ([None] * 3, ["red", "green", "blue"], "", (1, 2, 3)),
        ([None] * 3, ["blue", "green", "red"], "", (3, 2, 1)),
        ([None] * 4, ["red", "green", "blue", "alpha"], "", (1, 2, 3)),
        ([None] * 4, ["alpha", "undefined", "undefined", "undefined"], "", (2, 3, 4)),
        (["Blue", "GREEN", "red", "nir"], ["gray", "undefined", "undefined", "undefined"], "", (3, 2, 1)),
        (S2, ["gray"] + ["undefined"] * 7, "", (4, 3, 2)),
        (L8, ["gray"] + ["undefined"] * 5, "LC08_x.tif", (5, 4, 3)),
        (["B1", "B2", "B3", "B4"], [""] * 4, "LT05_x.tif", (3, 2, 1)),
        (["B1", "B2", "B3", "B4"], [""] * 4, "LE07_x.tif", (3, 2, 1)),
        (["B04", "B03"], ["", ""], "", (1, 1, 1)),
        (["B02", "B03", "B04", "B08"], ["red", "green", "blue", "alpha"], "", (3, 2, 1)),
        ([None], ["alpha"], "", (1, 1, 1)),
    ],
)
def test_natural_choice(names, colours, sensor, expected) -> None:
    assert choose_bands(None, names=names, colours=colours, sensor=sensor) == expected


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ([3], (3, 3, 3)),
        (["b8a"], (7, 7, 7)),
        ([8, 6, 4], (8, 6, 4)),
        (["B11", "B8", "b04"], (8, 6, 4)),
        (["8", 6, "B4"], (8, 6, 4)),
        ([1, 1, 2], (1, 1, 2)),
        (5, (5, 5, 5)),
        ("B02", (2, 2, 2)),
    ],
)
def test_requested(requested, expected) -> None:
    assert choose_bands(requested, names=S2, colours=[""] * 8) == expected


@pytest.mark.parametrize(
    ("requested", "message"),
    [
        ([], "one .grey. or three"),
        ([1, 2], "got 2"),
        ([0], "no band '0'"),
        ([9], "1 to 8"),
        ([-1], "no band"),
        (["B99"], "one of the names B01"),
        ([1.5], "no band"),
        (["³"], "no band"),
        (["9" * 5000], "no band"),
    ],
)
def test_refused(requested, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        choose_bands(requested, names=S2, colours=[""] * 8)
    assert len(str(caught.value)) < 400
