"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from result_fixtures import make_result, make_scene

__all__ = ["make_result", "make_scene"]

# No test asserts a time, and none fails because the machine is busy.
settings.register_profile("no times", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no times")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The process's environment as it was: the command line hardens it, and later tests start other processes."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
