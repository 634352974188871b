"""A window of a level as a scene of its own."""

from __future__ import annotations

import math
from dataclasses import replace

from affine import Affine

from remotereasoner.scene.grid import Grid
from remotereasoner.scene.reading import Part
from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.types import BoolArray, UInt8Array, WindowPx

__all__ = ["part_scene", "part_transform"]


def part_transform(grid: Grid, part: Part) -> Affine:
    """From pixels of ``part``, as read, to the map; ``grid``: of the whole source."""
    scale = Affine.scale(part.width / part.size_hw[1], part.height / part.size_hw[0])
    return grid.transform @ Affine.translation(part.col_off, part.row_off) @ scale


def part_scene(grid: Grid, rendering: Rendering, part: Part, pixels: UInt8Array, valid: BoolArray) -> Scene:
    """``pixels`` (h, w, 3) and ``valid`` (h, w) of ``part`` with their place; the window it notes has whole pixels."""
    left, top = math.floor(part.col_off), math.floor(part.row_off)
    right = math.ceil(part.col_off + part.width - 1e-6)
    bottom = math.ceil(part.row_off + part.height - 1e-6)
    shown = replace(rendering, window=WindowPx(left, top, right - left, bottom - top))
    return Scene(pixels, valid, part_transform(grid, part), grid.crs, shown)
