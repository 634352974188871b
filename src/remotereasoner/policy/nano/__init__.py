"""The embedded model: a perception tower that proposes objects, and a small language model that reasons over them."""

import remotereasoner.scene  # noqa: F401  its GDAL guard must run before any module here imports rasterio
