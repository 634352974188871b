"""OpenCV, or an error that names the extra. Only the modules that draw import it, and they only when drawing begins."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from remotereasoner.errors import MissingExtraError

__all__ = ["cv2"]

try:
    cv2: Any = import_module("cv2")  # Any: its stubs return arrays of every type from every function
except ImportError as error:
    raise MissingExtraError("synth", "drawing the synthetic world") from error
