"""How much one raster may ask of this machine: :class:`ReadLimits`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "ReadLimits"]

_MIB = 1 << 20


@dataclass(frozen=True)
class ReadLimits:
    """Caps checked before the work is done. A raster over a cap is refused with an error code, never read in part."""

    max_declared_samples: int = 1 << 36
    """width x height x bands as the header declares them (``too_large``): 260,000² in one band."""
    max_bands: int = 2048
    """``too_many_bands``."""
    max_jp2_tiles: int = 16_384
    """Tiles of a JPEG 2000 file (``too_large``): its decoder takes some 10 KiB for each when it opens the file."""
    max_block_bytes: int = 128 * _MIB
    """One tile or strip, decoded (``block_too_large``): GDAL decodes whole blocks, for one pixel too."""
    max_decoded_bytes: int = 2048 * _MIB
    """What one read makes GDAL decode (``needs_overviews``): about 8 s of one core for deflate."""
    max_output_pixels: int = 128 * _MIB
    """Pixels of the scene made (``output_too_large``): 134 million, a whole Sentinel-2 tile."""


DEFAULT_LIMITS = ReadLimits()
