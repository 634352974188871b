"""The report: what it counts, that it stays small, and that nothing in it can act."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from finished_batch import GRIDS, QUESTION, UTM, FinishedBatch, discs, mixed_batch, write_raster

from remotereasoner.batch.merged import write_merged
from remotereasoner.batch.parts import write_parts
from remotereasoner.batch.report import write_report
from remotereasoner.batch.report_map import map_svg
from remotereasoner.batch.report_tally import MAX_FAILURES, Footprint, Tally, Thinned
from result_fixtures import MakeResult

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onload='x' \x1b[31m\u202e{{ 7*7 }}"


class Page(HTMLParser):
    """Tags and attributes of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def write(batch: FinishedBatch, *, tables: bool = True) -> tuple[dict[str, Any], Page]:
    with batch.view() as view:
        if tables:
            write_merged(batch.out, write_parts(batch.out, view))
        paths = write_report(batch.out, view)
    assert set(paths) == {"json", "html", "failures"}
    return json.loads(paths["json"].read_text(encoding="utf-8")), Page(paths["html"].read_text(encoding="utf-8"))


def assert_loads_nothing(page: Page) -> None:
    allowed = {"src": "data:image/jpeg;base64,"}
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "form", "base", "a", "use", "image")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("href", "xlink:href", "srcset", "action", "background")
            if name in allowed:
                assert (value or "").startswith(allowed[name])
            assert "url(" not in (value or "")
    (policy,) = [found for tag, found in page.tags if tag == "meta" and "http-equiv" in found]
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_what_it_says_of_a_mixed_batch(make_result: MakeResult, tmp_path: Path) -> None:
    batch, results = mixed_batch(tmp_path, make_result)
    report, page = write(batch)
    assert report["is_complete"]
    assert report["questions"] == [QUESTION]
    assert report["entries"] == {"total": 9, "done": 7, "failed": 2, "quarantined": 0, "pending": 0, "claimed": 0}
    assert report["statuses"] == {"answered": 6, "no_target": 1}
    assert report["findings"]["count"] == 12
    areas = [result.total_area_m2 or 0.0 for result in results.values()]
    assert report["findings"]["area_m2"] == pytest.approx(sum(areas))
    assert report["scenes"]["mixed_crs"]
    assert report["scenes"]["crs"]["EPSG:32618"] == 2
    assert report["scenes"]["without_crs"] == {"count": 1, "first": ["no-place.tif"]}
    assert report["failures"]["by_code"] == {
        "broken": {"count": 1, "first": ["poison.tif"]},
        "not_found": {"count": 1, "first": ["gone.tif"]},
    }
    assert [one["message"] for one in report["failures"]["first"]] == ["there is no file gone.tif", "it is damaged"]
    assert [(run["executor"], run["how"]) for run in report["runs"]] == [("inline", "complete")]
    assert report["throughput"]["worker_seconds_per_item"] == 0.5
    assert report["throughput"]["seconds"] >= 0
    assert {"python", "gdal", "remotereasoner"} <= set(report["versions"])
    assert_loads_nothing(page)
    assert "A finished batch" in page.text
    assert "there is no file gone.tif" in page.text
    assert "no-place.tif" in page.text
    assert sum(tag == "img" for tag, _ in page.tags) == 6
    # Every scene with a place is a rectangle of the map, every finding with one a point.
    assert sum(tag == "rect" and "fill-opacity" in found for tag, found in page.tags) == 6
    assert sum(tag == "circle" for tag, _ in page.tags) == 10
    rows = list(csv.DictReader((batch.out / "failures.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["name"], row["code"]) for row in rows] == [("gone.tif", "not_found"), ("poison.tif", "broken")]
    assert {path.suffix for path in batch.out.iterdir() if path.name.startswith(".")} == set()


def test_a_batch_that_is_not_finished(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    for name in ("a.tif", "b.tif"):
        write_raster(batch.images / name, *UTM)
    planned = [batch.plan(name) for name in ("a.tif", "b.tif")]
    batch.claim()
    batch.done(planned[0])
    report, page = write(batch)
    assert not report["is_complete"]
    assert report["entries"]["pending"] == 1
    assert "A batch that is not finished" in page.text
    assert report["runs"][0]["ended"] is None


@pytest.mark.parametrize(
    ("named", "source", "asset", "shown"),
    [
        ('["/data/catalog.json", "B04,B03,B02", null]', "/data/catalog.json", "B04,B03,B02", "/data/catalog.json"),
        ('[["/a.tif", "/b.tif"], null, null]', ["/a.tif", "/b.tif"], None, "2 paths"),
        ("a million tiles", "a million tiles", None, "a million tiles"),
    ],
)
def test_the_source_as_it_was_named(
    named: str, source: Any, asset: str | None, shown: str, make_result: MakeResult, tmp_path: Path
) -> None:
    batch = FinishedBatch(tmp_path, make_result, source=named)
    batch.plan("gone.tif", fault=("not_found", "gone"))
    report, page = write(batch, tables=False)
    assert (report["source"], report["asset"], report["root"]) == (source, asset, None)
    assert f"Source\n{shown}" in page.text or f"Source{shown}" in page.text


def test_runs_and_one_that_was_killed(make_result: MakeResult, tmp_path: Path) -> None:
    FinishedBatch(tmp_path, make_result)  # begins, and never ends
    batch = FinishedBatch(tmp_path, make_result)
    batch.plan("gone.tif", fault=("not_found", "gone"))
    batch.complete()
    batch.end()
    report, page = write(batch, tables=False)
    assert [run["how"] for run in report["runs"]] == ["goes on, or was killed", "complete"]
    assert report["throughput"]["seconds"] is None
    assert report["throughput"]["items_per_s"] is None
    assert "One of these runs was killed" in page.text


def test_nothing_but_failures_and_no_tables(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    for number in range(MAX_FAILURES + 50):
        batch.plan(f"{number}.tif", fault=("not_found", "gone"))
    batch.complete()
    report, page = write(batch, tables=False)
    assert len(report["failures"]["first"]) == MAX_FAILURES
    assert report["failures"]["by_code"]["not_found"]["count"] == MAX_FAILURES + 50
    assert len((batch.out / "failures.csv").read_text().splitlines()) == MAX_FAILURES + 51
    assert report["throughput"]["worker_seconds_per_item"] is None
    assert f"The first {MAX_FAILURES}" in page.text
    assert not any(tag == "circle" for tag, _ in page.tags)


def test_an_area_that_nobody_knows_is_not_0(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    write_raster(batch.images / "no-place.tif", None, None)
    planned = batch.plan("no-place.tif")
    batch.complete()
    batch.claim()
    batch.done(planned, discs(2))
    report, page = write(batch)
    assert report["findings"] == {"count": 2, "area_m2": None}
    assert "area of findings" not in page.text


def test_hostile_texts_are_shown_and_do_nothing(make_result: MakeResult, tmp_path: Path) -> None:
    batch = FinishedBatch(tmp_path, make_result)
    name = "<b onclick=x>&.tif"
    write_raster(batch.images / name, *UTM)
    planned = batch.plan(name, question=HOSTILE)
    batch.plan(
        "=cmd|' /C calc'!A0",
        fault=(
            "<svg/onload=alert(3)>",
            HOSTILE + "half \ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
        ),
    )
    batch.complete()
    batch.claim()
    batch.done(planned, discs(2), labels=(HOSTILE, "x"), reasoning=HOSTILE)
    _, page = write(batch)
    assert_loads_nothing(page)
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "b", "span", "table", "tr"),
        *("td", "th", "svg", "rect", "text", "line", "circle", "i", "img", "br", "colgroup", "col"),
    }
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    cells = next(csv.reader((batch.out / "failures.csv").read_text(encoding="utf-8").splitlines()[1:]))
    assert cells[1] == "'=cmd|' /C calc'!A0"


def test_a_picture_that_was_changed_is_left_out(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    overlays = sorted((batch.out / "items").rglob("overlay.png"))
    overlays[0].write_bytes(b"\x89PNG" + b"\0" * 100)
    overlays[1].unlink()
    _, page = write(batch)
    assert sum(tag == "img" for tag, _ in page.tags) == 4


def test_its_size_does_not_grow_with_the_batch() -> None:
    thinned: Thinned[int] = Thinned(100)
    for number in range(12_345):
        thinned.add(number)
    assert thinned.seen == 12_345
    assert 50 <= len(thinned.kept) <= 100
    steps = {later - earlier for earlier, later in zip(thinned.kept, thinned.kept[1:], strict=False)}
    assert len(steps) == 1


def test_a_map_over_the_antimeridian_and_of_one_point() -> None:
    def across(*bounds: tuple[float, float, float, float]) -> list[float]:
        svg = str(map_svg([Footprint(one, "a", "answered", 1) for one in bounds], [(one[0], one[1]) for one in bounds]))
        return [float(x) for x in re.findall(r'<rect x="([-0-9.]+)"', svg)]

    west, east = across((179.0, 0.0, -179.0, 1.0), (-178.0, 0.0, -177.0, 1.0))
    assert west < east < 1080  # side by side, not on both ends of the world
    (alone,) = across((10.0, 50.0, 10.0, 50.0))
    assert 0 <= alone <= 1080
    assert len(across((-180.0, -90.0, 180.0, 90.0), (0.0, 80.0, 1.0, 90.0))) == 2
    assert map_svg([], []) is None


def test_kinds_that_files_name_are_capped(make_result: MakeResult, tmp_path: Path) -> None:
    batch, _ = mixed_batch(tmp_path, make_result)
    tally = Tally()
    with batch.view() as view:
        (row,) = [row for row in view.finished() if row.name == "utm.tif"]
    for number in range(500):
        row.summary["notes"] = [f"note {number}"]
        tally.add(row)
    assert len(tally.notes) == 101
    assert tally.notes["others"].count == 400
    assert len(GRIDS) == 6
