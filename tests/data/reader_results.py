"""Helpers of the readers' tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from remotereasoner.data.readers import BadRecord, Item, ReadOptions, read_data_set

__all__ = ["read"]


def read(name: str, root: Path, **options: Any) -> tuple[list[Item], list[BadRecord]]:
    """What a reader yields, good and bad apart."""
    found = list(read_data_set(name, root, ReadOptions(**options)))
    return [x for x in found if isinstance(x, Item)], [x for x in found if isinstance(x, BadRecord)]
