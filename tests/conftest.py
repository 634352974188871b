"""Fixtures for all tests."""

from result_fixtures import make_result, make_scene

__all__ = ["make_result", "make_scene"]
