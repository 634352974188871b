from __future__ import annotations

import csv
import io

import pandas
import pytest
from vector_cases import GRIDS, HOSTILE, Located, expected_text, hostile, located, plain

from remotereasoner import Result
from remotereasoner.export.layer import COLUMNS, layer_of
from remotereasoner.export.measurements_csv import csv_bytes
from result_fixtures import MakeResult, MakeScene

__all__ = ["hostile", "located"]


@pytest.mark.parametrize("name", GRIDS)
def test_read_back_in_full_precision(name: str, located: Located) -> None:
    result = located(name)
    frame = pandas.read_csv(io.BytesIO(csv_bytes(layer_of(plain(result)))))
    assert list(frame.columns) == list(COLUMNS)
    if result.grid.crs is None:
        assert frame["area_m2"].isna().all()
    else:
        assert frame["area_m2"].tolist() == [finding.area_m2 for finding in result.findings]
        assert (frame["centroid_lon"][0], frame["centroid_lat"][0]) == result.findings[0].centroid_lonlat
    assert frame["index"].tolist() == list(range(result.count))


def test_no_cell_is_a_formula_and_text_stays_text(hostile: Result) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_bytes(layer_of(plain(hostile))).decode(), newline="")))
    assert len(rows) == len(HOSTILE)
    for row, text in zip(rows, HOSTILE, strict=True):
        assert row["label"].removeprefix("'") == expected_text(text).removeprefix("'")
        assert row["label"][0] not in "=+-@\t\r\n"
    assert rows[2]["label"].startswith("'=cmd")


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_every_start_of_a_formula(start: str, make_scene: MakeScene, make_result: MakeResult) -> None:
    result = make_result(make_scene(), question=f"{start}1+1", status="answered", boxes_xyxy=(), labels=())
    assert csv_bytes(layer_of(plain(result))).decode() == ",".join(COLUMNS) + "\r\n"
    from vector_cases import frames

    there = make_result(make_scene((60, 80)), frames()[:1], question=f"{start}1+1")
    (row,) = csv.DictReader(io.StringIO(csv_bytes(layer_of(plain(there))).decode(), newline=""))
    assert row["question"] == f"'{start}1+1"


def test_negative_numbers_stay_numbers(located: Located) -> None:
    frame = pandas.read_csv(io.BytesIO(csv_bytes(layer_of(plain(located("utm"))))))
    assert (frame["centroid_lon"] < 0).all()
