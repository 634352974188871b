from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFont

from remotereasoner import Result
from remotereasoner.export.caption import CaptionLine, caption_strip, load_font, wrap_text
from remotereasoner.export.overlay import MAX_SIDE_PX, MIN_SIDE_PX, colour_of, draw_findings, place_labels
from remotereasoner.export.pictures import status_line
from result_fixtures import MakeResult, MakeScene, disc


def opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize("size", [(24, 20), (300, 500), (900, 1200), (1700, 2100), (40, 900)])
def test_pictures_have_a_readable_size(size: tuple[int, int], make_scene: MakeScene, make_result: MakeResult) -> None:
    result = make_result(make_scene(size), [disc(size, (10, 10), 5)])
    picture = draw_findings(result.pixels, size, result.findings)
    assert MIN_SIDE_PX <= max(picture.size) <= MAX_SIDE_PX
    assert picture.width / picture.height == pytest.approx(size[1] / size[0], rel=0.02)
    sheet = opened(result.overlay_png())
    assert sheet.mode == "RGB"
    assert sheet.height > picture.height
    assert sheet.width >= picture.width


def test_the_mask_is_tinted_its_hole_is_not(make_scene: MakeScene, make_result: MakeResult) -> None:
    size = (800, 800)
    scene = make_scene(size)
    result = make_result(scene, [disc(size, (400, 400), 200, hole=100)])
    before = scene.pixels.astype(float)
    after = np.asarray(draw_findings(scene.pixels, size, result.findings)).astype(float)
    inside, hole, outside = (slice(390, 410), slice(250, 270)), (slice(390, 410),) * 2, (slice(10, 60),) * 2
    expected = before[inside] * 0.62 + np.array(colour_of(0)) * 0.38
    assert np.abs(after[inside] - expected).max() < 3
    assert (after[hole] == before[hole]).all()
    assert (after[outside] == before[outside]).all()


def test_fifty_labels_do_not_cover_each_other() -> None:
    rng = np.random.default_rng(2)
    corners = rng.uniform(0, 760, (50, 2))
    boxes = [(x, y, x + 30.0, y + 30.0) for x, y in corners.tolist()]
    places = place_labels(boxes, [(25.0, 17.0)] * 50, (800, 800))
    for number, (x1, y1, x2, y2) in enumerate(places):
        assert (x1, y1) >= (0, 0)
        assert max(x2, y2) <= 800
        bx1, by1, bx2, by2 = boxes[number]
        assert min(x2, bx2) - max(x1, bx1) >= -3  # next to its box, or on it
        assert min(y2, by2) - max(y1, by1) >= -20
        for a1, b1, a2, b2 in places[:number]:
            assert min(x2, a2) <= max(x1, a1) or min(y2, b2) <= max(y1, b1)


def test_labels_that_must_overlap_stay_inside() -> None:
    places = place_labels([(5.0, 5.0, 9.0, 9.0)] * 30, [(25.0, 17.0)] * 30, (60, 40))
    assert all(x1 >= 0 and y1 >= 0 and x2 <= 60 and y2 <= 40 for x1, y1, x2, y2 in places)


def test_without_pixels_the_ground_is_grey(make_scene: MakeScene, make_result: MakeResult) -> None:
    size = (100, 100)
    result = replace(make_result(make_scene(size), [disc(size, (50, 50), 20)]), pixels=None)
    assert opened(result.overlay_png()).getpixel((5, 5)) == (96, 98, 102)


def test_findings_without_mask_still_show_their_box(make_scene: MakeScene, make_result: MakeResult) -> None:
    size = (800, 800)
    result = make_result(make_scene(size), [np.zeros(size, dtype=bool)])
    result = replace(result, findings=(replace(result.findings[0], box_xyxy=(100.0, 100.0, 700.0, 700.0)),))
    after = np.asarray(draw_findings(np.zeros((*size, 3), np.uint8), size, result.findings))
    assert tuple(after[400, 100]) == colour_of(0)
    assert tuple(after[400, 400]) == (0, 0, 0)


def test_contour_is_black_on_white_at_the_scenes_size(make_scene: MakeScene, make_result: MakeResult) -> None:
    size = (120, 160)
    picture = np.asarray(opened(make_result(make_scene(size), [disc(size, (80, 60), 40)]).contour_png()))
    assert picture.shape == (120, 160, 3)
    assert set(np.unique(picture)) == {0, 255}
    assert (np.asarray(opened(make_result(make_scene(size)).contour_png())) == 255).all()


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("answered", None, "1 place found"),
        ("no_target", None, "nothing in this scene answers the question"),
        ("unparseable", "no list", "the model's answer could not be read: no list"),
        ("truncated", None, "the model's answer was cut off"),
        ("refused", None, "the model declined to answer"),
    ],
)
def test_status_in_words(
    status: str, reason: str | None, words: str, make_scene: MakeScene, make_result: MakeResult
) -> None:
    frames = [disc((120, 160), (80, 60), 40)] if status == "answered" else []
    assert status_line(make_result(make_scene(), frames, status=status, reason=reason)) == words


def test_wrapping() -> None:
    font = load_font(15)
    text = "word " * 200 + "x" * 500
    lines = wrap_text(text, font, 300, 100)
    assert all(font.getlength(line) <= 300 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    cut = wrap_text(text, font, 300, 3)
    assert len(cut) == 3
    assert cut[-1].endswith("…")
    assert all(font.getlength(line) <= 300 for line in cut)
    assert wrap_text("", font, 300, 3) == []
    assert isinstance(font, ImageFont.FreeTypeFont)


def test_hostile_text_becomes_a_picture_of_it() -> None:
    hostile = "\x1b[31m\x00\u202e<b>" + "W" * 5000 + "\n" * 500 + "\U0010ffff漢字"
    strip = caption_strip(480, [CaptionLine(hostile, 16, (255, 255, 255), 5)])
    assert strip.width == 480
    assert strip.height < 200
    assert caption_strip(480, []).height == 24


def test_reading_a_result_and_drawing_it_again(make_scene: MakeScene, make_result: MakeResult) -> None:
    size = (120, 160)
    result = make_result(make_scene(size), [disc(size, (80, 60), 40)])
    assert Result.from_json(result.to_json()).contour_png() == result.contour_png()
