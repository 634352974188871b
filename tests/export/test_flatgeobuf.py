from __future__ import annotations

from pathlib import Path

import pyogrio
import pytest
from vector_cases import (
    GRIDS,
    HOSTILE,
    Located,
    assert_where_the_masks_are,
    expected_text,
    hostile,
    located,
    plain,
    read,
)

from remotereasoner import Result
from remotereasoner.export.flatgeobuf import flatgeobuf_bytes
from remotereasoner.export.layer import COLUMNS, layer_of
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


@pytest.mark.parametrize("name", GRIDS)
def test_read_back(name: str, located: Located, tmp_path: Path) -> None:
    result = located(name)
    frame = pyogrio.read_dataframe(read(tmp_path / "a.fgb", flatgeobuf_bytes(layer_of(plain(result)))))
    frame = frame.sort_values("index")
    assert_where_the_masks_are(result, list(frame.geometry), GRIDS[name][1])
    assert [column for column in frame.columns if column != "geometry"] == list(COLUMNS)
    assert (frame.crs is None) == (result.grid.crs is None)
    if frame.crs is not None:
        assert frame.crs.to_epsg() == GRIDS[name][0]


def test_the_index_finds_what_a_window_shows(located: Located, tmp_path: Path) -> None:
    path = read(tmp_path / "a.fgb", flatgeobuf_bytes(layer_of(plain(located("utm")))))
    corner = (400_600, 4_199_800, 400_800, 4_200_000)  # the top right of the scene
    assert pyogrio.read_dataframe(path, bbox=corner)["index"].tolist() == [3]
    assert pyogrio.read_info(path)["capabilities"]["fast_spatial_filter"]


def test_text_of_others_stays_text(hostile: Result, tmp_path: Path) -> None:
    frame = pyogrio.read_dataframe(read(tmp_path / "a.fgb", flatgeobuf_bytes(layer_of(plain(hostile)))))
    frame = frame.sort_values("index")
    assert frame["label"].tolist() == [expected_text(text) for text in HOSTILE]


@pytest.mark.parametrize("crs", [True, False])
def test_nothing_found_is_an_empty_layer(
    crs: bool, make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    scene = make_scene() if crs else make_scene(crs=None)
    path = read(tmp_path / "a.fgb", flatgeobuf_bytes(layer_of(plain(make_result(scene)))))
    info = pyogrio.read_info(path, force_feature_count=True)
    assert (info["features"], info["geometry_type"]) == (0, "MultiPolygon")
    assert info["fields"].tolist() == list(COLUMNS)
    assert info["crs"] == ("EPSG:32618" if crs else None)
