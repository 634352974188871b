"""Scores of many samples in columns: each score is a ratio of sums, so that means, cIoU and precision are one thing."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remotereasoner.types import BoolArray, FloatArray

__all__ = ["Sums", "Table"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sums:
    """Per image the sums of all columns: ``numerators`` and ``denominators`` (n_images, n_columns)."""

    names: tuple[str, ...]
    numerators: FloatArray
    denominators: FloatArray
    image_of_row: IntArray
    """(n_rows,) which of the images here a row belongs to."""

    @property
    def n_images(self) -> int:
        return len(self.numerators)


class Table:
    """One row a sample. Columns need not have a value in each row. About 16 bytes a value, no text but names."""

    def __init__(self) -> None:
        self._images: dict[str, int] = {}
        self._image_of = array("q")
        self._columns: dict[str, tuple[array[float], array[float]]] = {}
        self._groups: dict[str, tuple[dict[str, int], array[int]]] = {}

    def __len__(self) -> int:
        return len(self._image_of)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What rows are grouped by."""
        return tuple(self._groups)

    @property
    def n_images(self) -> int:
        return len(self._images)

    def add(self, image: str, parts: Mapping[str, tuple[float, float]], groups: Mapping[str, str]) -> None:
        """A row: per score its (numerator, denominator), per dimension the group that it is in."""
        row = len(self)
        self._image_of.append(self._images.setdefault(image, len(self._images)))
        for name, (numerator, denominator) in parts.items():
            for column, value in zip(self._column(name), (numerator, denominator), strict=True):
                column.extend([0.0] * (row - len(column)))
                column.append(float(value))
        for dimension, group in groups.items():
            known, of_row = self._groups.setdefault(dimension, ({}, array("i")))
            of_row.extend([-1] * (row - len(of_row)))
            of_row.append(known.setdefault(group, len(known)))

    def _column(self, name: str) -> tuple[array[float], array[float]]:
        return self._columns.setdefault(name, (array("d"), array("d")))

    def column(self, name: str) -> tuple[FloatArray, FloatArray]:
        """(numerators, denominators), (n_rows,) each; denominator 0 where a row has no value."""
        return _padded(self._columns[name][0], len(self)), _padded(self._columns[name][1], len(self))

    def groups(self, dimension: str) -> dict[str, BoolArray]:
        """Per group the rows in it, (n_rows,) bool."""
        known, of_row = self._groups[dimension]
        codes = np.full(len(self), -1, dtype=np.int64)
        codes[: len(of_row)] = np.frombuffer(of_row, dtype=np.intc) if len(of_row) else 0
        return {name: codes == code for name, code in known.items()}

    def sums(self, rows: BoolArray | None = None) -> Sums:
        """By image; ``rows``: of these only."""
        chosen = np.ones(len(self), dtype=np.bool_) if rows is None else rows
        images = np.frombuffer(self._image_of, dtype=np.int64)[chosen] if len(self) else np.empty(0, dtype=np.int64)
        unique, image_of_row = np.unique(images, return_inverse=True)
        shape = (len(unique), len(self._columns))
        numerators, denominators = np.zeros(shape), np.zeros(shape)
        for k, name in enumerate(self._columns):
            for target, values in zip((numerators, denominators), self.column(name), strict=True):
                target[:, k] = np.bincount(image_of_row, weights=values[chosen], minlength=len(unique))
        return Sums(self.names, numerators, denominators, image_of_row)


def _padded(values: array[float], length: int) -> FloatArray:
    full = np.zeros(length)
    if len(values):
        full[: len(values)] = np.frombuffer(values, dtype=np.float64)
    return full
