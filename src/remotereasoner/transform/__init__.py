"""From the answer's boxes and points to masks, polygons, contours and measurements.

Nothing here asks the policy again: every granularity is a transformation of the one answer.
"""

import remotereasoner.scene  # noqa: F401  its GDAL guard must run before any module here imports rasterio
