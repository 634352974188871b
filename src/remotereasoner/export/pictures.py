"""A result as PNG: the overlay with its caption, and the contour drawing."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from remotereasoner.export.caption import CaptionLine, caption_strip
from remotereasoner.export.overlay import draw_findings
from remotereasoner.types import Status

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["STATUS_WORDS", "contour_png", "overlay_png", "status_line"]

STATUS_WORDS: dict[Status, str] = {
    "answered": "answered",
    "no_target": "nothing in this scene answers the question",
    "unparseable": "the model's answer could not be read",
    "truncated": "the model's answer was cut off",
    "refused": "the model declined to answer",
}
_STATUS_COLOURS: dict[Status, tuple[int, int, int]] = {
    "answered": (120, 220, 150),
    "no_target": (150, 190, 255),
    "unparseable": (255, 140, 120),
    "truncated": (255, 190, 90),
    "refused": (255, 190, 90),
}
_NARROWEST_PX = 480


def status_line(result: Result) -> str:
    """One sentence: how the question ended."""
    if result.status == "answered" and result.task == "locate":
        return f"{result.count} place{'' if result.count == 1 else 's'} found"
    words = STATUS_WORDS[result.status]
    return f"{words}: {result.answer.reason}" if result.answer.reason else words


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def overlay_png(result: Result) -> bytes:
    """Scene, findings and a strip with question, status, answer in words and reasoning. RGB."""
    picture = draw_findings(result.pixels, result.grid.size_hw, result.findings)
    width = max(picture.width, _NARROWEST_PX)
    paragraphs = [
        CaptionLine(result.question or "Describe this image.", 22, (255, 255, 255), 4),
        CaptionLine(status_line(result)[:1].upper() + status_line(result)[1:], 16, _STATUS_COLOURS[result.status], 3),
    ]
    if result.text:
        paragraphs.append(CaptionLine(result.text, 18, (240, 240, 240), 12))
    if result.reasoning:
        paragraphs.append(CaptionLine(result.reasoning, 15, (190, 195, 205), 14))
    strip = caption_strip(width, paragraphs)
    sheet = Image.new("RGB", (width, picture.height + strip.height), (24, 26, 30))
    sheet.paste(picture, ((width - picture.width) // 2, 0))
    sheet.paste(strip, (0, picture.height))
    return _png(sheet)


def contour_png(result: Result) -> bytes:
    """Contours in black on white, at the scene's size."""
    from remotereasoner.transform.contour import contour_image

    return _png(Image.fromarray(contour_image(result.polygons, result.grid.size_hw)))
