from __future__ import annotations

import sys

import geopandas
import pytest
from vector_cases import GRIDS, Located, assert_where_the_masks_are, located

from remotereasoner.errors import MissingExtraError
from remotereasoner.export.layer import COLUMNS
from result_fixtures import MakeResult, MakeScene

__all__ = ["located"]


@pytest.mark.parametrize("name", GRIDS)
def test_rows_are_findings(name: str, located: Located) -> None:
    result = located(name)
    frame = result.to_geodataframe()
    assert isinstance(frame, geopandas.GeoDataFrame)
    assert frame.crs == result.grid.crs
    assert frame["index"].tolist() == list(range(result.count))
    assert_where_the_masks_are(result, list(frame.geometry), GRIDS[name][1])
    assert frame.attrs["status"] == "answered"


def test_nothing_found_is_an_empty_frame(make_scene: MakeScene, make_result: MakeResult) -> None:
    frame = make_result(make_scene()).to_geodataframe()
    assert (len(frame), frame.attrs["status"], frame.crs) == (0, "no_target", "EPSG:32618")
    assert list(frame.columns) == [*COLUMNS, "geometry"]
    assert frame["area_m2"].sum() == 0


def test_areas_agree_with_geopandas_own(located: Located) -> None:
    frame = located("utm").to_geodataframe()
    masks = frame[frame["geometry_from"] == "mask"]
    # geopandas measures in the plane; UTM's scale there is 0.9997.
    assert (masks.geometry.area / masks["area_m2"]).tolist() == pytest.approx([1.0] * 4, rel=1e-3)


def test_without_geopandas_the_extra_is_named(located: Located, monkeypatch: pytest.MonkeyPatch) -> None:
    result = located("utm")
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(MissingExtraError, match=r"remotereasoner\[vector\]"):
        result.to_geodataframe()
