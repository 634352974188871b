"""The image as an engine hands it over: its size, and its bytes."""

from __future__ import annotations

import base64
import io
from typing import Literal

import numpy as np
from PIL import Image

from remotereasoner.errors import CoordinateError
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.types import SizeHw, UInt8Array

__all__ = ["ImageFormat", "data_url", "resized", "view_hw", "writes_absolute_pixels"]

ImageFormat = Literal["png", "jpeg"]

_PROBE_HW: SizeHw = (448, 448)


def writes_absolute_pixels(codec: CoordinateCodec) -> bool:
    """Whether this family's coordinates are pixels of the image as the model saw it, so that its size must be known.

    Found out by asking: the same corner of the same image, seen twice as large, has other coordinates only then.
    """
    height, width = _PROBE_HW
    corner = np.array([[width, height]], dtype=np.float64)
    once = codec.encode_xy(corner, grid_hw=_PROBE_HW, image_hw=_PROBE_HW)
    twice = codec.encode_xy(corner, grid_hw=(2 * height, 2 * width), image_hw=_PROBE_HW)
    return not np.array_equal(once, twice)


def view_hw(codec: CoordinateCodec, image_hw: SizeHw, *, max_side: int | None = None) -> SizeHw:
    """(height, width) in which to hand the image to somebody else's server.

    A family that writes absolute pixels gets exactly ``codec.grid_hw``: a fixed point of its processor's resize, so
    that the server leaves it alone and the frame of the answer is known. The others get the image as it is, no side
    longer than ``max_side``. Raises CoordinateError where the family refuses the shape of the image.
    """
    if writes_absolute_pixels(codec):
        seen_hw = codec.grid_hw(image_hw)
        if codec.grid_hw(seen_hw) != seen_hw:  # limits too close to each other
            raise CoordinateError(
                f"an image of {seen_hw[0]} x {seen_hw[1]} pixels would be resized again: cut it into tiles"
            )
        return seen_hw
    height, width = image_hw
    longest = max(height, width)
    if max_side is None or longest <= max_side:
        return image_hw
    return max(1, round(height * max_side / longest)), max(1, round(width * max_side / longest))


def resized(image: UInt8Array, size_hw: SizeHw) -> Image.Image:
    """(H, W, 3) uint8 RGB as a Pillow image of ``size_hw``; bicubic, as in the processors of the Qwen families."""
    picture = Image.fromarray(image)
    height, width = size_hw
    if picture.size == (width, height):
        return picture
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def data_url(picture: Image.Image, image_format: ImageFormat) -> str:
    """The picture inline, as ``data:image/…;base64,…``: nothing for the server to fetch."""
    buffer = io.BytesIO()
    if image_format == "png":
        picture.save(buffer, "PNG", compress_level=3)
    else:
        picture.save(buffer, "JPEG", quality=95, subsampling=0)
    return f"data:image/{image_format};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
