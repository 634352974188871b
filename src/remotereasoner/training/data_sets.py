"""Sample files as data sets of TRL: everything is checked before the first step, images are opened when needed."""

from __future__ import annotations

import functools
import hashlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from remotereasoner.data.samples import BadSample, Sample, image_path, numbered_samples
from remotereasoner.errors import CoordinateError, ImageReadError, MissingExtraError, SampleError, UsageError
from remotereasoner.scene import open_scene, raster_info
from remotereasoner.types import SizeHw, UInt8Array

try:
    from datasets import Dataset
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "Training") from error

__all__ = ["LazyRows", "SampleSet", "load_samples", "rows_dataset", "sample_pixels"]

Row = dict[str, Any]
_SLACK_PX = 1.0  # annotations are often rounded outwards by a pixel
_MAX_TOLD = 10
_CACHED_IMAGES = 64


@dataclass(frozen=True)
class SampleSet:
    """Checked samples, the size of each image, and what identifies the data."""

    path: Path
    root: Path
    samples: tuple[Sample, ...]
    sizes_hw: Mapping[str, SizeHw]
    """By ``Sample.image``."""
    sha256: str
    """Of the sample file."""

    def size_hw(self, sample: Sample) -> SizeHw:
        return self.sizes_hw[sample.image]


def load_samples(path: Path, *, root: Path | None = None, limit: int | None = None, seed: int = 0) -> SampleSet:
    """Read and check a sample file: every line, every image's header, every box.

    ``limit``: that many samples, drawn by ``seed``, in the order of the file. Raises SampleError that names the first
    problems with their lines, also for a file without a sample; ImageReadError is told as part of it.
    """
    where = root if root is not None else path.parent
    samples: list[Sample] = []
    lines: dict[str, int] = {}
    problems: list[str] = []
    for line, found in numbered_samples(path):
        if isinstance(found, BadSample):
            problems.append(f"line {line}: {found.reason}")
        else:
            samples.append(found)
            lines[found.id] = line
    if not samples and not problems:
        raise SampleError(str(path), None, "holds no sample")
    if limit is not None and limit < len(samples):
        chosen = sorted(random.Random(seed).sample(range(len(samples)), limit))
        samples = [samples[index] for index in chosen]
    sizes: dict[str, SizeHw] = {}
    unreadable: dict[str, str] = {}
    for sample in samples:
        where_line = f"line {lines[sample.id]}, sample {sample.id}"
        if sample.image not in sizes and sample.image not in unreadable:
            try:
                sizes[sample.image] = raster_info(image_path(where, sample)).size_hw
            except (ImageReadError, CoordinateError) as error:
                unreadable[sample.image] = str(error)
        if sample.image in unreadable:
            problems.append(f"{where_line}: image {sample.image}: {unreadable[sample.image]}")
        else:
            problems += [f"{where_line}: {reason}" for reason in _misplaced(sample, sizes[sample.image])]
    if problems:
        more = f"; and {len(problems) - _MAX_TOLD} more" if len(problems) > _MAX_TOLD else ""
        raise SampleError(str(path), None, "; ".join(problems[:_MAX_TOLD]) + more)
    return SampleSet(path, where, tuple(samples), sizes, hashlib.sha256(path.read_bytes()).hexdigest())


def _misplaced(sample: Sample, size_hw: SizeHw) -> list[str]:
    height, width = size_hw
    found = []
    for number, (x1, y1, x2, y2) in enumerate(sample.boxes):
        inside = -_SLACK_PX <= x1 < x2 <= width + _SLACK_PX and -_SLACK_PX <= y1 < y2 <= height + _SLACK_PX
        if not inside or not all(math.isfinite(value) for value in (x1, y1, x2, y2)):
            found.append(
                f"box {number + 1} [{x1:g}, {y1:g}, {x2:g}, {y2:g}] does not lie in the image, "
                f"{width} x {height} pixels (width x height)"
            )
    return found


@functools.lru_cache(maxsize=_CACHED_IMAGES)
def _pixels(path: Path) -> UInt8Array:
    pixels = open_scene(path).pixels
    pixels.setflags(write=False)
    return pixels


def sample_pixels(root: Path, sample: Sample) -> UInt8Array:
    """(H, W, 3) uint8, rendered as for inference. Raises SampleError where the pixels cannot be read after all."""
    try:
        return _pixels(image_path(root, sample))
    except ImageReadError as error:
        raise SampleError(f"sample {sample.id}", None, f"image {sample.image}: {error}") from error


class LazyRows(Sequence[Row]):
    """Rows that are made when they are asked for."""

    def __init__(self, samples: Sequence[Sample], make_row: Callable[[Sample], Row]) -> None:
        self._samples = samples
        self._make_row = make_row

    def __len__(self) -> int:
        return len(self._samples)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> LazyRows: ...
    def __getitem__(self, index: int | slice) -> Row | LazyRows:
        if isinstance(index, slice):
            return LazyRows(self._samples[index], self._make_row)
        return self._make_row(self._samples[index])

    def columns(self, batch: Mapping[str, Sequence[int]]) -> dict[str, list[Any]]:
        """A list per column, as ``Dataset.set_transform`` wants it."""
        rows = [self[index] for index in batch["index"]]
        return {name: [row[name] for row in rows] for name in rows[0]}


def rows_dataset(rows: LazyRows, *, lazy: bool = True) -> Dataset:
    """TRL's data set of ``rows``, made when they are asked for; with ``lazy`` off, now (for rows of text only).

    Raises UsageError without rows.
    """
    if not rows:
        raise UsageError("there is no sample to learn from")
    if not lazy:
        return Dataset.from_list(list(rows))
    indices = Dataset.from_dict({"index": np.arange(len(rows))})
    indices.set_transform(rows.columns)
    return indices
