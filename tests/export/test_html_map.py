from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from pyproj import CRS
from vector_cases import GRIDS, Located, hostile, located

from remotereasoner import Result
from remotereasoner.export.html_map import LONGEST_SIDE_PX, MAX_DRAWN, map_html
from result_fixtures import MakeResult, MakeScene, disc

__all__ = ["hostile", "located"]


class Page(HTMLParser):
    """Elements with their attributes as a browser would see them; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("name", GRIDS)
def test_every_finding_is_drawn_where_it_is(name: str, located: Located) -> None:
    result = located(name)
    page = Page(map_html(result))
    (view,) = page.all("svg")
    _, _, width, height = (float(number) for number in (view["viewbox"] or "").split())
    assert max(width, height) == 480
    scale = width / result.grid.size_hw[1]
    drawn = [path for path in page.all("path") if path.get("fill-rule") == "evenodd"]
    masked = [finding for finding in result.findings if not finding.polygons.is_empty]
    assert len(drawn) == len(masked)
    for path, finding in zip(drawn, masked, strict=True):
        numbers = np.array([float(number) for number in re.findall(r"[-\d.]+", path["d"] or "")]).reshape(-1, 2)
        bounds = [*numbers.min(axis=0), *numbers.max(axis=0)]
        np.testing.assert_allclose(bounds, np.array(finding.polygons.bounds) * scale, atol=1.5)
    assert len(page.all("rect")) == result.count
    has_scale = any(word.strip().endswith((" m", " km", " cm")) for word in page.words)
    assert has_scale == (result.grid.crs is not None)
    assert ("north" in page.words) == (result.grid.crs is not None)


def test_the_picture_is_inside_and_small(make_scene: MakeScene, make_result: MakeResult) -> None:
    result = make_result(make_scene((1200, 900)), [disc((1200, 900), (400, 400), 200)])
    page = Page(map_html(result))
    (image,) = page.all("img")
    data = (image["src"] or "").removeprefix("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (600, LONGEST_SIDE_PX)
    assert not Page(map_html(replace(result, pixels=None))).all("img")


def test_nothing_from_outside_runs_or_loads(hostile: Result) -> None:
    text = hostile._repr_html_()
    page = Page(text)
    allowed = {"div", "p", "b", "br", "table", "tr", "th", "td", "img", "svg", "g", "title", "path", "rect", "text"}
    assert {tag for tag, _ in page.elements} <= allowed
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert all("url(" not in (value or "") for value in attributes.values())
        source = attributes.get("src")
        assert source is None or source.startswith("data:image/png;base64,")
        assert not {"href", "xlink:href"} & set(attributes)
    assert any("<script>alert(1)</script>" in word for word in page.words)
    assert len(text) < 600_000


def test_thousands_of_findings_are_cut_off_and_said_so(located: Located) -> None:
    result = located("utm")
    many = replace(result, findings=tuple(replace(result.findings[1], index=n) for n in range(MAX_DRAWN + 3)))
    page = Page(map_html(many))
    assert len(page.all("rect")) == MAX_DRAWN
    assert any("3 more are not drawn" in word for word in page.words)


def test_corners_beyond_the_projection(make_scene: MakeScene, make_result: MakeResult) -> None:
    from affine import Affine

    disc_crs = CRS.from_proj4("+proj=geos +h=35785831 +lon_0=0 +ellps=WGS84 +units=m")
    side = 11_000_000 / 120
    scene = make_scene((120, 120), crs=disc_crs, transform=Affine(side, 0, -5_500_000, 0, -side, 5_500_000))
    text = map_html(make_result(scene))
    assert "outside the projection" in text
    Page(text)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (3000, 2)])
def test_odd_sizes(size: tuple[int, int], make_scene: MakeScene, make_result: MakeResult) -> None:
    Page(make_result(make_scene(size), [np.ones(size, dtype=bool)])._repr_html_())
