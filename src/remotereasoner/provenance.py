"""Where a result comes from: model, prompt, sampling, segmenter, versions, times."""

from __future__ import annotations

import hashlib
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from remotereasoner.policy.base import PolicyIdentity, Prompt, Sampling
from remotereasoner.version import package_version

__all__ = ["Provenance", "collect_versions", "prompt_sha256", "utc_now"]


def collect_versions() -> dict[str, str]:
    """Versions of what can change a result. torch and transformers only where this process uses them."""
    import numpy as np
    import rasterio
    import shapely

    versions = {
        "remotereasoner": package_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "rasterio": rasterio.__version__,
        "gdal": rasterio.__gdal_version__,
        "shapely": shapely.__version__,
    }
    for name in ("torch", "transformers", "vllm"):
        if name in sys.modules:
            versions[name] = metadata.version(name)
    return versions


def prompt_sha256(prompt: Prompt) -> str:
    """Hash of both texts of the prompt; the image is not part of it."""
    return hashlib.sha256(f"{prompt.system}\x00{prompt.user}".encode()).hexdigest()


def utc_now() -> str:
    """Now, as ``2026-01-31T12:34:56.789Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Provenance:
    """Everything that a reader needs to know how a result came about, beside the scene's own ``rendering``."""

    model: PolicyIdentity
    codec: str
    """Name of the coordinate convention in which the model answered."""
    segmenter: str | None
    """Name with version or hash of the weights; None where no segmenter was asked."""
    prompt_system: str
    prompt_user: str
    prompt_sha256: str
    sampling: Sampling
    started_utc: str
    finished_utc: str
    seconds: dict[str, float] = field(default_factory=dict)
    """``policy``, ``parsing``, ``segmenter``, ``contours``, ``total``; ``policy`` is that of the whole batch."""
    versions: dict[str, str] = field(default_factory=dict)
    survey: dict[str, Any] | None = None
    """How a large scene was looked at: windows, overlap, ground resolution, what each window answered; plain values
    that JSON carries, see docs/large-scenes.md. None where the policy saw the scene in one look."""
