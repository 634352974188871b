"""GeoPackage 1.4: one layer with a spatial index, in the scene's CRS, and a style that QGIS applies by itself.

Made in memory: GDAL writes the layer, SQLite adds ``layer_styles`` (the table that QGIS looks for) and what holds for
the whole, as JSON in the layer's description. Times are the result's own, so that the same result gives the same bytes.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from remotereasoner.errors import ExportError
from remotereasoner.export.layer import Layer
from remotereasoner.export.ogr import ogr_bytes
from remotereasoner.export.qgis_style import findings_qml, findings_sld

__all__ = ["GEOMETRY_COLUMN", "geopackage_bytes"]

GEOMETRY_COLUMN = "geom"
_STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME
)
"""
_ADD_STYLE = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
  styleSLD, useAsDefault, description, owner, ui, update_time) VALUES ('', '', ?, ?, 'findings', ?, ?, 1, ?, '', '', ?)
"""
_ADD_CONTENTS = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id)
  VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)
"""


def _with_one_change(database: bytes) -> bytes:
    """SQLite counts the transactions of a file's making in its header; GDAL needs one more across a full second."""
    once = (1).to_bytes(4, "big")
    return database[:24] + once + database[28:92] + once + database[96:]


def geopackage_bytes(layer: Layer) -> bytes:
    """``layer`` as GeoPackage. Raises as :func:`~remotereasoner.export.ogr.ogr_bytes`."""
    written = ogr_bytes(
        layer,
        "GPKG",
        purpose="writing GeoPackage",
        layer_options={"GEOMETRY_NAME": GEOMETRY_COLUMN, "SPATIAL_INDEX": "YES"},
        dataset_options={"VERSION": "1.4"},
    )
    about = json.dumps(layer.about, ensure_ascii=False, allow_nan=False)
    changed = str(layer.about["created"])  # ISO 8601 in UTC, as GeoPackage has it
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.deserialize(written)
            with database:
                database.execute(_STYLES)
                style = (findings_qml(), findings_sld(), "Colours of the overlay, numbered as in the answer")
                database.execute(_ADD_STYLE, (layer.name, GEOMETRY_COLUMN, *style, changed))
                database.execute(_ADD_CONTENTS, (changed,))
                database.execute("UPDATE gpkg_contents SET last_change = ?", (changed,))
                database.execute("UPDATE gpkg_contents SET description = ? WHERE table_name = ?", (about, layer.name))
            return _with_one_change(database.serialize())
        except sqlite3.Error as error:
            raise ExportError(f"the GeoPackage's style could not be written: {error}") from error
