"""Where a survey's pixels come from: a raster kept open, or a scene in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image
from pyproj import CRS

from remotereasoner.scene import open_raster, open_scene
from remotereasoner.scene.bands import Bands
from remotereasoner.scene.door import Raster
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.limits import DEFAULT_LIMITS, ReadLimits
from remotereasoner.scene.opening import RasterPath, is_palette, raster_bands, raster_notes, read_layers, read_rgb
from remotereasoner.scene.reading import Part, check_cost
from remotereasoner.scene.render import Layer, choose_stretch, render
from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.scene.stretch import Limits
from remotereasoner.scene.window import choose_window, scene_transform
from remotereasoner.tiling.blocks import StoredBlocks
from remotereasoner.tiling.parts import part_scene
from remotereasoner.tiling.stack_source import StackSource
from remotereasoner.tiling.windows import Level
from remotereasoner.types import BoolArray, BoundsXyxy, UInt8Array, WindowPx

__all__ = ["ArraySource", "RasterSource", "Source", "Strip", "open_source"]

PERCENTILES = (2.0, 98.0)
_PATCH_PX, _PATCHES_A_SIDE = 128, 8


class Source(Protocol):
    """Pixels of one scene at any resolution, rendered alike everywhere."""

    @property
    def grid(self) -> Grid:
        """The scene at full resolution."""
        ...

    @property
    def rendering(self) -> Rendering:
        """How pixels are made, for the whole scene."""
        ...

    def read(self, level: Level, window: WindowPx) -> Scene:
        """A window of a level, in its pixels. Raises :class:`~remotereasoner.errors.ImageReadError`."""
        ...

    def is_stored(self, level: Level, window: WindowPx) -> bool:
        """False where the file is known to hold nothing there, without reading it."""
        ...


@dataclass(frozen=True, eq=False)
class Strip:
    """A part of a window as it was rendered: ``pixels`` (h, w, 3) and ``valid`` (h, w)."""

    pixels: UInt8Array
    valid: BoolArray


class ArraySource:
    """A scene in memory. Coarser levels are averages of its pixels."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @property
    def grid(self) -> Grid:
        """See :class:`Source`."""
        return self._scene.grid

    @property
    def rendering(self) -> Rendering:
        """See :class:`Source`."""
        return self._scene.rendering

    def is_stored(self, level: Level, window: WindowPx) -> bool:
        """See :class:`Source`."""
        del level, window
        return True

    def read(self, level: Level, window: WindowPx) -> Scene:
        """See :class:`Source`."""
        x, y, width, height = window
        if level.is_native:
            rows, columns = slice(y, y + height), slice(x, x + width)
            pixels, valid = self._scene.pixels[rows, columns], self._scene.valid[rows, columns]
        else:
            scale_x, scale_y = level.scale_xy
            box = (x * scale_x, y * scale_y, (x + width) * scale_x, (y + height) * scale_y)
            averaged, share = (
                Image.fromarray(array).resize((width, height), Image.Resampling.BOX, box=box)
                for array in (self._scene.pixels, self._scene.valid.astype(np.uint8) * 255)
            )
            pixels, valid = np.asarray(averaged), np.asarray(share) > 0
        part = level.part(window, WindowPx(0, 0, level.source_hw[1], level.source_hw[0]))
        return part_scene(self._scene.grid, self._scene.rendering, part, np.ascontiguousarray(pixels), valid)


class RasterSource:
    """An open raster, or ``region`` of it; a window is read from the overview that is made for its level."""

    def __init__(self, raster: Raster, bands: Bands, region: WindowPx) -> None:
        self._raster = raster
        self._bands = bands
        self._region = region
        self._how: Literal["none", "percentile"] = (
            "none" if is_palette(raster, bands) else choose_stretch("auto", [raster.dtype])
        )
        transform = scene_transform(raster.grid.transform, region, (region.height, region.width))
        self._grid = Grid(transform, raster.grid.crs, (region.height, region.width), raster.name)
        self._blocks = StoredBlocks(raster.reader, bands)
        self._known = self._limits_of_patches() if self._how == "percentile" else None
        self._rendering = Rendering(
            source=raster.name,
            driver=raster.reader.driver,
            bands=bands,
            band_names=tuple(raster.band_names[band - 1] for band in bands),
            dtype=raster.dtype,
            stretch=self._how,
            limits=self._known or ((0.0, 255.0),) * 3,
            percentiles=PERCENTILES if self._how == "percentile" else None,
            window=region,
            source_hw=raster.grid.size_hw,
            source_nodata=raster.reader.nodata,
            notes=(*raster.notes, *raster_notes(raster, is_palette=is_palette(raster, bands))),
        )

    @property
    def grid(self) -> Grid:
        """See :class:`Source`."""
        return self._grid

    @property
    def rendering(self) -> Rendering:
        """See :class:`Source`."""
        return self._rendering

    def is_stored(self, level: Level, window: WindowPx) -> bool:
        """See :class:`Source`."""
        part = level.part(window, self._region)
        return self._blocks.any_in(part.col_off, part.row_off, part.width, part.height)

    def read(self, level: Level, window: WindowPx) -> Scene:
        """See :class:`Source`."""
        return self.read_rest(level, window, None, None)

    def read_rest(self, level: Level, window: WindowPx, top: Strip | None, left: Strip | None) -> Scene:
        """The same where the first rows or columns, as many as the strips have, are known from windows beside it.

        Only for levels that are native: elsewhere pixels depend on the window.
        """
        part = level.part(window, self._region)
        check_cost(self._raster, part, len(set(self._bands)))
        pixels = _planar(window.height, window.width)
        rows = 0 if top is None else top.pixels.shape[0]
        columns = 0 if left is None else left.pixels.shape[1]
        rest = WindowPx(window.col_off + columns, window.row_off + rows, window.width - columns, window.height - rows)
        rgb, _ = read_rgb(
            self._raster, self._bands, level.part(rest, self._region), self._how, PERCENTILES,
            known=self._known, out=pixels[rows:, columns:],
        )  # fmt: skip
        valid = rgb.valid
        if rows or columns:
            valid = np.empty(pixels.shape[:2], dtype=np.bool_)
            valid[rows:, columns:] = rgb.valid
        if left is not None:
            pixels[rows:, :columns], valid[rows:, :columns] = left.pixels[rows:], left.valid[rows:]
        if top is not None:
            pixels[:rows], valid[:rows] = top.pixels, top.valid
        return part_scene(self._raster.grid, self._rendering, part, pixels, valid)

    def _limits_of_patches(self) -> tuple[Limits, Limits, Limits]:
        """What becomes 0 and 255 everywhere: percentiles over patches at full resolution, spread over the scene."""
        layers: list[list[Layer]] = []
        for col_off, row_off, width, height in _patches(self._region):
            if self._blocks.any_in(col_off, row_off, width, height):
                layers.append(
                    read_layers(self._raster, self._bands, Part(col_off, row_off, width, height, (height, width)))
                )
        if not layers:
            return ((0.0, 1.0),) * 3
        return render([_joined(channel) for channel in zip(*layers, strict=True)], "percentile", PERCENTILES).limits


def _planar(height: int, width: int) -> UInt8Array:
    """An (H, W, 3) array that lies in memory band by band, as rasters are read: interleaving is a fifth of a read."""
    planes: UInt8Array = np.empty((3, height, width), dtype=np.uint8)
    return planes.transpose(1, 2, 0)


def _patches(region: WindowPx) -> list[WindowPx]:
    """All of a small scene; of a larger one, a regular grid of patches."""
    side = _PATCH_PX * _PATCHES_A_SIDE
    if region.width <= side and region.height <= side:
        return [region]
    width, height = min(_PATCH_PX, region.width), min(_PATCH_PX, region.height)
    starts = [
        np.unique(np.linspace(off, off + length - size, _PATCHES_A_SIDE).astype(int)).tolist()
        for off, length, size in (
            (region.col_off, region.width, width),
            (region.row_off, region.height, height),
        )
    ]
    return [WindowPx(x, y, width, height) for y in starts[1] for x in starts[0]]


def _joined(layers: Sequence[Layer]) -> Layer:
    """Patches below each other."""
    valid = None
    if any(layer.valid is not None for layer in layers):
        valid = np.concatenate(
            [np.ones(layer.samples.shape, np.bool_) if layer.valid is None else layer.valid for layer in layers]
        )
    return Layer(np.concatenate([layer.samples for layer in layers]), valid)


@contextmanager
def open_source(
    scene: Scene | RasterPath | Sequence[RasterPath],
    *,
    bands: Sequence[int | str] | None = None,
    window: WindowPx | tuple[int, int, int, int] | None = None,
    bounds: BoundsXyxy | None = None,
    bounds_crs: str | CRS | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> Iterator[Source]:
    """The source for a survey, open until the block ends. Parameters and errors as for
    :func:`~remotereasoner.scene.opening.open_scene`; ``bands`` and the region do not concern a scene in memory.

    PNG and JPEG files can only be decoded from the top, so they are read once, as a whole.
    """
    if isinstance(scene, Scene):
        yield ArraySource(scene)
        return
    paths = [scene] if isinstance(scene, str | os.PathLike) else list(scene)
    if len(paths) > 1:
        yield StackSource.of(
            [Path(path) for path in paths], bands=bands, window=window, bounds=bounds, bounds_crs=bounds_crs,
            limits=limits,
        )  # fmt: skip
        return
    with open_raster(paths[0], limits=limits) as raster:
        if raster.reader.driver not in ("PNG", "JPEG"):
            region = choose_window(raster.grid, window=window, bounds=bounds, bounds_crs=bounds_crs)
            yield RasterSource(raster, raster_bands(raster, bands), region)
            return
    yield ArraySource(
        open_scene(paths[0], bands=bands, window=window, bounds=bounds, bounds_crs=bounds_crs, limits=limits)
    )
