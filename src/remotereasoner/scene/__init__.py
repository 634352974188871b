"""The only door to rasters, and the value that comes out of it: :class:`~remotereasoner.scene.scene.Scene`.

Importing this package registers GDAL's drivers with all but ours left out, unless rasterio is imported already.
"""

from remotereasoner.scene import _gdal  # noqa: F401  before anything imports rasterio
from remotereasoner.scene.crs import parse_crs
from remotereasoner.scene.door import open_raster
from remotereasoner.scene.info import RasterInfo, raster_info
from remotereasoner.scene.limits import DEFAULT_LIMITS, ReadLimits
from remotereasoner.scene.opening import open_scene
from remotereasoner.scene.scene import Rendering, Scene

__all__ = [
    "DEFAULT_LIMITS",
    "RasterInfo",
    "ReadLimits",
    "Rendering",
    "Scene",
    "open_raster",
    "open_scene",
    "parse_crs",
    "raster_info",
]
