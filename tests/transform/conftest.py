from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.types import WindowPx


def make_scene(height: int, width: int, *, transform: Affine | None = None, crs: str | None = None, seed: int = 0) -> Scene:
    """Noise with one bright disc, so that segmenters have something to see."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(40, 90, size=(height, width, 3), dtype=np.uint8)
    rows, columns = np.ogrid[:height, :width]
    pixels[(rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 4) ** 2] = (220, 210, 90)
    rendering = Rendering(
        source="drawn.tif",
        driver="GTiff",
        bands=(1, 2, 3),
        band_names=(None, None, None),
        dtype="uint8",
        stretch="none",
        limits=((0.0, 255.0),) * 3,
        percentiles=None,
        window=WindowPx(0, 0, width, height),
        source_hw=(height, width),
    )
    return Scene(
        pixels=pixels,
        valid=np.ones((height, width), dtype=np.bool_),
        transform=transform or Affine.identity(),
        crs=None if crs is None else CRS(crs),
        rendering=rendering,
    )


@pytest.fixture(name="make_scene")
def _make_scene():
    return make_scene
