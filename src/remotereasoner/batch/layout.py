"""Where things lie below a batch's folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ITEMS_NAME", "item_folder"]

ITEMS_NAME = "items"


def item_folder(out: Path, key: str) -> Path:
    """The folder of an item's files: ``items/ab/abcdef…``. It is made by the driver when the item is done."""
    return out / ITEMS_NAME / key[:2] / key
