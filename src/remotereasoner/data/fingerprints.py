"""Images known again by what they show: equal pixels, and pixels that look the same after a JPEG or a resize."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import fft

from remotereasoner.scene import open_scene
from remotereasoner.types import SizeHw, UInt8Array

__all__ = ["Fingerprint", "fingerprint", "near_pairs"]

_MAX_SIDE_PX = 4096
_SAMPLED = 32
_KEPT = 8
_FLAT = 6.0
"""Standard deviation, in grey values, under which an image shows too little to be known again: open water."""
_BITS_IN_16 = np.array([bin(value).count("1") for value in range(1 << 16)], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of one image."""

    size_hw: SizeHw
    pixels: bytes
    """SHA-256 of size and decoded pixels, at most 4096 px on the longer side."""
    looks: int | None
    """64 bits: signs of the 8 × 8 lowest cosine terms of the grey image against their median; None for a flat one."""


def fingerprint(path: Path) -> Fingerprint:
    """Decode an image and summarise it. Raises :class:`~remotereasoner.errors.ImageReadError`."""
    scene = open_scene(path, max_side_px=_MAX_SIDE_PX)
    height, width = scene.rendering.source_hw
    digest = hashlib.sha256(f"{height} {width}\n".encode())
    digest.update(np.ascontiguousarray(scene.pixels).data)
    return Fingerprint((height, width), digest.digest(), _looks(scene.pixels))


def _looks(pixels: UInt8Array) -> int | None:
    grey = np.asarray(
        Image.fromarray(pixels).convert("L").resize((_SAMPLED, _SAMPLED), Image.Resampling.BOX), dtype=np.float64
    )
    if grey.std() < _FLAT:
        return None
    terms = fft.dctn(grey, norm="ortho")[:_KEPT, :_KEPT].ravel()
    terms[0] = 0.0  # brightness says nothing
    return int.from_bytes(np.packbits(terms > np.median(terms)).tobytes(), "big")


def near_pairs(looks: Sequence[int], others: Sequence[int], max_bits: int) -> list[tuple[int, int]]:
    """(i, j) where ``looks[i]`` and ``others[j]`` differ in at most ``max_bits`` of 64 bits."""
    if not looks or not others:
        return []
    left = np.array(looks, dtype=np.uint64).view(np.uint16).reshape(-1, 4)
    right = np.array(others, dtype=np.uint64).view(np.uint16).reshape(-1, 4)
    pairs: list[tuple[int, int]] = []
    rows = max(1, (1 << 22) // len(right))
    for start in range(0, len(left), rows):
        block = left[start : start + rows]
        distance = np.zeros((len(block), len(right)), dtype=np.uint8)
        for part in range(4):
            distance += _BITS_IN_16[block[:, part, np.newaxis] ^ right[np.newaxis, :, part]]
        i, j = np.nonzero(distance <= max_bits)
        pairs += zip((i + start).tolist(), j.tolist(), strict=True)
    return pairs
