from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from vector_cases import GRIDS, Located, assert_counter_clockwise, assert_where_the_masks_are, hostile, located, plain

from remotereasoner.export.layer import COLUMNS, layer_of, storable
from remotereasoner.transform.findings import Views
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


@pytest.mark.parametrize("name", GRIDS)
def test_outlines_lie_where_the_masks_are(name: str, located: Located) -> None:
    result = located(name)
    layer = layer_of(plain(result))
    assert_where_the_masks_are(result, layer.geometry, GRIDS[name][1])
    assert_counter_clockwise(layer.geometry)
    assert layer.crs == result.grid.crs
    assert {geometry.geom_type for geometry in layer.geometry} == {"MultiPolygon"}


def test_attributes(located: Located) -> None:
    result = located("utm")
    columns = layer_of(plain(result)).columns
    assert list(columns) == list(COLUMNS)
    first, last = result.findings[0], result.findings[-1]
    assert columns["area_m2"].tolist() == [finding.area_m2 for finding in result.findings]
    assert (columns["centroid_lon"][0], columns["centroid_lat"][0]) == first.centroid_lonlat
    assert columns["geometry_from"].tolist() == ["mask"] * 4 + ["box"]
    assert set(columns["count"]) == {5}
    assert columns["box_x1_px"][4] == last.box_xyxy[0]
    assert (columns["model"][0], columns["model_revision"][0], columns["engine"][0]) == ("a script", "abc", "scripted")
    assert columns["version"][0] is None  # the fixture's provenance has none
    assert np.isnan(columns["simplified_m"]).all()


def test_how_far_the_windows_of_a_survey_agree(located: Located) -> None:
    result = located("utm")
    first = replace(result.findings[0], views=Views(2, 3, 0.75, None))
    columns = layer_of(plain(replace(result, findings=(first, *result.findings[1:])))).columns
    seen = [columns[name][0] for name in ("windows_seen", "windows_visible", "agreement")]
    assert seen == [2, 3, 0.75]
    assert np.isnan(columns["overview_iou"][0])
    assert np.isnan(columns["agreement"][1:]).all()


def test_without_a_crs_nothing_is_measured(located: Located) -> None:
    layer = layer_of(plain(located("no place")))
    assert layer.about["coordinates"] == "pixels, y negated"
    assert layer_of(plain(located("transform only"))).about["coordinates"] == "transform without crs"
    for name in ("area_m2", "perimeter_m", "centroid_lon", "centroid_lat"):
        assert np.isnan(layer.columns[name]).all()
    assert (layer.columns["area_px"][:4] > 0).all()


@pytest.mark.parametrize("status", ["no_target", "unparseable", "truncated", "refused"])
def test_nothing_found_still_says_how_it_ended(status: str, make_scene: MakeScene, make_result: MakeResult) -> None:
    layer = layer_of(plain(make_result(make_scene(), status=status, reason="because")))
    assert list(layer.columns) == list(COLUMNS)
    assert {len(column) for column in (*layer.columns.values(), layer.geometry)} == {0}
    assert (layer.about["status"], layer.about["count"], layer.about["reason"]) == (status, 0, "because")


@pytest.mark.parametrize(
    ("text", "stored"), [(None, None), ("a", "a"), ("\x00", "\ufffd"), ("\ud83d!", "\ufffd!"), ("🚢", "🚢")]
)
def test_text_that_files_can_hold(text: str | None, stored: str | None) -> None:
    assert storable(text) == stored
