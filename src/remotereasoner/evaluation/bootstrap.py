"""Intervals by resampling images (Efron 1979): questions about one image are not independent, images are taken to be.

Every score is a ratio of sums, so a resample is one row of weights times the sums of each image. The percentile
interval is given. The same seed gives the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from remotereasoner.evaluation.table import Sums
from remotereasoner.types import FloatArray

__all__ = ["DEFAULT_RESAMPLES", "Derived", "Estimate", "estimates", "interval", "paired_differences", "weights_of"]

DEFAULT_RESAMPLES = 1_000
_CHUNK = 2_000_000  # weights in memory at a time
_LEVELS = (2.5, 97.5)

Columns = Mapping[str, FloatArray]
Derived = Callable[[Columns, Columns], FloatArray]
"""A score made of several columns: (sums of numerators, sums of denominators), each (…), to its values (…)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score with its 95 % interval; None where it cannot be judged, or there are too few images for an interval."""

    value: float | None
    low: float | None
    high: float | None
    n: float
    """The denominator: the number of samples, for means."""

    def to_dict(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def weights_of(n_images: int, *, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """(k, n_images) how often each image is drawn, for ``resamples`` resamples in all."""
    rng = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // max(1, n_images))
    for begin in range(0, resamples, at_once):
        k = min(at_once, resamples - begin)
        drawn = rng.integers(0, n_images, (k, n_images)) + n_images * np.arange(k)[:, None]
        yield np.bincount(drawn.ravel(), minlength=k * n_images).reshape(k, n_images)


def interval(values: FloatArray) -> tuple[float | None, float | None]:
    """The middle 95 % of ``values``; NaN (nothing to judge in a resample) is left out."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None, None
    low, high = np.percentile(known, _LEVELS)
    return float(low), float(high)


def _ratio(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    return np.divide(numerators, denominators, out=np.full_like(numerators, np.nan), where=denominators > 0)


def _scores(sums: Sums, num: FloatArray, den: FloatArray, derived: Mapping[str, Derived]) -> dict[str, FloatArray]:
    """``num``, ``den`` (…, n_columns) to per name its values (…)."""
    by_num = {name: num[..., k] for k, name in enumerate(sums.names)}
    by_den = {name: den[..., k] for k, name in enumerate(sums.names)}
    found = {name: _ratio(by_num[name], by_den[name]) for name in sums.names}
    return found | {name: np.asarray(function(by_num, by_den)) for name, function in derived.items()}


def _resampled(sums: Sums, derived: Mapping[str, Derived], *, resamples: int, seed: int) -> dict[str, FloatArray]:
    """Per name (resamples,) values."""
    parts: dict[str, list[FloatArray]] = {}
    for weights in weights_of(sums.n_images, resamples=resamples, seed=seed):
        drawn = weights.astype(np.float64)
        for name, values in _scores(sums, drawn @ sums.numerators, drawn @ sums.denominators, derived).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def estimates(
    sums: Sums,
    derived: Mapping[str, Derived] | None = None,
    *,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Of every column and every derived score. ``resamples`` 0: without intervals."""
    more = derived or {}
    if sums.n_images == 0:
        return {}
    num, den = sums.numerators.sum(axis=0), sums.denominators.sum(axis=0)
    values = _scores(sums, num, den, more)
    drawn = _resampled(sums, more, resamples=resamples, seed=seed) if resamples and sums.n_images > 1 else {}
    counts = {name: float(den[k]) for k, name in enumerate(sums.names)}
    return {
        name: Estimate(
            float(value) if np.isfinite(value) else None,
            *(interval(drawn[name]) if name in drawn else (None, None)),
            n=counts.get(name, float(sums.n_images)),
        )
        for name, value in values.items()
    }


def paired_differences(
    first: Sums,
    second: Sums,
    derived: Mapping[str, Derived] | None = None,
    *,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> dict[str, tuple[Estimate, float]]:
    """The second minus the first per score, with the share of resamples in which it is above 0 (ties count half).

    Both must be of the same images in the same order, so that one draw serves both.
    """
    shared = [name for name in first.names if name in second.names]
    one, other = _only(first, shared), _only(second, shared)
    more = derived or {}
    ends = [_scores(sums, sums.numerators.sum(axis=0), sums.denominators.sum(axis=0), more) for sums in (one, other)]
    drawn = [_resampled(sums, more, resamples=resamples, seed=seed) for sums in (one, other)]
    counts = one.denominators.sum(axis=0)
    result = {}
    for name in (*shared, *more):
        value = float(ends[1][name] - ends[0][name])
        gaps = drawn[1][name] - drawn[0][name]
        known = gaps[np.isfinite(gaps)]
        if not np.isfinite(value) or not len(known):
            continue
        better = float(np.mean(known > 0) + np.mean(known == 0) / 2)
        n = float(counts[shared.index(name)]) if name in shared else float(one.n_images)
        result[name] = (Estimate(value, *interval(gaps), n=n), better)
    return result


def _only(sums: Sums, names: list[str]) -> Sums:
    at = [sums.names.index(name) for name in names]
    return Sums(tuple(names), sums.numerators[:, at], sums.denominators[:, at], sums.image_of_row)
