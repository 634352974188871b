"""Binary masks as runs of ones, column by column: what COCO's run-length form holds, ready for arithmetic on many.

A mask of a 1024² frame is a few hundred numbers instead of a million bytes, and pairs of masks are intersected
together, without a loop over pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from remotereasoner.errors import ResultFormatError, UsageError
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim
from remotereasoner.types import BoolArray, SizeHw, WindowPx

__all__ = ["IntArray", "Runs", "intersections", "union_runs"]

IntArray = npt.NDArray[np.int64]

_MAX_PIXELS = 1 << 31  # positions stay far below 2**53 even when thousands of frames are laid end to end
_CHUNK = 2_000_000  # edges of one batch: some tens of MB
_DIGITS = 13  # of 5 bits each: more than an int64 needs


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
    """``edges`` (2K,) int64: start and end of each run of ones, strictly rising; position = x · height + y."""

    size_hw: SizeHw
    edges: IntArray

    @property
    def area_px(self) -> int:
        return int(self.edges[1::2].sum() - self.edges[::2].sum())

    @classmethod
    def empty(cls, size_hw: SizeHw) -> Runs:
        return cls(size_hw, np.empty(0, dtype=np.int64))

    @classmethod
    def of_mask(cls, mask: BoolArray) -> Runs:
        """From a dense mask (H, W)."""
        return cls.of_crop(mask, (0, 0), (mask.shape[0], mask.shape[1]))

    @classmethod
    def of_instance(cls, mask: InstanceMask, size_hw: SizeHw) -> Runs:
        """From a cropped mask of a frame of ``size_hw``. Raises as :meth:`of_crop`."""
        return cls.of_crop(mask.mask, mask.offset_xy, size_hw)

    @classmethod
    def of_crop(cls, mask: BoolArray, offset_xy: tuple[int, int], size_hw: SizeHw) -> Runs:
        """``mask`` (h, w), its top left pixel at ``offset_xy`` of a frame of ``size_hw``.

        Raises :class:`~remotereasoner.errors.UsageError` where it reaches outside the frame.
        """
        (h, w), (x, y), (height, width) = mask.shape, offset_xy, size_hw
        if h == 0 or w == 0:
            return cls.empty(size_hw)
        if x < 0 or y < 0 or x + w > width or y + h > height:
            raise UsageError(f"a mask of {w} x {h} px at ({x}, {y}) does not fit a frame of {width} x {height} px")
        padded = np.zeros((w, h + 2), dtype=np.int8)
        padded[:, 1:-1] = mask.T
        flat = np.flatnonzero(np.diff(padded, axis=1))
        column, row = np.divmod(flat, h + 1)
        return cls(size_hw, _joined((x + column) * np.int64(height) + (y + row)))

    @classmethod
    def of_window(cls, window: WindowPx, size_hw: SizeHw) -> Runs:
        """All pixels of a rectangle that lies in a frame of ``size_hw``."""
        starts = (np.arange(window.width, dtype=np.int64) + window.col_off) * size_hw[0] + window.row_off
        return cls(size_hw, _joined(np.column_stack((starts, starts + window.height)).ravel()))

    @classmethod
    def of_spans(cls, spans: IntArray, size_hw: SizeHw) -> Runs:
        """From (K, 2) starts and ends of runs in rising order, that may be empty or touch."""
        return cls(size_hw, _joined(spans.ravel()))

    @classmethod
    def of_coco(cls, rle: Any) -> Runs:
        """From ``{"size": [height, width], "counts": …}``, counts as a list of runs or as COCO's compressed text.

        Raises :class:`~remotereasoner.errors.ResultFormatError` where it is not in that form.
        """
        try:
            height, width = (int(side) for side in rle["size"])
            counts = rle["counts"]
            runs = _decompress(counts) if isinstance(counts, str | bytes) else np.asarray(counts, dtype=np.int64)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ResultFormatError(f"a mask is not in run-length form: {error}") from None
        if min(height, width) < 0 or height * width > _MAX_PIXELS or runs.ndim != 1 or (runs < 0).any():
            raise ResultFormatError(f"a mask has an impossible size or runs: {height} × {width}")
        ends = np.cumsum(runs)
        if (ends[-1] if ends.size else 0) != height * width:
            raise ResultFormatError(f"a mask's runs do not add up to its {height} × {width} pixels")
        return cls((height, width), _joined(ends if ends.size % 2 == 0 else ends[:-1]))

    def to_coco(self) -> dict[str, Any]:
        """COCO's compressed form, as pycocotools reads and writes it."""
        height, width = self.size_hw
        bounds = np.concatenate(([0], self.edges, [height * width]))
        counts = np.diff(bounds)
        if self.edges.size and self.edges[-1] == height * width:
            counts = counts[:-1]
        return {"size": [height, width], "counts": _compress(counts)}

    def to_instance(self, score: float = 1.0) -> InstanceMask:
        """The smallest crop that holds the ones."""
        if not self.edges.size:
            return empty_mask()
        height = self.size_hw[0]
        first, last = int(self.edges[0]) // height, (int(self.edges[-1]) - 1) // height + 1
        steps = np.zeros((last - first) * height + 1, dtype=np.int8)
        steps[self.edges[::2] - first * height] = 1
        steps[self.edges[1::2] - first * height] -= 1
        dense = np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_).reshape(last - first, height).T
        return trim(dense, (first, 0), score)

    def to_mask(self) -> BoolArray:
        """Dense (H, W)."""
        frame = np.zeros(self.size_hw, dtype=np.bool_)
        crop = self.to_instance()
        (x, y), (h, w) = crop.offset_xy, crop.mask.shape
        frame[y : y + h, x : x + w] = crop.mask
        return frame


def _joined(edges: npt.NDArray[Any]) -> IntArray:
    """Rising edges without runs that are empty or touch: an end that is the next start is no edge."""
    same = np.flatnonzero(np.diff(edges) == 0)
    if same.size == 0:
        return edges.astype(np.int64, copy=False)
    # An edge that stands an even number of times changes nothing; one that stands an odd number of times stands once.
    values, times = np.unique(edges, return_counts=True)
    odd: IntArray = values[times % 2 == 1].astype(np.int64, copy=False)
    return odd


def union_runs(masks: Sequence[Runs], size_hw: SizeHw) -> Runs:
    """The pixels of any of ``masks``, all of frames of ``size_hw``. Raises UsageError for another size."""
    for mask in masks:
        if mask.size_hw != size_hw:
            raise UsageError(f"a mask of a frame of {mask.size_hw} cannot be joined with masks of {size_hw}")
    filled = [mask.edges for mask in masks if mask.edges.size]
    if not filled:
        return Runs.empty(size_hw)
    if len(filled) == 1:
        return Runs(size_hw, filled[0])
    starts = np.concatenate([edges[::2] for edges in filled])
    ends = np.concatenate([edges[1::2] for edges in filled])
    order = np.argsort(starts, kind="stable")
    starts, reach = starts[order], np.maximum.accumulate(ends[order])
    fresh = np.concatenate(([True], starts[1:] > reach[:-1]))
    last = np.concatenate((fresh[1:], [True]))
    return Runs(size_hw, np.column_stack((starts[fresh], reach[last])).ravel())


def intersections(first: Sequence[Runs], second: Sequence[Runs]) -> IntArray:
    """(N,) pixels that ``first[k]`` and ``second[k]`` share.

    For each edge of one mask, how many ones of the other lie before it: differences over a run are what it shares. The
    frames of all pairs are laid end to end, so that one interpolation answers for all. Raises
    :class:`~remotereasoner.errors.UsageError` where a pair has two sizes.
    """
    if len(first) != len(second):
        raise UsageError(f"{len(first)} masks cannot be paired with {len(second)}")
    for one, other in zip(first, second, strict=True):
        if one.size_hw != other.size_hw:
            raise UsageError(f"masks of frames of {one.size_hw} and {other.size_hw} cannot be compared")
    shared = np.zeros(len(first), dtype=np.int64)
    # Pairs that lie apart are done: the last edge of one is before the first of the other.
    at = [
        k
        for k, (one, other) in enumerate(zip(first, second, strict=True))
        if one.edges.size and other.edges.size and one.edges[0] < other.edges[-1] and other.edges[0] < one.edges[-1]
    ]
    begin = load = 0
    for stop, k in enumerate(at, start=1):
        load += first[k].edges.size + second[k].edges.size
        if load >= _CHUNK or stop == len(at):
            chosen = at[begin:stop]
            shared[chosen] = _shared([first[k] for k in chosen], [second[k] for k in chosen])
            begin, load = stop, 0
    return shared


def _shared(first: list[Runs], second: list[Runs]) -> IntArray:
    sizes = np.array([runs.size_hw[0] * runs.size_hw[1] + 1 for runs in first], dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(sizes[:-1])))
    n_first = np.array([runs.edges.size for runs in first])
    n_second = np.array([runs.edges.size for runs in second])
    a = np.concatenate([runs.edges for runs in first]) + np.repeat(offsets, n_first)
    b = np.concatenate([runs.edges for runs in second]) + np.repeat(offsets, n_second)
    # Between two edges of b the number of ones before a position rises by one a pixel or not at all.
    before = np.empty(b.size, dtype=np.float64)
    ones = np.cumsum(b[1::2] - b[::2])
    before[1::2] = ones
    before[0], before[2::2] = 0.0, ones[:-1]
    counts = np.interp(a.astype(np.float64), b.astype(np.float64), before)
    within = counts[1::2] - counts[::2]
    starts = np.concatenate(([0], np.cumsum(n_first)[:-1])) // 2
    return np.add.reduceat(within, starts).astype(np.int64)


# COCO's compressed text: each number in groups of five bits, low ones first, sign extended, the sixth bit says that
# more follow, 48 added; from the fourth number on, the difference to the one two before is written.


def _compress(counts: npt.NDArray[Any]) -> str:
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2].astype(np.int64)
    groups = np.empty((values.size, _DIGITS), dtype=np.uint8)
    used = np.zeros((values.size, _DIGITS), dtype=np.bool_)
    rest = values
    going = np.ones(values.size, dtype=np.bool_)
    for digit in range(_DIGITS):
        low = rest & 0x1F
        rest = rest >> 5
        more = np.where(low & 0x10, rest != -1, rest != 0)
        groups[:, digit] = low + np.where(more, 0x20, 0) + 48
        used[:, digit] = going
        going = going & more
        if not going.any():
            break
    return groups[used].tobytes().decode("ascii")


def _decompress(text: str | bytes) -> IntArray:
    raw = np.frombuffer(text.encode("ascii") if isinstance(text, str) else text, dtype=np.uint8).astype(np.int64) - 48
    if raw.size == 0:
        return np.empty(0, dtype=np.int64)
    last = (raw & 0x20) == 0
    if (raw < 0).any() or (raw > 0x3F).any() or not last[-1]:
        raise ValueError("its compressed counts are damaged")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    digit = np.arange(raw.size) - np.repeat(starts, ends - starts + 1)
    if digit.max() >= _DIGITS - 1:
        raise ValueError("a compressed count has too many digits")
    values = np.add.reduceat((raw & 0x1F) << (5 * digit), starts)
    negative = (raw[ends] & 0x10) != 0
    values[negative] -= np.int64(1) << (5 * (digit[ends[negative]] + 1))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
