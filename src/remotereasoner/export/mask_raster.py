"""Masks as georeferenced rasters: instance numbers or the union, as Cloud Optimized GeoTIFF with the scene's CRS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from affine import Affine

from remotereasoner.errors import ExportError, UsageError
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import union
from remotereasoner.types import SizeHw

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["MAX_COG_PIXELS", "MaskKind", "instance_ids", "mask_tiff"]

MaskKind = Literal["instances", "union"]
MAX_COG_PIXELS = 1 << 28  # the COG driver copies the whole raster; beyond this a plain tiled GeoTIFF is written
_BLOCK_PX = 512


def instance_ids(masks: Sequence[InstanceMask], size_hw: SizeHw) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """(H, W): 0 nothing, k the k-th mask (from 1). uint16, or uint32 from 65,536 masks on.

    Where masks overlap the earlier one stays, so that the numbers do not depend on anything but the answer's order.
    """
    dtype = np.uint16 if len(masks) <= np.iinfo(np.uint16).max else np.uint32
    frame = np.zeros(size_hw, dtype=dtype)
    for number, mask in reversed(list(enumerate(masks, start=1))):
        height, width = mask.mask.shape
        x, y = mask.offset_xy
        frame[y : y + height, x : x + width][mask.mask] = number
    return frame


def mask_tiff(result: Result, kind: MaskKind = "instances") -> bytes:
    """A GeoTIFF: ``instances`` as :func:`instance_ids`, ``union`` 0 and 255 as uint8. 0 is nodata in both.

    Status and question go along as tags. Raises :class:`~remotereasoner.errors.UsageError` for another ``kind`` and
    :class:`~remotereasoner.errors.ExportError` where GDAL cannot write it.
    """
    import warnings

    import rasterio
    from rasterio.crs import CRS
    from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
    from rasterio.io import MemoryFile

    scene = result.grid
    masks = [finding.mask for finding in result.findings]
    if kind == "instances":
        pixels: npt.NDArray[Any] = instance_ids(masks, scene.size_hw)
    elif kind == "union":
        pixels = union(masks, scene.size_hw).astype(np.uint8) * 255
    else:
        raise UsageError(f"unknown kind of mask {kind!r}: give instances or union")
    height, width = scene.size_hw
    layout: dict[str, Any] = {"driver": "COG", "BLOCKSIZE": _BLOCK_PX, "OVERVIEW_RESAMPLING": "NEAREST"}
    if height * width > MAX_COG_PIXELS:
        layout = {"driver": "GTiff", "tiled": True, "blockxsize": _BLOCK_PX, "blockysize": _BLOCK_PX}
        layout["BIGTIFF"] = "IF_SAFER"
    if scene.transform != Affine.identity():
        layout["transform"] = scene.transform
    try:
        if scene.crs is not None:
            layout["crs"] = CRS.from_wkt(scene.crs.to_wkt())
        with rasterio.Env(), MemoryFile() as memory, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # scenes without a place are allowed
            with memory.open(
                height=height, width=width, count=1, dtype=pixels.dtype.name, nodata=0, compress="DEFLATE", **layout
            ) as target:
                target.write(pixels, 1)
                target.set_band_description(1, kind)
                target.update_tags(REMOTEREASONER_STATUS=result.status, REMOTEREASONER_QUESTION=result.question[:2000])
            return bytes(memory.getbuffer())
    except (RasterioError, CRSError) as error:
        raise ExportError(f"the mask could not be written as GeoTIFF: {error}") from error
