"""A sample as a picture: its image with what answers the question drawn on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from remotereasoner.data.fields import FieldError
from remotereasoner.data.readers.rasters import read_mask
from remotereasoner.data.samples import Sample, image_path, mask_path
from remotereasoner.errors import ImageReadError, SampleError
from remotereasoner.export.caption import load_font
from remotereasoner.export.overlay import colour_of
from remotereasoner.scene import open_scene
from remotereasoner.types import BoolArray, BoxXyxy

__all__ = ["draw_sample"]

_HALO = (16, 16, 16)
_TINT = 0.45
_MASK_COLOUR = (255, 70, 160)  # of no box
_MIN_BOX_PX = 7.0
_MAX_NUMBERS = 40
_OVERSAMPLED = 2  # outlines are drawn at twice the size and averaged: Pillow's lines have hard edges


def draw_sample(root: Path, sample: Sample, side_px: int) -> Image.Image:
    """RGB, its longer side ``side_px``: tinted mask, polygons filled lightly, boxes in the colours of findings.

    Raises :class:`~remotereasoner.errors.SampleError` where the image or mask cannot be read.
    """
    try:
        scene = open_scene(image_path(root, sample), max_side_px=2 * side_px)
        where = mask_path(root, sample)
        mask = None if where is None else read_mask(where)
    except (ImageReadError, FieldError) as error:
        raise SampleError(f"sample {sample.id}", None, str(error)) from error
    height, width = scene.rendering.source_hw
    scale = _OVERSAMPLED * side_px / max(height, width)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    picture = Image.fromarray(scene.pixels).resize(size, Image.Resampling.BICUBIC)
    if mask is not None:
        _tint(picture, mask)
    for number, rings in enumerate(sample.polygons or ()):
        _fill(picture, [[(x * scale, y * scale) for x, y in ring] for ring in rings], colour_of(number))
    boxes = [_scaled(box, scale) for box in sample.boxes]
    _draw_boxes(picture, boxes)
    return picture.resize((size[0] // _OVERSAMPLED, size[1] // _OVERSAMPLED), Image.Resampling.BOX)


def _tint(picture: Image.Image, mask: BoolArray) -> None:
    cover = Image.fromarray(mask.view(np.uint8) * np.uint8(255)).resize(picture.size, Image.Resampling.BOX)
    picture.paste(_MASK_COLOUR, (0, 0), cover.point([round(value * _TINT) for value in range(256)]))
    inner = cover.point([255 * (value >= 128) for value in range(256)])
    edge = np.asarray(inner).astype(np.int16)
    rim = np.zeros(edge.shape, dtype=np.bool_)
    rim[:, 1:] |= edge[:, 1:] != edge[:, :-1]
    rim[1:] |= edge[1:] != edge[:-1]
    rim[:, :-1] |= rim[:, 1:]
    rim[:-1] |= rim[1:]
    picture.paste(_MASK_COLOUR, (0, 0), Image.fromarray(rim.view(np.uint8) * np.uint8(255)))


def _fill(picture: Image.Image, rings: list[list[tuple[float, float]]], colour: tuple[int, int, int]) -> None:
    """Even-odd: a ring within a ring is a hole."""
    cover = np.zeros((picture.height, picture.width), dtype=np.bool_)
    for ring in rings:
        layer = Image.new("1", picture.size)
        ImageDraw.Draw(layer).polygon(ring, fill=1)
        cover ^= np.asarray(layer)
    picture.paste(colour, (0, 0), Image.fromarray(cover.view(np.uint8) * np.uint8(round(255 * _TINT))))
    draw = ImageDraw.Draw(picture)
    for ring in rings:
        draw.line([*ring, ring[0]], fill=colour, width=3, joint="curve")


def _scaled(box: BoxXyxy, scale: float) -> BoxXyxy:
    """In pixels of the picture, and never too small to be seen."""
    x1, y1, x2, y2 = (value * scale for value in box)
    wide, high = (max(0.0, _OVERSAMPLED * _MIN_BOX_PX - side) / 2 for side in (x2 - x1, y2 - y1))
    return x1 - wide, y1 - high, x2 + wide, y2 + high


def _draw_boxes(picture: Image.Image, boxes: list[BoxXyxy]) -> None:
    draw = ImageDraw.Draw(picture)
    thin = 1 if len(boxes) > _MAX_NUMBERS else 2
    for width, halo in ((_OVERSAMPLED * (thin + 2), True), (_OVERSAMPLED * thin, False)):
        for number, (x1, y1, x2, y2) in enumerate(boxes):
            draw.rectangle((x1, y1, x2 - 1, y2 - 1), outline=_HALO if halo else colour_of(number), width=width)
    if not 1 < len(boxes) <= _MAX_NUMBERS:
        return
    font = load_font(13 * _OVERSAMPLED)
    for number, (x1, y1, _, y2) in enumerate(boxes):
        text, colour = str(number + 1), colour_of(number)
        wide, high = round(font.getlength(text)) + 8, 17 * _OVERSAMPLED
        left = min(max(0.0, x1), picture.width - wide)
        top = y1 - high if y1 >= high else min(y2, picture.height - high)
        draw.rectangle((left, top, left + wide, top + high - 1), fill=colour, outline=_HALO)
        dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 110
        draw.text((left + 4, top), text, font=font, fill=(0, 0, 0) if dark else (255, 255, 255))
