from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from remotereasoner.errors import ResultFormatError
from remotereasoner.export.rle import decode_rle, encode_rle


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12)))
def test_round_trip_is_exact(mask: np.ndarray) -> None:
    back = decode_rle(encode_rle(mask))
    assert back.dtype == np.bool_
    assert back.shape == mask.shape
    assert (back == mask).all()


def test_runs_go_down_the_columns_and_begin_with_zeros() -> None:
    # COCO's definition, worked out by hand: column 0 is 1 0, column 1 is 1 1.
    assert encode_rle(np.array([[1, 1], [0, 1]], dtype=bool)) == {"size": [2, 2], "counts": [0, 1, 1, 2]}


@pytest.mark.parametrize(
    "rle",
    [
        {},
        None,
        {"size": [2, 2], "counts": "abc"},
        {"size": [2, 2], "counts": [3]},
        {"size": [2, 2], "counts": [-1, 5]},
        {"size": [2, 2], "counts": [2**62, 2**62, 2**62]},
        {"size": [2, 2], "counts": [2**70]},
        {"size": [2**20, 2**20], "counts": [2**40]},
        {"size": [-1, -4], "counts": [4]},
        {"size": [2], "counts": [2]},
        {"size": [2, 2], "counts": [[4]]},
        {"size": [2, 2], "counts": [4.5]},
    ],
)
def test_runs_that_are_none_are_refused(rle: object) -> None:
    with pytest.raises(ResultFormatError):
        decode_rle(rle)
