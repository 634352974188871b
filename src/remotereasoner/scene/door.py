"""The one door to raster files: :func:`open_raster`."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from remotereasoner.scene import _gdal  # before rasterio

import rasterio  # isort: skip
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_gcps

from remotereasoner.errors import CoordinateError, ImageReadError, RemoteReasonerError
from remotereasoner.scene.crs import MAX_WKT_CHARS, crs_from_wkt
from remotereasoner.scene.grid import Grid, is_usable
from remotereasoner.scene.jp2 import declared_tiles
from remotereasoner.scene.limits import DEFAULT_LIMITS, ReadLimits

__all__ = ["MAGIC", "Raster", "open_raster"]

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),  # BigTIFF
    (b"MM\0+", "GTiff"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
)
"""First bytes of a file and the only driver that may open it, whatever the file is called."""

_ITEM_BYTES = {
    "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8, "int64": 8,
    "float32": 4, "float64": 8, "complex_int16": 4, "complex64": 8, "complex128": 16,
}  # fmt: skip
_NOT_A_PATH = re.compile(r"\s*(<|[A-Za-z][A-Za-z0-9+.-]+:|/+vsi)", re.ASCII)


@dataclass(frozen=True, eq=False)
class Raster:
    """An open, checked raster: rasterio's reader and where its pixels are."""

    reader: Any
    """rasterio.DatasetReader; read it inside :func:`open_raster`'s block only."""
    name: str
    """File name without folders."""
    grid: Grid
    limits: ReadLimits
    notes: tuple[str, ...]
    """What about the place of pixels is not as the file says it."""

    @property
    def band_names(self) -> tuple[str | None, ...]:
        """The bands' descriptions, printable characters only, 80 at most: they are somebody else's text."""
        return tuple(
            "".join(c for c in text if c.isprintable())[:80] if text else None for text in self.reader.descriptions
        )

    @property
    def dtype(self) -> str:
        return str(self.reader.dtypes[0])

    @property
    def item_bytes(self) -> int:
        return _ITEM_BYTES[self.dtype]

    # Asked for with every window that is read, and dear to ask GDAL for:

    @cached_property
    def is_pixel_interleaved(self) -> bool:
        """See :func:`is_pixel_interleaved`."""
        return is_pixel_interleaved(self.reader)

    @cached_property
    def overview_factors(self) -> tuple[int, ...]:
        return tuple(self.reader.overviews(1))

    @cached_property
    def mask_flags(self) -> tuple[frozenset[Any], ...]:
        """MaskFlags of each band, as rasterio has them."""
        return tuple(frozenset(flags) for flags in self.reader.mask_flag_enums)

    @cached_property
    def nodata_values(self) -> tuple[Any, ...]:
        """Of each band."""
        return tuple(self.reader.nodatavals)


@contextmanager
def open_raster(
    path: str | os.PathLike[str], *, limits: ReadLimits = DEFAULT_LIMITS, follow_symlinks: bool = True
) -> Iterator[Raster]:
    """Open a local raster file for reading, closed at the end of the block.

    GeoTIFF, COG, PNG, JPEG and JPEG 2000, known by their first bytes. Sidecar files (``.ovr``, ``.msk``, ``.aux.xml``,
    world files) are not looked at. ``follow_symlinks=False`` refuses a path whose last part is a symbolic link.
    Whatever goes wrong inside the block, while reading pixels too, is an
    :class:`~remotereasoner.errors.ImageReadError` with one of the codes ``refused_path``, ``not_found``,
    ``not_a_file``, ``no_permission``, ``unknown_format``, ``broken``, ``too_large``, ``too_many_bands``,
    ``block_too_large``, ``unsupported_dtype``, ``bad_transform`` and ``bad_crs``; other errors of this package pass.
    """
    absolute = _local_path(path)
    driver = _sniff(absolute, follow_symlinks)
    if driver == "JP2OpenJPEG":
        _check_tiles(absolute, limits)
    with _gdal.gdal_env(), _reading(absolute.name), _open(absolute, driver) as reader:
        _check_size(reader, absolute.name, limits)
        grid, notes = _georeference(reader, absolute.name)
        yield Raster(reader, absolute.name, grid, limits, notes)


def _local_path(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if not isinstance(text, str) or not text.strip() or "\0" in text or len(text) > 4096 or _NOT_A_PATH.match(text):
        shown = ascii(text)[:60]
        raise ImageReadError("refused_path", f"{shown} is not a path of a local file: URLs and GDAL names are not read")
    absolute = Path.cwd() / text
    if absolute.name in ("", ".."):
        raise ImageReadError("not_a_file", f"{ascii(text)[:60]} is a folder: name the raster file")
    return absolute


def _sniff(path: Path, follow_symlinks: bool) -> str:
    """The driver for a regular file by its first bytes. FIFOs and devices are never opened: that can block or act."""
    try:
        kind = (path.stat() if follow_symlinks else path.lstat()).st_mode
        if not stat.S_ISREG(kind):
            what = "a symbolic link" if stat.S_ISLNK(kind) else "not a regular file"
            raise ImageReadError("refused_path" if stat.S_ISLNK(kind) else "not_a_file", f"{path.name} is {what}")
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_symlinks else os.O_NOFOLLOW)
        descriptor = os.open(path, flags)
        try:
            head = os.read(descriptor, 16)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageReadError("not_found", f"there is no file {path.name} in the folder {path.parent}") from error
    except PermissionError as error:
        raise ImageReadError("no_permission", f"{path.name} may not be read: check its permissions") from error
    except OSError as error:  # a name too long, a loop of links, a failing disk
        raise ImageReadError("broken", f"{path.name} cannot be read: {error.strerror}") from error
    for magic, driver in MAGIC:
        if head.startswith(magic):
            return driver
    raise ImageReadError(
        "unknown_format", f"{path.name} is none of TIFF, PNG, JPEG and JPEG 2000 by its first bytes: convert it first"
    )


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Every failure of the block as our error.

    Broad on purpose, and the only place that is: damaged files have raised RasterioIOError, CPLE errors, CRSError,
    ValueError, UnicodeDecodeError, OverflowError, TypeError and MemoryError, and the list depends on GDAL's version.
    The texts are not passed on, because they can carry bytes of the file; they are chained for the log.
    """
    try:
        yield
    except RemoteReasonerError:
        raise
    except Exception as error:
        raise ImageReadError("broken", f"{name} is damaged or is not what it says it is: it cannot be read") from error


def _open(path: Path, driver: str) -> Any:
    with warnings.catch_warnings():
        # Having no georeference is normal here: the outcome is in Grid.crs.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # A Path, not text: rasterio takes text apart at "://" and "!". Not shared: no other thread's handle.
        return rasterio.open(path, driver=driver, sharing=False)


def _check_tiles(path: Path, limits: ReadLimits) -> None:
    """Before the file is opened, because opening it is what costs."""
    try:
        tiles = declared_tiles(path) or 0
    except OSError as error:
        raise ImageReadError("broken", f"{path.name} cannot be read: {error.strerror}") from error
    if tiles > limits.max_jp2_tiles:
        _refuse(
            "too_large",
            f"{path.name} declares {tiles} tiles; {limits.max_jp2_tiles} are read at most: rewrite it with larger ones",
        )


def _check_size(reader: Any, name: str, limits: ReadLimits) -> None:
    width, height, count = reader.width, reader.height, reader.count
    if count < 1 or width < 1 or height < 1:
        _refuse("broken", f"{name} has no pixels")
    if count > limits.max_bands:
        _refuse("too_many_bands", f"{name} has {count} bands; {limits.max_bands} are read at most")
    if width * height * count > limits.max_declared_samples:
        _refuse("too_large", f"{name} declares {width} x {height} x {count} samples: cut it into smaller files")
    dtypes = set(reader.dtypes)
    unknown = sorted(str(dtype) for dtype in dtypes if dtype not in _ITEM_BYTES)
    if unknown or len(dtypes) > 1:
        _refuse("unsupported_dtype", f"{name} has samples of {', '.join(sorted(map(str, dtypes)))}: convert it")
    item_bytes = _ITEM_BYTES[reader.dtypes[0]]
    together = count if is_pixel_interleaved(reader) else 1
    block_bytes = max(rows * columns for rows, columns in reader.block_shapes) * item_bytes * together
    if reader.driver == "PNG" and _is_interlaced(Path(reader.name)):
        block_bytes = width * height * item_bytes * count  # libpng can only decode it as a whole
    if block_bytes > limits.max_block_bytes:
        _refuse(
            "block_too_large",
            f"{name} is stored in blocks of {block_bytes >> 20} MiB; {limits.max_block_bytes >> 20} MiB are allowed: "
            "rewrite it with tiles of 512 x 512",
        )


def is_pixel_interleaved(reader: Any) -> bool:
    """True where decoding one band of a block decodes all of them."""
    return reader.count > 1 and str(reader.profile.get("interleave", "pixel")).lower() == "pixel"


def _is_interlaced(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(29)[28:29] == b"\1"


def _georeference(reader: Any, name: str) -> tuple[Grid, tuple[str, ...]]:
    """The transform and CRS of a file; of its ground control points, fitted, where it has only these; or neither."""
    size_hw = (reader.height, reader.width)
    transform, wkt_source = reader.transform, reader.crs
    notes: tuple[str, ...] = ()
    if transform == Affine.identity():
        points, points_crs = reader.gcps
        if len(points) < 3:
            return Grid(transform, None, size_hw, name), ()  # a CRS without a transform places nothing
        transform, wkt_source = from_gcps(points), points_crs
        notes = (f"affine fitted to {len(points)} ground control points",)
    if not is_usable(transform):
        _refuse("bad_transform", f"{name} has a transform that is not finite or has no inverse: georeference it anew")
    if not wkt_source:
        return Grid(transform, None, size_hw, name), notes
    wkt = wkt_source.to_wkt()
    try:
        return Grid(transform, crs_from_wkt(wkt), size_hw, name), notes
    except CoordinateError as error:
        reason = f"is longer than {MAX_WKT_CHARS} characters" if len(wkt) > MAX_WKT_CHARS else "cannot be understood"
        raise ImageReadError(
            "bad_crs", f"{name} has a CRS that {reason}: assign one with rio edit-info --crs"
        ) from error


def _refuse(code: str, message: str) -> NoReturn:
    raise ImageReadError(code, message)
