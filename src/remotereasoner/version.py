"""The version of the installed package."""

from __future__ import annotations

from functools import cache
from importlib import metadata

__all__ = ["package_version"]


@cache  # asked for every result, and read from a file
def package_version() -> str:
    """``0+unknown`` where the package runs from a folder without being installed."""
    try:
        return metadata.version("remotereasoner")
    except metadata.PackageNotFoundError:
        return "0+unknown"
