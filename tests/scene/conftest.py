"""Rasters for the tests of the scene, made from their facts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from remotereasoner.scene import _gdal

import rasterio  # isort: skip
from rasterio.errors import NotGeoreferencedWarning

RasterFactory = Callable[..., Path]


@pytest.fixture
def raster_factory(tmp_path) -> RasterFactory:
    """``make(name=…, crs=…, bounds=… or transform=…, dtype=…, nodata_kind=…, …)`` writes a raster, returns its path.

    ``nodata_kind``: ``none``, ``value``, ``nan``, ``mask``, ``alpha``: the left quarter is nodata.
    ``pixels``: (bands, H, W), or None for seeded noise.
    """

    def make(
        name: str = "raster.tif",
        *,
        pixels: np.ndarray | None = None,
        size_hw: tuple[int, int] = (48, 64),
        count: int = 1,
        dtype: str = "uint16",
        crs: str | None = "EPSG:32618",
        bounds: tuple[float, float, float, float] | None = None,
        transform: Affine | None = None,
        nodata_kind: str = "none",
        names: tuple[str, ...] = (),
        driver: str = "GTiff",
        **profile: object,
    ) -> Path:
        if pixels is None:
            noise = np.random.default_rng(3).integers(1, 120, (count, *size_hw))
            pixels = noise.astype(dtype)
        count, height, width = pixels.shape
        if transform is None and bounds is not None:
            transform = rasterio.transform.from_bounds(*bounds, width, height)
        elif transform is None and crs is not None:
            transform = Affine(10.0, 0.0, 435_000.0, 0.0, -10.0, 4_180_000.0)
        left = np.zeros((height, width), dtype=bool)
        left[:, : width // 4] = True
        if nodata_kind in ("value", "nan"):
            nodata = np.nan if nodata_kind == "nan" else 0
            pixels = np.where(left, np.asarray(nodata, dtype=pixels.dtype), pixels)
            profile["nodata"] = nodata
        if nodata_kind == "alpha":
            pixels = np.concatenate([pixels, np.where(left, 0, np.iinfo(pixels.dtype).max)[None].astype(pixels.dtype)])
            profile |= {"alpha": "YES", "photometric": "RGB" if count == 3 else "MINISBLACK"}
        if driver == "JP2OpenJPEG":
            profile |= {"quality": "100", "reversible": "YES", "codec": "JP2"}
        path = tmp_path / name
        with warnings.catch_warnings(), _gdal.gdal_env(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(
                path,
                "w",
                driver=driver,
                width=width,
                height=height,
                count=len(pixels),
                dtype=pixels.dtype,
                crs=crs if driver not in ("PNG", "JPEG") else None,
                transform=transform if driver not in ("PNG", "JPEG") else None,
                **profile,
            ) as raster:
                raster.write(pixels)
                if nodata_kind == "mask":
                    raster.write_mask(~left)
                for number, band_name in enumerate(names, 1):
                    raster.set_band_description(number, band_name)
        return path

    return make
