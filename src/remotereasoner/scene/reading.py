"""Samples and their validity out of an open raster, never more of it than is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from remotereasoner.scene import _gdal  # noqa: F401  before rasterio

import rasterio  # isort: skip
from rasterio.enums import MaskFlags, Resampling
from rasterio.windows import Window

from remotereasoner.errors import ImageReadError
from remotereasoner.scene.door import Raster
from remotereasoner.types import BoolArray, SizeHw, UInt8Array

__all__ = ["Part", "check_cost", "palette", "read_band", "read_planes", "read_valid"]


@dataclass(frozen=True)
class Part:
    """A window of a raster, in its pixels and parts of them, and the size to read it at."""

    col_off: float
    row_off: float
    width: float
    height: float
    size_hw: SizeHw

    @property
    def decimation(self) -> float:
        """Source pixels per pixel read, along the axis with fewer."""
        return min(self.width / self.size_hw[1], self.height / self.size_hw[0])

    @property
    def is_exact(self) -> bool:
        """True where pixels are read as they are stored."""
        return (self.height, self.width) == self.size_hw


def check_cost(raster: Raster, part: Part, bands: int) -> None:
    """Raise ``output_too_large`` or ``needs_overviews`` before anything is read."""
    limits, reader = raster.limits, raster.reader
    if part.size_hw[0] * part.size_hw[1] > limits.max_output_pixels:
        raise ImageReadError(
            "output_too_large",
            f"{part.size_hw[1]} x {part.size_hw[0]} pixels of {raster.name} are more than {limits.max_output_pixels}: "
            "give a window, bounds or max_side_px",
        )
    if reader.driver in ("PNG", "JPEG"):  # rows can only be decoded from the top
        samples = reader.width * (part.row_off + part.height) * reader.count
    else:
        factor = max((f for f in raster.overview_factors if f <= part.decimation * 1.01), default=1)
        decoded = reader.count if raster.is_pixel_interleaved else bands
        samples = part.width * part.height / factor**2 * decoded
    if samples * raster.item_bytes > limits.max_decoded_bytes:
        raise ImageReadError(
            "needs_overviews",
            f"reading this part of {raster.name} means decoding {int(samples * raster.item_bytes) >> 20} MiB: "
            "give a smaller window, or add overviews with gdaladdo",
        )


def _resampling(part: Part, *, smooth: bool) -> Resampling:
    if part.is_exact or not smooth:
        return Resampling.nearest
    return Resampling.average if part.decimation > 1.0 else Resampling.bilinear


def _window(part: Part) -> Window:
    return Window(part.col_off, part.row_off, part.width, part.height)


def read_band(raster: Raster, band: int, part: Part, *, smooth: bool = True) -> npt.NDArray[Any]:
    """(h, w) samples of one band, averaged or interpolated where ``part`` is not exact; complex ones as magnitude."""
    is_complex = raster.dtype.startswith("complex")
    samples: npt.NDArray[Any] = raster.reader.read(
        band,
        window=_window(part),
        out_shape=part.size_hw,
        resampling=_resampling(part, smooth=smooth and not is_complex),
    )
    return np.abs(samples) if is_complex else samples


def read_planes(
    raster: Raster, bands: Sequence[int], part: Part, *, out: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """(n, h, w) samples of several bands in one go: blocks of interleaved files are decoded once.

    ``out``: (n, h, w) of the raster's dtype to read into, strided or not; None: a new array.
    """
    planes: npt.NDArray[Any] = raster.reader.read(
        list(bands),
        window=_window(part),
        out=out,
        out_shape=(len(bands), *part.size_hw) if out is None else None,
        resampling=_resampling(part, smooth=True),
    )
    return planes


def read_valid(raster: Raster, band: int, part: Part, samples: npt.NDArray[Any]) -> BoolArray | None:
    """(h, w) where ``samples`` of ``band`` are data, by nodata value, internal mask or alpha; None: everywhere."""
    flags = raster.mask_flags[band - 1]
    valid: BoolArray | None = None
    if MaskFlags.nodata in flags:
        valid = _differs(samples, raster.nodata_values[band - 1])
    elif MaskFlags.all_valid not in flags:
        valid = raster.reader.read_masks(band, window=_window(part), out_shape=part.size_hw) != 0
    if samples.dtype.kind == "f":
        finite = np.isfinite(samples)
        if not finite.all():
            valid = finite if valid is None else valid & finite
    return valid


def _differs(samples: npt.NDArray[Any], nodata: float) -> BoolArray | None:
    if samples.dtype.kind in "ui":
        info = np.iinfo(samples.dtype)
        if not float(nodata).is_integer() or not info.min <= int(nodata) <= info.max:
            return None  # a nodata value that no sample can have
    elif np.isnan(nodata):
        return None  # not finite: seen to by the caller
    value = samples.dtype.type(nodata)
    if samples.size and (samples.min() > value or samples.max() < value):
        return None  # two quick passes that spare all that a mask costs later; not where there are NaNs
    differs: BoolArray = samples != value
    return differs


def palette(raster: Raster, band: int) -> UInt8Array | None:
    """(n, 4) RGBA of each value of a palette band, n = 256 or 65,536; None where the band has no palette."""
    reader = raster.reader
    if reader.colorinterp[band - 1] != rasterio.enums.ColorInterp.palette or raster.dtype not in ("uint8", "uint16"):
        return None
    table = np.zeros((1 << (8 * raster.item_bytes), 4), dtype=np.uint8)
    for value, colour in reader.colormap(band).items():
        table[value] = colour
    return table
