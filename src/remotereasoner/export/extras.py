"""The optional libraries of the vector formats, imported when a file is asked for."""

from __future__ import annotations

import importlib
from typing import Any

from remotereasoner.errors import MissingExtraError

__all__ = ["vector_module"]


def vector_module(name: str, purpose: str) -> Any:
    """The module ``name``. Raises :class:`~remotereasoner.errors.MissingExtraError` where ``[vector]`` is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError("vector", purpose) from error
