"""A result as a piece of HTML for notebooks: self-contained, no scripts, everything from outside escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from remotereasoner.export.html_map import map_html
from remotereasoner.export.overlay import colour_of
from remotereasoner.export.pictures import status_line
from remotereasoner.plain_text import printable
from remotereasoner.transform.findings import Finding

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["result_to_html"]

_MAX_ROWS = 100
_CELL = "padding:2px 10px;text-align:right"


def _text(value: object) -> str:
    return escape(printable(str(value)), quote=True)


def _row(finding: Finding) -> str:
    red, green, blue = colour_of(finding.index)
    place = "–" if finding.centroid_lonlat is None else "{:.6f}, {:.6f}".format(*finding.centroid_lonlat)
    area = f"{finding.area_px} px" if finding.area_m2 is None else f"{finding.area_m2:,.1f} m²"
    cells = [finding.label or "", place, area, f"{finding.score:.2f}"]
    swatch = f'<td style="{_CELL};border-left:6px solid rgb({red},{green},{blue})">{finding.index + 1}</td>'
    return "<tr>" + swatch + "".join(f'<td style="{_CELL}">{_text(cell)}</td>' for cell in cells) + "</tr>"


def result_to_html(result: Result) -> str:
    """Question, status, table of findings (the first 100), reasoning and a map of the findings."""
    head = "".join(f'<th style="{_CELL}">{name}</th>' for name in ("#", "label", "lon, lat", "area", "score"))
    rows = "".join(_row(finding) for finding in result.findings[:_MAX_ROWS])
    more = result.count - _MAX_ROWS
    parts = [
        '<div style="font-family:sans-serif;max-width:60em">',
        f"<p><b>{_text(result.question)}</b><br>{_text(status_line(result))}</p>",
        f"<p>{_text(result.text)}</p>" if result.text else "",
        f'<table style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>' if rows else "",
        f"<p>and {more} more</p>" if more > 0 else "",
        f"<p style='color:#666'>{_text(result.reasoning)}</p>" if result.reasoning else "",
        map_html(result),
        "</div>",
    ]
    return "".join(parts)
