from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from remotereasoner import Result
from remotereasoner.errors import ExportError, ResultFormatError
from remotereasoner.types import SizeHw
from result_fixtures import MakeResult, MakeScene, disc

SIZE: SizeHw = (120, 160)


@pytest.fixture
def result(make_scene: MakeScene, make_result: MakeResult) -> Result:
    frames = [disc(SIZE, (40, 40), 20, hole=8), disc(SIZE, (110, 70), 30), np.zeros(SIZE, dtype=bool)]
    return make_result(make_scene(SIZE), frames, scores=(0.5, None, 0.25))


def test_every_granularity_of_the_same_findings(result: Result) -> None:
    assert result.status == "answered"
    assert result.count == len(result.boxes) == len(result.masks) == len(result.polygons) == 3
    assert result.mask().sum() == sum(int(mask.mask.sum()) for mask in result.masks)
    for mask, polygons in zip(result.masks, result.polygons, strict=True):
        assert polygons.area == mask.mask.sum()
    # 10 m pixels: 100 m² each, but for the UTM scale of 0.9997 there.
    assert result.total_area_m2 == pytest.approx(100.0 * result.mask().sum(), rel=1e-3)


def test_without_crs_there_is_no_area_and_nothing_found_is_zero(make_scene: MakeScene, make_result: MakeResult) -> None:
    assert make_result(make_scene(crs=None), [disc(SIZE, (40, 40), 20)]).total_area_m2 is None
    assert make_result(make_scene()).total_area_m2 == 0.0


def test_json_round_trip_is_exact(result: Result) -> None:
    text = result.to_json()
    back = Result.from_json(text)
    assert back.to_json() == text
    assert back.answer == result.answer
    assert back.completion == result.completion
    assert back.provenance == result.provenance
    assert back.rendering == result.rendering
    assert back.grid.transform == result.grid.transform
    assert back.grid.crs == result.grid.crs
    assert back.pixels is None
    for one, other in zip(result.findings, back.findings, strict=True):
        assert (one.mask.mask == other.mask.mask).all()
        assert one.mask.offset_xy == other.mask.offset_xy
        assert shapely.equals_exact(one.polygons, other.polygons)
        assert replace(one, mask=other.mask, polygons=other.polygons).__dict__ == other.__dict__


def test_numbers_that_json_has_no_word_for_survive(result: Result) -> None:
    odd = replace(
        result.rendering, source_nodata=math.nan, limits=((-math.inf, math.inf), (0.0, 1.0), (0.1 + 0.2, 1e-300))
    )
    document = replace(result, rendering=odd).to_json()
    json.loads(document, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    back = Result.from_json(document)
    assert back.rendering.source_nodata is not None
    assert math.isnan(back.rendering.source_nodata)
    assert back.rendering.limits == odd.limits


def _without(key: str) -> Any:
    def change(document: dict[str, Any]) -> None:
        del document[key]

    return change


def _set(path: tuple[Any, ...], value: Any) -> Any:
    def change(document: dict[str, Any]) -> None:
        target: Any = document
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _without("scene"),
        _without("findings"),
        _without("provenance"),
        _set(("format",), "something else"),
        _set(("version",), 99),
        _set(("findings", 0, "mask", "offset_xy"), [150, 0]),
        _set(("findings", 0, "mask", "offset_xy"), [-1, 0]),
        _set(("findings", 0, "mask", "counts"), [1]),
        _set(("findings", 0, "score"), "nan"),
        _set(("findings", 0, "score_source"), "me"),
        _set(("findings", 0, "box_xyxy"), [1, 2, 3]),
        _set(("findings",), 3),
        _set(("scene", "transform"), [0, 0, 0, 0, 0, 0]),
        _set(("scene", "transform"), "abcdef"),
        _set(("scene", "crs_wkt"), "http://127.0.0.1/wkt"),
        _set(("scene", "size_hw"), [0, 5]),
        _set(("scene", "rendering", "window"), [1, 2]),
        _set(("provenance", "model", "surprise"), 1),
        _set(("answer", "surprise"), 1),
        _set(("answer",), []),
    ],
)
def test_damaged_documents_are_refused(result: Result, change: Any) -> None:
    document = result.to_dict()
    change(document)
    with pytest.raises(ResultFormatError):
        Result.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format": 1}', "[" * 100_000, b"\xff\xfe", "NaN"])
def test_what_is_no_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(ResultFormatError):
        Result.from_json(text)


def test_write_and_read(result: Result, tmp_path: Path) -> None:
    paths = result.write(tmp_path / "deep" / "answer")
    assert set(paths) == {"json", "geojson", "mask", "contour", "overlay"}
    assert sorted(path.name for path in (tmp_path / "deep" / "answer").iterdir()) == sorted(
        path.name for path in paths.values()
    )
    assert Result.read(tmp_path / "deep" / "answer").to_json() == result.to_json()
    assert Result.read(paths["json"]).to_json() == result.to_json()
    with pytest.raises(ResultFormatError, match="no saved result"):
        Result.read(tmp_path)


def test_without_crs_pixels_are_written_instead(make_scene: MakeScene, make_result: MakeResult, tmp_path: Path) -> None:
    here = make_result(make_scene(SIZE, crs=None), [disc(SIZE, (40, 40), 20, hole=8)])
    paths = here.write(tmp_path)
    assert "geojson" not in paths
    document = json.loads(paths["pixels"].read_text())
    assert document["type"] == "PixelFindings"
    assert document["status"] == "answered"
    rings = document["findings"][0]["polygons_px"][0]
    assert shapely.Polygon(rings[0], rings[1:]).area == here.findings[0].area_px
    with pytest.raises(ExportError, match="CRS"):
        here.to_geojson()
    assert not hasattr(here, "__geo_interface__")


def test_files_of_an_earlier_result_do_not_stay(
    result: Result, make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result.write(tmp_path)
    unread = make_result(make_scene(SIZE), status="unparseable", reason="no list")
    paths = unread.write(tmp_path)
    assert set(paths) == {"json", "geojson", "overlay"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "findings.geojson",
        "notes.txt",
        "overlay.png",
        "result.json",
    ]


@pytest.mark.parametrize("status", ["no_target", "unparseable", "truncated", "refused"])
def test_an_empty_map_still_says_how_the_question_ended(
    status: str, make_scene: MakeScene, make_result: MakeResult, tmp_path: Path
) -> None:
    paths = make_result(make_scene(), status=status).write(tmp_path)
    document = json.loads(paths["geojson"].read_text())
    assert (document["type"], document["features"], document["status"]) == ("FeatureCollection", [], status)
    assert ("mask" in paths) == (status == "no_target")


def test_words_have_no_map(make_scene: MakeScene, make_result: MakeResult, tmp_path: Path) -> None:
    here = make_result(make_scene(), status="answered", task="vqa", text="three")
    assert set(here.write(tmp_path)) == {"json", "overlay"}
    assert Result.read(tmp_path).text == "three"


def test_notebook_html_is_escaped_and_self_contained(make_scene: MakeScene, make_result: MakeResult) -> None:
    hostile = "<script>alert('x')</script><img src=x onerror=alert(1)>"
    here = make_result(
        make_scene(SIZE),
        [disc(SIZE, (40, 40), 20)],
        question=hostile,
        reasoning=hostile,
        labels=(hostile,),
    )
    html = here._repr_html_()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("<img ") == 1
    assert 'src="data:image/png;base64,' in html
    assert "http" not in html.replace("&lt;", "")
    assert "-76." in html  # where it is, in degrees


def test_geo_interface_is_the_geojson(result: Result) -> None:
    assert result.__geo_interface__ == result.to_geojson()
    assert shapely.geometry.shape(result.__geo_interface__["features"][0]["geometry"]).is_valid
