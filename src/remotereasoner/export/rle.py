"""Binary masks as runs: COCO's uncompressed form, column by column, beginning with the number of zeros.

``{"size": [height, width], "counts": [zeros, ones, zeros, …]}`` as pycocotools reads it (its ``frPyObjects``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from remotereasoner.errors import ResultFormatError
from remotereasoner.types import BoolArray

__all__ = ["decode_rle", "encode_rle"]

_MAX_PIXELS = 1 << 31  # a crop larger than this is no mask of ours; guards np.repeat against hostile counts


def encode_rle(mask: BoolArray) -> dict[str, Any]:
    """(H, W) bool to runs in column-major order."""
    flat = np.asarray(mask, dtype=np.bool_).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    counts = np.diff(bounds).tolist() if flat.size else []
    if flat.size and flat[0]:
        counts = [0, *counts]
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": counts}


def decode_rle(rle: Any) -> BoolArray:
    """Runs to (H, W) bool. Raises :class:`~remotereasoner.errors.ResultFormatError` where size and counts disagree."""
    try:
        height, width = (int(side) for side in rle["size"])
        runs = np.asarray(rle["counts"])
        counts = runs.astype(np.int64, casting="safe") if runs.size else np.zeros(0, dtype=np.int64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ResultFormatError(f"a mask is not in run-length form: {error}") from None
    if min(height, width) < 0 or height * width > _MAX_PIXELS or counts.ndim != 1 or (counts < 0).any():
        raise ResultFormatError(f"a mask has an impossible size or runs: {height} × {width}")
    if float(counts.sum(dtype=np.float64)) != height * width:
        raise ResultFormatError(f"a mask's runs do not add up to its {height} × {width} pixels")
    values = np.zeros(counts.size, dtype=np.bool_)
    values[1::2] = True
    return np.repeat(values, counts).reshape((height, width), order="F")
