"""FlatGeobuf: one layer with a spatial index that can be read over the network piece by piece.

The index wants features sorted along a Hilbert curve: their order is not the answer's, their ``index`` is. What holds
for the whole is JSON in the layer's description.
"""

from __future__ import annotations

import json

from remotereasoner.export.layer import Layer
from remotereasoner.export.ogr import ogr_bytes

__all__ = ["flatgeobuf_bytes"]


def flatgeobuf_bytes(layer: Layer) -> bytes:
    """``layer`` as FlatGeobuf, in its own CRS. Raises as :func:`~remotereasoner.export.ogr.ogr_bytes`."""
    about = json.dumps(layer.about, ensure_ascii=False, allow_nan=False)
    return ogr_bytes(
        layer,
        "FlatGeobuf",
        purpose="writing FlatGeobuf",
        layer_options={"SPATIAL_INDEX": "YES", "TITLE": layer.name, "DESCRIPTION": about},
    )
