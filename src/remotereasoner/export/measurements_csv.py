"""Measurements as CSV (RFC 4180, UTF-8): one line per finding, no geometry.

Cells that a spreadsheet would take for a formula (they begin with = + - @, a tab or a carriage return) get an
apostrophe in front, as OWASP advises: labels and questions are other people's text.
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from remotereasoner.export.layer import COLUMNS, Layer

__all__ = ["csv_bytes", "csv_cell"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_cell(value: Any) -> Any:
    """A value as it is written: harmless to spreadsheets, empty where it is not known."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value


def csv_bytes(layer: Layer) -> bytes:
    """``layer`` as CSV with a header line; numbers in full precision, what is not known left empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in zip(*(column.tolist() for column in layer.columns.values()), strict=True):
        writer.writerow([csv_cell(value) for value in row])
    return text.getvalue().encode()
