"""The findings as a map for a page: SVG over the scene's picture, with a scale bar, north and corners.

Self-contained: no script, no style sheet, nothing from the network; the picture is a data URI. All text of others
(labels) is escaped, and paths are numbers that we format ourselves.
"""

from __future__ import annotations

import base64
import io
import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import shapely
from PIL import Image
from shapely import MultiPolygon

from remotereasoner.errors import CoordinateError
from remotereasoner.export.ground_frame import ground_matrices
from remotereasoner.export.overlay import colour_of
from remotereasoner.plain_text import printable
from remotereasoner.scene.grid import Grid
from remotereasoner.transform.findings import Finding
from remotereasoner.types import FloatArray, UInt8Array

if TYPE_CHECKING:
    from remotereasoner.result import Result

__all__ = ["LONGEST_SIDE_PX", "MAX_DRAWN", "map_html"]

LONGEST_SIDE_PX = 800
_SHORTEST_LONG_SIDE_PX = 480
MAX_DRAWN = 1000
_PIXELATED_FROM = 4
_LABEL_CHARS = 200
_HALO = "paint-order:stroke;stroke:#101010;stroke-width:3px;stroke-linejoin:round"


def _text(value: object) -> str:
    return escape(printable(str(value)), quote=True)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _path(polygons: MultiPolygon, scale: float) -> str:
    thin = shapely.simplify(shapely.transform(polygons, lambda xy: xy * scale), 0.4, preserve_topology=True)
    rings = [
        "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in shapely.get_coordinates(ring)[:-1]) + "Z"
        for ring in shapely.get_rings(shapely.get_parts(thin))
    ]
    return "".join(rings)


def _tip(finding: Finding) -> str:
    area = f"{finding.area_px} px" if finding.area_m2 is None else f"{finding.area_m2:,.1f} m²"
    label = printable(finding.label or "")[:_LABEL_CHARS]
    return _text(f"{finding.index + 1} {label} · {area} · score {finding.score:.2f}")


def _shape(finding: Finding, scale: float) -> str:
    colour = "rgb({},{},{})".format(*colour_of(finding.index))
    x1, y1, x2, y2 = (value * scale for value in finding.box_xyxy)
    box = f'x="{_number(x1)}" y="{_number(y1)}" width="{_number(x2 - x1)}" height="{_number(y2 - y1)}"'
    parts = [f"<g><title>{_tip(finding)}</title>"]
    if not finding.polygons.is_empty:
        style = f'fill="{colour}" fill-opacity="0.35" fill-rule="evenodd" stroke="{colour}" stroke-width="2"'
        parts.append(f'<path d="{_path(finding.polygons, scale)}" {style}></path>')
    parts.append(f'<rect {box} fill="none" stroke="{colour}" stroke-width="1" stroke-dasharray="4 3"></rect></g>')
    return "".join(parts)


def _number_of(finding: Finding, scale: float) -> str:
    x1, y1, x2, y2 = (value * scale for value in finding.box_xyxy)
    place = f'x="{_number((x1 + x2) / 2)}" y="{_number((y1 + y2) / 2)}" text-anchor="middle" dy="0.35em"'
    return f'<text {place} fill="#fff" style="{_HALO}">{finding.index + 1}</text>'


def _picture(pixels: UInt8Array, size_wh: tuple[int, int], scale: float) -> str:
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels)
    if scale < 1:
        image = image.resize(size_wh, Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=False)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    shown = ";image-rendering:pixelated" if scale >= _PIXELATED_FROM else ""
    alt = f"the scene, {width} × {height} pixels"
    style = f"position:absolute;left:0;top:0;width:100%;height:100%;margin:0{shown}"
    return f'<img alt="{alt}" style="{style}" src="data:image/png;base64,{data}">'


def _nice(length: float) -> float:
    """The largest of 1, 2, 5 × 10ⁿ that is not longer."""
    magnitude = 10.0 ** math.floor(math.log10(length))
    return max(step * magnitude for step in (1, 2, 5) if step * magnitude <= length)


def _metres(length: float) -> str:
    return f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m" if length >= 1 else f"{length * 100:g} cm"


def _scale_bar(to_metres: FloatArray, width: int, height: int, scale: float) -> str:
    per_shown = float(np.linalg.norm(to_metres[:, 0])) / scale
    length = _nice(per_shown * width / 3)
    x, y, right = 10, height - 10, 10 + length / per_shown
    line = f"M{x} {y - 6}V{y}H{_number(right)}V{y - 6}"
    strokes = "".join(
        f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{weight}"></path>'
        for colour, weight in (("#101010", 5), ("#fff", 2))
    )
    return f'{strokes}<text x="{x + 4}" y="{y - 9}" fill="#fff" style="{_HALO}">{_metres(length)}</text>'


def _north(to_metres: FloatArray, width: int) -> str:
    """An arrow to where north is in the picture, at the centre of the scene."""
    x, y = np.linalg.solve(to_metres, np.array([0.0, 1.0]))
    degrees = math.degrees(math.atan2(x, -y))  # from up, clockwise
    place = f"translate({width - 22} 26) rotate({_number(degrees)})"
    arrow = '<path d="M0 -14L7 10L0 5L-7 10Z" fill="#fff" stroke="#101010" stroke-width="1.5"></path>'
    return f'<g transform="{place}"><title>north</title>{arrow}</g>'


def _degrees(lon: float, lat: float) -> str:
    return f"{abs(lat):.5f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.5f}° {'E' if lon >= 0 else 'W'}"


def _corners(grid: Grid) -> str:
    height, width = grid.size_hw
    corners = grid.pixel_to_lonlat([(0, 0), (width, height)])
    first, last = (_degrees(*corner) for corner in corners.tolist())
    return f"top left {first} · bottom right {last}"


def map_html(result: Result) -> str:
    """A ``<div>`` with picture and SVG; the longer side is 480 to :data:`LONGEST_SIDE_PX` pixels.

    The first :data:`MAX_DRAWN` findings are drawn. Without pixels (a result that was read from a file) the ground is
    grey; without a CRS, or where the scene's centre or corners lie outside the projection, there is no scale or place.
    """
    height, width = result.grid.size_hw
    longest = max(height, width)
    scale = min(max(_SHORTEST_LONG_SIDE_PX, longest), LONGEST_SIDE_PX) / longest
    shown_w, shown_h = max(1, round(width * scale)), max(1, round(height * scale))
    drawn = result.findings[:MAX_DRAWN]
    marks = [_shape(finding, scale) for finding in drawn] + [_number_of(finding, scale) for finding in drawn]
    place = "pixels, no place on the map"
    if result.grid.is_georeferenced:
        try:
            to_metres = ground_matrices(result.grid, np.array([[width / 2, height / 2]]))[0]
            marks += [_scale_bar(to_metres, shown_w, shown_h, scale), _north(to_metres, shown_w)]
            place = _corners(result.grid)
        except CoordinateError:
            place = "corners lie outside the projection"
    rest = result.count - len(drawn)
    note = f" · {rest} more are not drawn" if rest else ""
    picture = "" if result.pixels is None else _picture(result.pixels, (shown_w, shown_h), scale)
    frame = f"position:relative;width:{shown_w}px;max-width:100%;aspect-ratio:{shown_w}/{shown_h}"
    cover = "position:absolute;left:0;top:0;width:100%;height:100%;font:bold 13px sans-serif"
    return (
        f'<div style="{frame};overflow:hidden;background:#606266">{picture}'
        f'<svg viewBox="0 0 {shown_w} {shown_h}" style="{cover}" role="img" aria-label="map of the findings">'
        f"{''.join(marks)}</svg></div>"
        f'<p style="color:#777;font-size:85%;margin:4px 0">{_text(place)}{_text(note)}</p>'
    )
