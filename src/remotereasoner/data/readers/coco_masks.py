"""Segmentations as COCO writes them: polygons, run lengths as numbers, and run lengths packed into text."""

from __future__ import annotations

from typing import Any

import numpy as np

from remotereasoner.data.fields import FieldError, shown
from remotereasoner.data.mask_outlines import Rings
from remotereasoner.data.readers.files import finite
from remotereasoner.errors import ResultFormatError
from remotereasoner.export.rle import decode_rle
from remotereasoner.types import BoolArray, PointXy, SizeHw

__all__ = ["rings_of", "rle_mask"]


def rings_of(segmentation: object, where: str) -> Rings | None:
    """The rings of a polygon segmentation ``[[x, y, x, y, …], …]``; None where there is none or it is run lengths."""
    if not isinstance(segmentation, list) or not segmentation or isinstance(segmentation[0], dict):
        return None
    flat_rings = [segmentation] if isinstance(segmentation[0], int | float) else segmentation
    return tuple(_ring(ring, where) for ring in flat_rings)


def _ring(flat: object, where: str) -> tuple[PointXy, ...]:
    if not isinstance(flat, list) or len(flat) < 6 or len(flat) % 2:
        raise FieldError(f"{where} must hold rings [x, y, x, y, …] of three points or more, not {shown(flat)}")
    numbers = [finite(value, where) for value in flat]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def rle_mask(segmentation: object, size_hw: SizeHw, where: str) -> BoolArray | None:
    """(H, W) of a run-length segmentation, one or a list of them; None where it is not of that kind.

    Raises FieldError for runs that do not fill ``size_hw``.
    """
    parts: list[Any] = segmentation if isinstance(segmentation, list) else [segmentation]
    if not parts or not all(isinstance(part, dict) for part in parts):
        return None
    mask = np.zeros(size_hw, dtype=np.bool_)
    for part in parts:
        size = part.get("size")
        if not isinstance(size, list) or tuple(size) != tuple(size_hw):
            raise FieldError(f"{where} is of size {shown(size)}, its image {list(size_hw)} (height, width)")
        counts = part.get("counts")
        try:
            runs = _unpack(counts) if isinstance(counts, str | bytes) else counts
            mask |= decode_rle({"size": size, "counts": runs})
        except (ResultFormatError, ValueError) as error:
            raise FieldError(f"{where} cannot be read: {error}") from None
    return mask


def _unpack(packed: str | bytes) -> list[int]:
    """Counts of COCO's packed form: base 32 digits from 48 on, sign-extended; from the fourth on as differences.

    After the description of pycocotools' format: 5 bits a character, bit 5 says that more follow, and a number's last
    character carries the sign in bit 4.
    """
    data: Any = packed.encode("latin-1") if isinstance(packed, str) else packed
    counts: list[int] = []
    value = shift = 0
    for character in data:
        digit = character - 48
        if not 0 <= digit < 64 or shift > 60:
            raise ValueError(f"byte {character} does not belong into packed run lengths")
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("packed run lengths break off")
    return counts
