"""Which blocks a GeoTIFF holds at all: sparse files leave out what was never written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remotereasoner.types import SizeHw

__all__ = ["StoredBlocks"]


class StoredBlocks:
    """Asks the file's index of blocks, once for each, only as far as somebody wants to know."""

    def __init__(self, reader: Any, bands: Sequence[int]) -> None:
        self._reader = reader
        self._bands = sorted(set(bands))
        self._block_hw: SizeHw = tuple(reader.block_shapes[self._bands[0] - 1])
        self._known: dict[tuple[int, int], bool] = {}
        # Strips and other formats have no holes worth asking for, and an index of their own form.
        self._has_index = reader.driver == "GTiff" and bool(reader.profile.get("tiled"))

    def any_in(self, col_off: float, row_off: float, width: float, height: float) -> bool:
        """Whether a block that this window of the raster touches is stored. True where the file has no such index."""
        if not self._has_index:
            return True
        rows, columns = self._block_hw
        first_row, last_row = int(row_off // rows), int(min(row_off + height - 1e-6, self._reader.height - 1) // rows)
        first, last = int(col_off // columns), int(min(col_off + width - 1e-6, self._reader.width - 1) // columns)
        return any(
            self._stored(row, column) for row in range(first_row, last_row + 1) for column in range(first, last + 1)
        )

    def _stored(self, row: int, column: int) -> bool:
        known = self._known.get((row, column))
        if known is None:
            name = f"BLOCK_OFFSET_{column}_{row}"
            known = any(self._reader.get_tag_item(name, "TIFF", bidx=band) is not None for band in self._bands)
            self._known[row, column] = known
        return known
