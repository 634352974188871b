"""Contact sheets: what is drawn where, and that hostile text stays text."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniatures import mask_of, save
from PIL import Image

from remotereasoner.data.picture import draw_sample
from remotereasoner.data.samples import Sample
from remotereasoner.data.sheet import contact_sheet
from remotereasoner.errors import SampleError, UsageError
from remotereasoner.export.overlay import colour_of

GREY = np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    save(tmp_path / "a.png", GREY)
    save(tmp_path / "m.png", mask_of((10, 10, 30, 30)).astype(np.uint8))
    return tmp_path


def drawn(root: Path, **fields: Any) -> np.ndarray:
    sample = Sample(**({"id": "1", "image": "a.png", "query": "Where?", "boxes": ()} | fields))
    return np.asarray(draw_sample(root, sample, 256))  # 4 pixels a pixel


def changed(picture: np.ndarray) -> np.ndarray:
    return (np.abs(picture.astype(int) - 90) > 8).any(axis=2)


def test_nothing_is_drawn_without_labels(root: Path) -> None:
    picture = drawn(root)
    assert picture.shape == (192, 256, 3)
    assert not changed(picture).any()


def test_a_box_is_drawn_on_its_edge_and_nowhere_else(root: Path) -> None:
    picture = drawn(root, boxes=((10.0, 10.0, 40.0, 30.0),))
    where = changed(picture)
    rows, columns = np.nonzero(where)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (40, 40, 159, 119)
    assert not where[46:114, 46:154].any()
    assert (np.abs(picture[41, 100].astype(int) - colour_of(0)) < 40).all()


def test_a_tiny_box_can_be_seen(root: Path) -> None:
    where = changed(drawn(root, boxes=((30.0, 30.0, 30.2, 30.2),)))
    assert 30 < where.sum() < 400


def test_mask_and_polygon_holes(root: Path) -> None:
    masked = changed(drawn(root, boxes=((10.0, 10.0, 30.0, 30.0),), mask="m.png"))
    assert masked[80, 80]
    assert not masked[80, 200]
    square = ((5.0, 5.0), (45.0, 5.0), (45.0, 45.0), (5.0, 45.0))
    hole = ((15.0, 15.0), (35.0, 15.0), (35.0, 35.0), (15.0, 35.0))
    filled = changed(drawn(root, boxes=((5.0, 5.0, 45.0, 45.0),), polygons=((square, hole),)))
    assert filled[40, 40]
    assert not filled[100, 100]


def test_numbers_are_drawn_for_several_boxes(root: Path) -> None:
    one = changed(drawn(root, boxes=((10.0, 20.0, 20.0, 30.0),)))
    two = changed(drawn(root, boxes=((10.0, 20.0, 20.0, 30.0), (40.0, 20.0, 50.0, 30.0))))
    assert not one[70:78, 42:50].any()
    assert two[70:78, 42:50].any()


def rows(root: Path, *more: dict[str, Any]) -> Path:
    base = [{"id": str(k), "image": "a.png", "query": f"Question {k}?", "boxes": [[1, 1, 9, 9]]} for k in range(30)]
    file = root / "s.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in (*base, *more)))
    return file


class Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\"'&"


def test_html_is_self_contained_and_text_stays_text(root: Path) -> None:
    file = root / "s.jsonl"
    row = {"id": HOSTILE, "image": "a.png", "query": HOSTILE, "task": "vqa", "answer": HOSTILE, "category": HOSTILE,
           "split": HOSTILE, "source": HOSTILE}  # fmt: skip
    file.write_text(json.dumps(row) + "\n")
    sheet = contact_sheet(file, root / "sheet.html")
    page = sheet.file.read_text(encoding="utf-8")
    parts = Parts()
    parts.feed(page)
    assert not {tag for tag, _ in parts.tags} & {"script", "link", "iframe", "object"}
    images = [attributes for tag, attributes in parts.tags if tag == "img"]
    assert len(images) == 1
    assert images[0]["src"].startswith("data:image/jpeg;base64,")
    assert not any(name.startswith("on") for _, attributes in parts.tags for name in attributes)
    assert "http" not in page.replace("http-equiv", "")
    assert parts.text.count("<script>alert(1)</script>") == 4  # question, answer, facts, id
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_png_shows_a_seeded_draw_in_order(root: Path) -> None:
    file = rows(root)
    sheet = contact_sheet(file, root / "out" / "sheet.png", limit=6, columns=3, seed=1)
    assert (sheet.shown, sheet.samples, sheet.invalid) == (6, 30, ())
    with Image.open(sheet.file) as image:
        assert image.width == 3 * 414 + 14
    first = sheet.file.read_bytes()
    assert contact_sheet(file, sheet.file, limit=6, columns=3, seed=1).file.read_bytes() == first
    assert contact_sheet(file, sheet.file, limit=6, columns=3, seed=2).file.read_bytes() != first
    page = contact_sheet(file, root / "s.html", limit=6, seed=1).file.read_text()
    shown = [k for k in range(30) if f"Question {k}?" in page]
    places = [page.index(f"Question {k}?") for k in shown]
    assert len(shown) == 6
    assert places == sorted(places)


def test_what_cannot_be_shown_is_shown_as_that(root: Path) -> None:
    file = rows(root, {"id": "lost", "image": "lost.png", "query": "Lost?", "boxes": []})
    with file.open("a") as more:
        more.write("{broken\n")
    sheet = contact_sheet(file, root / "s.html", limit=31)
    assert len(sheet.invalid) == 2
    assert "there is no file lost.png" in sheet.file.read_text()


@pytest.mark.parametrize(("out", "options"), [("s.pdf", {}), ("s.png", {"limit": 0}), ("s.png", {"columns": 99})])
def test_parameters_that_cannot_be(root: Path, out: str, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        contact_sheet(rows(root), root / out, **options)


def test_an_empty_file(root: Path) -> None:
    (root / "e.jsonl").write_text("\n")
    with pytest.raises(SampleError, match="holds no sample"):
        contact_sheet(root / "e.jsonl", root / "s.png")
