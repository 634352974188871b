"""What a batch is made of: a recipe, images with questions, and what became of each.

    source ──> Entry ──> Item (image, question) ──> Unit (one image, its open questions) ──> ItemDone | ItemFailed
    planned    a line     the ledger's row           what an executor is given                what it gives back

All of these are plain values that pickle and that JSON carries: they cross processes and machines.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from remotereasoner.types import Task

__all__ = ["Ask", "Entry", "ImageRef", "ItemDone", "ItemFailed", "Recipe", "Unit", "item_key"]


@dataclass(frozen=True)
class Recipe:
    """How every item of a run is worked on. What can change a result is in here, and its digest in every key."""

    model: str = "embedded"
    segmenter: str = "embedded"
    device: str | None = None
    codec: str | None = None
    temperature: float = 0.0
    max_new_tokens: int | None = None
    seed: int | None = None
    survey: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of :class:`~remotereasoner.tiling.options.SurveyOptions`."""
    bands: tuple[int, ...] | tuple[str, ...] | None = None
    formats: tuple[str, ...] = ()
    """Files beside the result itself: vector formats, ``mask``, ``overlay``."""
    simplify_m: float | None = None
    right_angles_iou: float | None = None
    top_p: float = 1.0
    dtype: str | None = None
    quantization: str | None = None
    attention: str | None = None
    max_side_px: int | None = None
    """Scenes are read no larger than this, for one look each."""
    threads: int = 1
    """Of a worker's arithmetic in torch. Sums depend on how they are shared out, and so the last digits of a result."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ImageRef:
    """One image: its files (several are the bands of one scene) and the hash of their bytes."""

    paths: tuple[str, ...]
    """Absolute paths, as every worker sees them."""
    content_sha256: str
    name: str
    """What the user calls it: the path below the source's root, or the STAC item's id."""


@dataclass(frozen=True)
class Entry:
    """One line of a source before it is planned: an image and, where the source brings it, a question of its own."""

    paths: tuple[str, ...]
    name: str
    question: str | None = None
    """None: the run's questions are asked."""
    task: Task = "locate"
    fault: tuple[str, str] | None = None
    """(code, message) of an entry that cannot be used, such as a remote address: it is recorded and not worked on."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What the source knows beside: of STAC ``datetime``, ``collection``, ``item_id``; of a sample file ``id``."""


@dataclass(frozen=True)
class Ask:
    """One item of a unit: its key in the ledger, and the question."""

    key: str
    question: str
    task: Task = "locate"


@dataclass(frozen=True)
class Unit:
    """What an executor is given at once: one image and its open questions. It is the unit of claim, retry and loss."""

    number: int
    """Unique within one driver's run; executors hand it back."""
    image: ImageRef
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class ItemDone:
    """A finished item. ``files``: file name to bytes, the same whoever made them and whenever: no times are in them."""

    key: str
    status: str
    """The answer's status."""
    files: dict[str, bytes]
    summary: dict[str, Any]
    """Plain values for the ledger and the report: ``count``, ``area_m2``, ``crs``, ``bbox_lonlat``, …"""
    seconds: dict[str, float] = field(default_factory=dict)
    """Where the time went; kept in the ledger, not in the files."""


@dataclass(frozen=True)
class ItemFailed:
    """An item that gave no result. ``transient``: asking again can help."""

    key: str
    code: str
    message: str
    transient: bool = False


def item_key(image_sha256: str, question: str, task: Task, recipe: Recipe, identity: str, code_version: str) -> str:
    """sha256 of all that a result depends on: content, question, recipe, model (weights) and code version."""
    parts = [image_sha256, question, task, recipe.to_dict(), identity, code_version]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, default=list).encode()).hexdigest()
