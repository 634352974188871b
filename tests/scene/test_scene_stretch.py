"""Samples to uint8."""

from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.scene.stretch import percentile_limits, stretch_into


def stretched(samples: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    target = np.full((*samples.shape, 3), 99, np.uint8)
    stretch_into(target[:, :, 1], samples, limits)
    assert (target[:, :, ::2] == 99).all()
    return target[:, :, 1]


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"]
)
def test_linear_clipped_rounded_in_every_dtype(dtype: str) -> None:
    """Against the definition, one sample at a time."""
    kind = np.dtype(dtype)
    span = np.iinfo(kind) if kind.kind in "iu" else np.iinfo("int16")
    samples = np.random.default_rng(5).integers(max(span.min, -3000), min(span.max, 3000), (130, 7)).astype(kind)
    low, high = float(samples.min() / 2), float(samples.max() / 2)
    exact = np.array([min(255.0, max(0.0, (float(v) - low) * (255.0 / (high - low)))) for v in samples.ravel()])
    assert np.abs(stretched(samples, (low, high)).ravel() - exact).max() <= 0.5 + 1e-4


def test_extremes_of_sixteen_bits() -> None:
    signed = np.array([[-32768, -1, 0, 32767]], np.int16)
    assert stretched(signed, (-32768.0, 32767.0)).tolist() == [[0, 127, 128, 255]]
    assert stretched(np.array([[0, 65535]], np.uint16), (0.0, 65535.0)).tolist() == [[0, 255]]


def test_not_finite() -> None:
    samples = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert stretched(samples, (0.0, 1.0)).tolist() == [[0, 255, 0, 128]]


def test_percentiles_are_numpys_where_all_samples_count() -> None:
    samples = np.random.default_rng(0).normal(size=(100, 100))
    assert percentile_limits(samples, None, (2, 98)) == tuple(np.percentile(samples, (2, 98)))


def test_percentiles_of_a_large_band_are_close() -> None:
    samples = np.random.default_rng(0).integers(0, 10_000, (2000, 2000)).astype(np.uint16)
    low, high = percentile_limits(samples, None, (2, 98))
    assert (low, high) == pytest.approx((200, 9800), abs=60)


def test_nodata_and_nan_do_not_count() -> None:
    samples = np.full((50, 50), -9999.0)
    samples[:, :10] = np.linspace(0, 1, 500).reshape(50, 10)
    samples[0, 0] = np.nan
    low, high = percentile_limits(samples, samples != -9999.0, (0, 100))
    assert 0 <= low < 0.01
    assert high == 1.0


def test_nothing_valid_and_nothing_different() -> None:
    samples = np.full((4, 4), 7, np.uint16)
    assert percentile_limits(samples, np.zeros((4, 4), bool), (2, 98)) == (0.0, 1.0)
    assert percentile_limits(samples, None, (2, 98)) == (7.0, 8.0)
