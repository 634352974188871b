"""The files of one result in one folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from remotereasoner.export.atomic import write_files
from remotereasoner.export.formats import FORMAT_FILES, VectorFormat, format_bytes
from remotereasoner.export.geojson import result_to_pixel_json
from remotereasoner.export.mask_raster import mask_tiff
from remotereasoner.export.pictures import contour_png, overlay_png
from remotereasoner.export.shaping import shape_result

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["FILE_NAMES", "MAX_FRAME_PX", "write_folder"]

FILE_NAMES: dict[str, str] = {
    "json": "result.json",
    **{str(name): file for name, file in FORMAT_FILES.items()},
    "pixels": "findings_px.json",
    "mask": "mask.tif",
    "contour": "contour.png",
    "overlay": "overlay.png",
}


MAX_FRAME_PX = 1 << 29
"""Larger scenes get no mask and no contour drawing: both are made as a whole in memory."""


def write_folder(
    result: Result,
    folder: Path,
    *,
    formats: Sequence[VectorFormat] = (),
    simplify_m: float | None = None,
    right_angles_iou: float | None = None,
) -> dict[str, Path]:
    """See :meth:`remotereasoner.result.Result.write`. An earlier result's files are replaced or removed."""
    payloads: dict[str, bytes] = {"json": result.to_json().encode(), "overlay": overlay_png(result)}
    if result.task == "locate":
        located = result.grid.is_georeferenced
        shaped = shape_result(result, simplify_m=simplify_m, right_angles_iou=right_angles_iou)
        wanted: list[VectorFormat] = ["geojson"] if located else []
        payloads.update((name, format_bytes(shaped, name)) for name in dict.fromkeys([*wanted, *formats]))
        if not located:
            text = json.dumps(result_to_pixel_json(result), ensure_ascii=False, allow_nan=False)
            payloads["pixels"] = text.encode()
        height, width = result.grid.size_hw
        if result.status in ("answered", "no_target") and height * width <= MAX_FRAME_PX:
            payloads["mask"] = mask_tiff(result)
            payloads["contour"] = contour_png(result)
    # Only a folder that holds a result of ours may lose files, and only files with our names.
    stale = frozenset(FILE_NAMES.values()) if (folder / FILE_NAMES["json"]).is_file() else frozenset[str]()
    paths = write_files(folder, {FILE_NAMES[kind]: payload for kind, payload in payloads.items()}, remove=stale)
    return {kind: paths[FILE_NAMES[kind]] for kind in FILE_NAMES if kind in payloads}
