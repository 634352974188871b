"""The files of one result in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from remotereasoner.export.atomic import write_files
from remotereasoner.export.geojson import result_to_geojson, result_to_pixel_json
from remotereasoner.export.mask_raster import mask_tiff
from remotereasoner.export.pictures import contour_png, overlay_png

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["FILE_NAMES", "write_folder"]

FILE_NAMES = {
    "json": "result.json",
    "geojson": "findings.geojson",
    "pixels": "findings_px.json",
    "mask": "mask.tif",
    "contour": "contour.png",
    "overlay": "overlay.png",
}


def write_folder(result: Result, folder: Path) -> dict[str, Path]:
    """See :meth:`remotereasoner.result.Result.write`. An earlier result's files are replaced or removed."""
    payloads = {"json": result.to_json().encode(), "overlay": overlay_png(result)}
    if result.task == "locate":
        located = result.grid.is_georeferenced
        document = result_to_geojson(result) if located else result_to_pixel_json(result)
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        payloads["geojson" if located else "pixels"] = text.encode()
        if result.status in ("answered", "no_target"):
            payloads["mask"] = mask_tiff(result)
            payloads["contour"] = contour_png(result)
    # Only a folder that holds a result of ours may lose files, and only files with our names.
    stale = frozenset(FILE_NAMES.values()) if (folder / FILE_NAMES["json"]).is_file() else frozenset[str]()
    paths = write_files(folder, {FILE_NAMES[kind]: payload for kind, payload in payloads.items()}, remove=stale)
    return {kind: paths[FILE_NAMES[kind]] for kind in FILE_NAMES if kind in payloads}
