"""What a JPEG 2000 file declares, read before its decoder is asked: :func:`declared_tiles`.

OpenJPEG makes a structure of some 10 KiB for every tile when a file is opened. A file of a kilobyte that declares
65,535 tiles, the most there may be, costs 700 MiB before any of our limits is looked at.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["declared_tiles"]

_MOST_BOXES = 4096
_BOX, _LONG = struct.Struct(">I4s"), struct.Struct(">Q")
_SIZ = struct.Struct(">4s2H8I")
_CODESTREAM = b"\xff\x4f\xff\x51"


def declared_tiles(path: Path) -> int | None:
    """Tiles of the first codestream (ISO/IEC 15444-1, A.5.1); None where there is none to be read. Raises OSError."""
    with path.open("rb") as file:
        return _tiles_at(file) if _find_codestream(file) else None


def _find_codestream(file: BinaryIO) -> bool:
    """Go to the contents of the first ``jp2c`` box."""
    for _ in range(_MOST_BOXES):
        start = file.tell()
        head = file.read(_BOX.size)
        if len(head) < _BOX.size:
            return False
        length, kind = _BOX.unpack(head)
        if length == 1:
            head = file.read(_LONG.size)
            if len(head) < _LONG.size:
                return False
            length = _LONG.unpack(head)[0]
        if kind == b"jp2c":
            return True
        if length < file.tell() - start or start + length >= 1 << 63:  # to the end of the file, or nonsense
            return False
        file.seek(start + length)
    return False


def _tiles_at(file: BinaryIO) -> int | None:
    head = file.read(_SIZ.size)
    if len(head) < _SIZ.size:
        return None
    magic, _, _, x1, y1, _, _, tile_width, tile_height, tile_x, tile_y = _SIZ.unpack(head)
    if magic != _CODESTREAM or not tile_width or not tile_height:
        return None
    return int(-(-max(0, x1 - tile_x) // tile_width) * -(-max(0, y1 - tile_y) // tile_height))
