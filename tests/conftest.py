"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from result_fixtures import make_result, make_scene

__all__ = ["make_result", "make_scene"]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The process's environment as it was: the command line hardens it, and later tests start other processes."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
