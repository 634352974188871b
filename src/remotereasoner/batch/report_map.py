"""Where a batch's images and findings lie, as SVG: rectangles and points over a grid of degrees. Loads nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from remotereasoner.batch.report_tally import Footprint
from remotereasoner.plain_text import printable
from remotereasoner.types import PointXy

__all__ = ["map_svg"]

_WIDTH, _MAX_HEIGHT, _MIN_HEIGHT = 1080.0, 620.0, 200.0
_LEAST_SPAN_DEG = 0.002
_SMALLEST_PX = 5.0
_LINES = 8
_NAME_CHARS = 80
_FOUND, _NOTHING, _OTHER, _POINT = "#1b9e77", "#7fb3d5", "#d95f02", "#b2182b"


class _Frame:
    """Degrees to pixels of the drawing: plate carrée, true to scale in the middle."""

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        width, height = max(east - west, _LEAST_SPAN_DEG), max(north - south, _LEAST_SPAN_DEG)
        self.west, self.east = west - 0.05 * width, west + 1.05 * width
        self.south, self.north = max(-90.0, south - 0.05 * height), min(90.0, south + 1.05 * height)
        squeeze = max(0.1, math.cos(math.radians((self.south + self.north) / 2)))
        across, up = (self.east - self.west) * squeeze, self.north - self.south
        self._per_deg = min(_WIDTH / across, _MAX_HEIGHT / up)
        self._squeeze = squeeze
        self.height = max(_MIN_HEIGHT, up * self._per_deg)
        self._left = (_WIDTH - across * self._per_deg) / 2
        self._top = (self.height - up * self._per_deg) / 2

    def x(self, lon: float) -> float:
        return self._left + (lon - self.west) * self._squeeze * self._per_deg

    def y(self, lat: float) -> float:
        return self._top + (self.north - lat) * self._per_deg


def map_svg(footprints: Sequence[Footprint], points: Sequence[PointXy]) -> Markup | None:
    """``points``: lon, lat of findings. None where nothing has a place."""
    if not footprints:
        return None
    first_deg = _first_longitude(footprints)
    spans = [_unrolled(one, first_deg) for one in footprints]
    frame = _Frame(
        min(west for west, _ in spans),
        min(one.bounds[1] for one in footprints),
        max(east for _, east in spans),
        max(one.bounds[3] for one in footprints),
    )
    parts = [*_graticule(frame), *(_rectangle(frame, *pair) for pair in zip(footprints, spans, strict=True))]
    for lon, lat in points:
        x, y = frame.x(_turned(lon, first_deg)), frame.y(lat)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8" fill="{_POINT}"/>')
    size = f'viewBox="0 0 {_WIDTH:.0f} {frame.height:.0f}" width="{_WIDTH:.0f}" height="{frame.height:.0f}"'
    head = f'<svg {size} role="img" aria-label="map" font-family="system-ui,sans-serif" font-size="11">'
    return Markup(f"{head}{''.join(parts)}</svg>")  # noqa: S704  numbers of ours, and names that are escaped


def _turned(lon: float, first_deg: float) -> float:
    """``lon`` within 360 degrees from ``first_deg`` on."""
    return (lon - first_deg) % 360.0 + first_deg


def _unrolled(one: Footprint, first_deg: float) -> tuple[float, float]:
    west, _, east, _ = one.bounds
    start = _turned(west, first_deg)
    return start, start + (east - west if east >= west else east - west + 360.0)


def _first_longitude(footprints: Sequence[Footprint]) -> float:
    """-180, or 0 where that keeps together what lies on both sides of the antimeridian."""

    def width(first_deg: float) -> float:
        spans = [_unrolled(one, first_deg) for one in footprints]
        return max(east for _, east in spans) - min(west for west, _ in spans)

    return min((-180.0, 0.0), key=width)


def _rectangle(frame: _Frame, one: Footprint, span: tuple[float, float]) -> str:
    x1, x2 = frame.x(span[0]), frame.x(span[1])
    y1, y2 = frame.y(one.bounds[3]), frame.y(one.bounds[1])
    grow_x, grow_y = max(0.0, _SMALLEST_PX - (x2 - x1)) / 2, max(0.0, _SMALLEST_PX - (y2 - y1)) / 2
    colour = _FOUND if one.found else _NOTHING if one.status in ("answered", "no_target") else _OTHER
    place = (
        f'x="{x1 - grow_x:.1f}" y="{y1 - grow_y:.1f}" '
        f'width="{x2 - x1 + 2 * grow_x:.1f}" height="{y2 - y1 + 2 * grow_y:.1f}"'
    )
    tip = escape(printable(f"{one.name[:_NAME_CHARS]}: {one.status.replace('_', ' ')}, {one.found} found"))
    return f'<rect {place} fill="{colour}" fill-opacity="0.25" stroke="{colour}"><title>{tip}</title></rect>'


def _graticule(frame: _Frame) -> list[str]:
    span = max(frame.east - frame.west, frame.north - frame.south)
    magnitude = 10.0 ** math.floor(math.log10(span / _LINES))
    step = next(size * magnitude for size in (1, 2, 5, 10) if size * magnitude >= span / _LINES)
    decimals = max(0, -math.floor(math.log10(step)))
    parts = []
    for number in range(math.ceil(frame.west / step), math.floor(frame.east / step) + 1):
        lon, x = number * step, frame.x(number * step)
        shown = (lon + 180.0) % 360.0 - 180.0
        words = f"{abs(shown):.{decimals}f}°{'' if not round(shown, 9) else 'E' if shown > 0 else 'W'}"
        parts.append(f'<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{frame.height:.0f}" stroke="#e2e5ea"/>')
        parts.append(f'<text x="{x + 3:.1f}" y="{frame.height - 4:.0f}" fill="#888">{words}</text>')
    for number in range(math.ceil(frame.south / step), math.floor(frame.north / step) + 1):
        lat, y = number * step, frame.y(number * step)
        words = f"{abs(lat):.{decimals}f}°{'' if not number else 'N' if lat > 0 else 'S'}"
        parts.append(f'<line x1="0" y1="{y:.1f}" x2="{_WIDTH:.0f}" y2="{y:.1f}" stroke="#e2e5ea"/>')
        parts.append(f'<text x="3" y="{y - 3:.1f}" fill="#888">{words}</text>')
    return parts
