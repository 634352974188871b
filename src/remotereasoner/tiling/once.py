"""Windows that overlap, without reading twice what they share: :class:`OnceReader`."""

from __future__ import annotations

from remotereasoner.scene.scene import Scene
from remotereasoner.tiling.places import Choice
from remotereasoner.tiling.sources import RasterSource, Source, Strip

__all__ = ["OnceReader"]

_MAX_STRIPS_BYTES = 1 << 28
_PIXEL_BYTES = 4  # three of the pixel, one of its validity


class OnceReader:
    """Reads the windows of a :class:`~remotereasoner.tiling.places.Choice` in their order.

    At a raster's own resolution, what the windows to the left and above have shown is taken from them: a quarter of
    overlap would otherwise have three quarters of the pixels read and stretched again. Samples that are shown as they
    are come faster out of GDAL's cache of blocks than out of the windows beside. From coarser levels, where an
    averaged pixel can depend on the window, each window is read as a whole, and so it is from sources in memory and
    from several files. Of the row above no more than 256 MiB are kept; with so much overlap that it would be more,
    only the window to the left is used.
    """

    def __init__(self, source: Source, choice: Choice) -> None:
        self._source = source
        self._level = choice.level
        self._plan = choice.plan
        self._row = -1
        self._last: tuple[int, Scene] | None = None
        self._above: dict[int, Strip] = {}
        self._below: dict[int, Strip] = {}

    def read(self, index: int) -> Scene:
        """The window with that index, higher than the last one's. Raises as the source's ``read``."""
        window = self._plan.window(index)
        source = self._source
        if not isinstance(source, RasterSource) or not self._level.is_native or source.rendering.stretch == "none":
            return self._source.read(self._level, window)
        row, column = divmod(index, len(self._plan.x_starts))
        if row != self._row:
            self._above = self._below if row == self._row + 1 else {}
            self._row, self._last, self._below = row, None, {}
        left = None
        if self._last is not None and self._last[0] == column - 1:
            shared = self._plan.shared_px(self._plan.x_starts, column - 1, window.width)
            before = self._last[1]
            left = Strip(before.pixels[:, window.width - shared :], before.valid[:, window.width - shared :])
        scene = source.read_rest(self._level, window, self._above.pop(column, None), left)
        self._last = column, scene
        self._keep(column, scene)
        return scene

    def _keep(self, column: int, scene: Scene) -> None:
        """What the window below shares with this one, copied, so that the rest of it can go."""
        if self._row + 1 == len(self._plan.y_starts):
            return
        height, width = scene.size_hw
        shared = self._plan.shared_px(self._plan.y_starts, self._row, height)
        if shared and len(self._plan.x_starts) * shared * width * _PIXEL_BYTES <= _MAX_STRIPS_BYTES:
            rows = slice(height - shared, None)
            self._below[column] = Strip(scene.pixels[rows].copy(order="K"), scene.valid[rows].copy())
