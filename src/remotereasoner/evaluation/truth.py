"""What is true of a sample, as boxes and one mask in its image's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from remotereasoner.data.samples import Sample, mask_path
from remotereasoner.errors import SampleError
from remotereasoner.scores.runs import Runs, union_runs
from remotereasoner.transform.masks import box_window
from remotereasoner.types import BoxXyxy, PointXy, SizeHw

__all__ = ["boxes_as_mask", "check_mask", "polygon_mask", "true_mask"]

_MAX_PIXELS = 1 << 28


def check_mask(root: str | PathLike[str], sample: Sample, image_hw: SizeHw) -> None:
    """The mask's header, without its pixels. Raises :class:`~remotereasoner.errors.SampleError`."""
    path = mask_path(root, sample)
    if path is not None:
        with _opened(path, sample, image_hw):
            pass


def _opened(path: Path, sample: Sample, image_hw: SizeHw) -> Image.Image:
    where = f"sample {sample.id!r:.80}, mask {sample.mask}"
    try:
        image = Image.open(path)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not an image"
        raise SampleError(where, None, f"cannot be read: {reason}") from error
    if image.size != (image_hw[1], image_hw[0]):
        size = image.size
        image.close()
        raise SampleError(where, None, f"has {size[0]} x {size[1]} px, its image {image_hw[1]} x {image_hw[0]}")
    if image.mode not in ("L", "1", "P") or image.width * image.height > _MAX_PIXELS:
        mode = image.mode
        image.close()
        raise SampleError(where, None, f"must be an 8-bit image of one channel, not {mode!r} or larger than 2^28 px")
    return image


def true_mask(sample: Sample, root: str | PathLike[str], image_hw: SizeHw) -> Runs | None:
    """All targets as one mask; None where the sample has boxes only. Raises SampleError for a broken mask file."""
    path = mask_path(root, sample)
    if path is not None:
        with _opened(path, sample, image_hw) as image:
            try:
                pixels = np.asarray(image)
            except (OSError, ValueError, SyntaxError) as error:
                raise SampleError(
                    f"sample {sample.id!r:.80}, mask {sample.mask}", None, f"is damaged: {error}"
                ) from error
        return Runs.of_mask(pixels > 0)
    if sample.polygons is not None:
        return union_runs([polygon_mask(rings, image_hw) for rings in sample.polygons], image_hw)
    return None if sample.boxes else Runs.empty(image_hw)


def polygon_mask(rings: Sequence[Sequence[PointXy]], image_hw: SizeHw) -> Runs:
    """Pixels whose centres lie in an odd number of ``rings`` (x, y): parts and holes alike.

    Each column of pixel centres is cut by the rings' edges; between the first cut and the second, the third and the
    fourth, … it is inside. That gives runs at once, without a raster.
    """
    height, width = image_hw
    first = np.array([point for ring in rings for point in ring], dtype=np.float64)
    second = np.array([point for ring in rings for point in (*ring[1:], ring[0])], dtype=np.float64)
    rising = first[:, :1] <= second[:, :1]
    left, right = np.where(rising, first, second), np.where(rising, second, first)
    begin, end = (np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64) for x in (left[:, 0], right[:, 0]))
    n = end - begin
    edge = np.repeat(np.arange(len(n)), n)
    column = begin[edge] + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
    along = (column + 0.5 - left[edge, 0]) / (right[edge, 0] - left[edge, 0])
    y = left[edge, 1] + along * (right[edge, 1] - left[edge, 1])
    order = np.lexsort((y, column))
    row = np.clip(np.ceil(y[order] - 0.5), 0, height).astype(np.int64)
    return Runs.of_spans((column[order] * height + row).reshape(-1, 2), image_hw)


def boxes_as_mask(boxes: Sequence[BoxXyxy], image_hw: SizeHw) -> Runs:
    """The pixels that any of ``boxes`` covers: stands in for masks that a predictions file does not have."""
    windows = [box_window(box, image_hw) for box in boxes]
    return union_runs([Runs.of_window(window, image_hw) for window in windows if window is not None], image_hw)
