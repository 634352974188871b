"""Findings drawn over the scene: tinted masks, outlines, boxes, and numbers that stay legible from one to fifty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from shapely import MultiPolygon

from remotereasoner.export.caption import load_font
from remotereasoner.transform.findings import Finding
from remotereasoner.types import BoxXyxy, SizeHw, UInt8Array

__all__ = ["COLOURS", "MAX_SIDE_PX", "MIN_SIDE_PX", "colour_of", "draw_findings", "place_labels"]

MIN_SIDE_PX = 768
MAX_SIDE_PX = 1600

# Okabe and Ito's colours without black: told apart by people with colour vision deficiencies too.
COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66), (213, 94, 0), (0, 158, 115), (204, 121, 167), (0, 114, 178))
_TINT = 0.38
_HALO = (16, 16, 16)

_Rect = tuple[float, float, float, float]
SizeWh = tuple[int, int]


def colour_of(index: int) -> tuple[int, int, int]:
    """Colour of the finding with that position in the answer."""
    return COLOURS[index % len(COLOURS)]


def _text_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = colour
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else (255, 255, 255)


def _scaled(pixels: UInt8Array | None, size_hw: SizeHw) -> tuple[Image.Image, float]:
    """The scene at a size on which numbers can be read, and pixels of the picture per pixel of the scene."""
    height, width = size_hw
    longest = max(height, width)
    scale = MAX_SIDE_PX / longest if longest > MAX_SIDE_PX else max(1.0, MIN_SIDE_PX / longest)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if pixels is None:
        return Image.new("RGB", target, (96, 98, 102)), scale
    image = Image.fromarray(pixels)
    if target == image.size:
        return image.copy(), scale
    # Few, large pixels are shown as what they are; photographs are smoothed.
    enlarged = Image.Resampling.NEAREST if scale >= 8 else Image.Resampling.BICUBIC
    return image.resize(target, Image.Resampling.LANCZOS if scale < 1 else enlarged), scale


def _tint(image: Image.Image, findings: Sequence[Finding], scale: float) -> None:
    for finding in findings:
        pixels = finding.mask.mask
        if pixels.size == 0:
            continue
        x, y = (round(offset * scale) for offset in finding.mask.offset_xy)
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        alpha = Image.fromarray(pixels * np.uint8(round(255 * _TINT))).resize(size, Image.Resampling.BOX)
        image.paste(colour_of(finding.index), (x, y), alpha)


def _rings(polygons: MultiPolygon, scale: float) -> list[list[tuple[float, float]]]:
    rings = [ring for part in polygons.geoms for ring in (part.exterior, *part.interiors)]
    return [[(float(x) * scale, float(y) * scale) for x, y in ring.coords] for ring in rings]


def _outline(draw: ImageDraw.ImageDraw, finding: Finding, scale: float) -> None:
    colour = colour_of(finding.index)
    rings = _rings(finding.polygons, scale)
    for ring in rings:
        draw.line(ring, fill=_HALO, width=4, joint="curve")
    for ring in rings:
        draw.line(ring, fill=colour, width=2, joint="curve")
    x1, y1, x2, y2 = _scaled_box(finding.box_xyxy, scale)
    draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=1)


def _scaled_box(box: BoxXyxy, scale: float) -> _Rect:
    x1, y1, x2, y2 = box
    return x1 * scale, y1 * scale, x2 * scale, y2 * scale


def _overlap(a: _Rect, b: _Rect) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _candidates(box: _Rect, width: float, height: float) -> list[tuple[float, float]]:
    """Top left corners for a label of that size, the preferred one first."""
    x1, y1, x2, y2 = box
    middle_x, middle_y = (x1 + x2 - width) / 2, (y1 + y2 - height) / 2
    return [
        (x1, y1 - height - 2),
        (x1, y2 + 2),
        (x2 + 2, y1),
        (x1 - width - 2, y1),
        (x2 - width, y1 - height - 2),
        (x2 + 2, y2 - height),
        (x1 + 2, y1 + 2),
        (middle_x, middle_y),
        (middle_x, y1 - height - 2),
        (middle_x, y2 + 2),
        (x1 - width - 2, middle_y),
        (x2 + 2, middle_y),
    ]


def place_labels(boxes: Sequence[_Rect], sizes_wh: Sequence[tuple[float, float]], frame_wh: SizeWh) -> list[_Rect]:
    """One rectangle [x1, y1, x2, y2] for each label, inside the picture, next to its box.

    The first place that covers no earlier label, else the one that covers least of them.
    """
    taken: list[_Rect] = []
    for box, (width, height) in zip(boxes, sizes_wh, strict=True):
        places = []
        for x, y in _candidates(box, width, height):
            left, top = min(max(x, 0.0), frame_wh[0] - width), min(max(y, 0.0), frame_wh[1] - height)
            places.append((left, top, left + width, top + height))
        taken.append(min(places, key=lambda place: sum(_overlap(place, other) for other in taken)))
    return taken


def _labels(draw: ImageDraw.ImageDraw, findings: Sequence[Finding], scale: float, frame_wh: SizeWh) -> None:
    size_px = 20 if len(findings) <= 12 else 16 if len(findings) <= 30 else 13
    font = load_font(size_px)
    texts = [str(finding.index + 1) for finding in findings]
    sizes = [(font.getlength(text) + size_px * 0.6, size_px * 1.25) for text in texts]
    boxes = [_scaled_box(finding.box_xyxy, scale) for finding in findings]
    for finding, text, rect in zip(findings, texts, place_labels(boxes, sizes, frame_wh), strict=True):
        colour = colour_of(finding.index)
        draw.rounded_rectangle(rect, radius=size_px // 4, fill=colour, outline=_HALO, width=1)
        middle = ((rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2)
        draw.text(middle, text, font=font, fill=_text_on(colour), anchor="mm")


def draw_findings(pixels: UInt8Array | None, size_hw: SizeHw, findings: Sequence[Finding]) -> Image.Image:
    """The scene (grey where ``pixels`` is None); its longer side has :data:`MIN_SIDE_PX` to :data:`MAX_SIDE_PX` pixels.

    Numbers are the findings' positions in the answer, from 1, as in tables.
    """
    image, scale = _scaled(pixels, size_hw)
    _tint(image, findings, scale)
    draw = ImageDraw.Draw(image)
    for finding in findings:
        _outline(draw, finding, scale)
    _labels(draw, findings, scale, image.size)
    return image
