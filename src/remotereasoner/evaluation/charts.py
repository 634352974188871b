"""Plots as SVG, drawn here: the report loads nothing. All text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from remotereasoner.plain_text import printable
from remotereasoner.types import FloatArray

__all__ = ["Whisker", "histogram", "reliability", "stacked_bar", "whiskers"]

_FONT = 'font-family="system-ui,sans-serif" font-size="12"'
_BLUE, _GREY, _INK = "#2166ac", "#d8dce2", "#333"
_LABEL_CHARS = 28


class Whisker(NamedTuple):
    """A value in [0, 1] with its interval."""

    label: str
    value: float
    low: float | None
    high: float | None
    note: str = ""


def _text(x: float, y: float, words: object, *, anchor: str = "start", fill: str = _INK, size: int = 12) -> str:
    style = f'text-anchor="{anchor}" fill="{fill}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(printable(str(words)))}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    name = escape(title)
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" {_FONT}'
    return Markup(f'{head} aria-label="{name}"><title>{name}</title>{"".join(parts)}</svg>')  # noqa: S704  escaped above


def _short(label: str) -> str:
    return label if len(label) <= _LABEL_CHARS else label[: _LABEL_CHARS - 1] + "…"


def whiskers(title: str, rows: Sequence[Whisker]) -> Markup:
    """One line a row: label, point and interval on an axis from 0 to 100 %, value in figures."""
    left, width, step = 190, 300, 22
    height = step * len(rows) + 28
    parts = []
    for tick in range(0, 101, 20):
        x = left + width * tick / 100
        parts.append(f'<line x1="{x}" y1="4" x2="{x}" y2="{height - 20}" stroke="{_GREY}"/>')
        parts.append(_text(x, height - 5, tick, anchor="middle", fill="#777", size=11))
    for k, row in enumerate(rows):
        y = 4 + step * (k + 0.5)
        parts.append(_text(left - 10, y + 4, _short(row.label), anchor="end"))
        if row.low is not None and row.high is not None:
            x1, x2 = (left + width * min(max(end, 0.0), 1.0) for end in (row.low, row.high))
            parts.append(f'<line x1="{x1:.1f}" y1="{y}" x2="{x2:.1f}" y2="{y}" stroke="{_BLUE}" stroke-width="2"/>')
        x = left + width * min(max(row.value, 0.0), 1.0)
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4.5" fill="{_BLUE}"/>')
        parts.append(_text(left + width + 14, y + 4, f"{100 * row.value:.1f} {row.note}"))
    return _svg(left + width + 110, height, title, parts)


def histogram(title: str, values: FloatArray, *, bins: int = 20) -> Markup:
    """How many values in [0, 1] fall in each of ``bins``."""
    counts = [0] * bins
    for value in values:
        counts[min(int(float(value) * bins), bins - 1)] += 1
    left, width, top, tall = 56, 420, 16, 150
    most = max(counts, default=0) or 1
    parts = [f'<line x1="{left}" y1="{top + tall}" x2="{left + width}" y2="{top + tall}" stroke="{_INK}"/>']
    for k, count in enumerate(counts):
        height = tall * count / most
        x = left + width * k / bins
        span = f"{k / bins:.2f} to {(k + 1) / bins:.2f}: {count}"
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{top + tall - height:.1f}" width="{width / bins - 2:.1f}" '
            f'height="{height:.1f}" fill="{_BLUE}"><title>{span}</title></rect>'
        )
    parts += [
        _text(left + width * tick / 100, top + tall + 16, tick, anchor="middle", fill="#777", size=11)
        for tick in range(0, 101, 20)
    ]
    parts.append(_text(left - 8, top + 8, f"{most:,}", anchor="end", fill="#777", size=11))
    parts.append(_text(left - 8, top + tall, 0, anchor="end", fill="#777", size=11))
    parts.append(_text(left + width / 2, top + tall + 34, "score, %", anchor="middle", fill="#777", size=11))
    return _svg(left + width + 20, top + tall + 42, title, parts)


def stacked_bar(title: str, shares: Sequence[tuple[str, int, str]]) -> Markup:
    """(label, count, colour): one bar over the whole width, with a legend of those that occur."""
    total = sum(count for _, count, _ in shares) or 1
    width, x, legend_x = 640.0, 0.0, 0.0
    bar, legend = [], []
    for label, count, colour in shares:
        if not count:
            continue
        span = width * count / total
        words = f"{label}: {count:,} ({100 * count / total:.1f} %)"
        name = f"<title>{escape(words)}</title>"
        bar.append(f'<rect x="{x:.1f}" y="0" width="{span:.1f}" height="24" fill="{colour}">{name}</rect>')
        x += span
        legend.append(f'<rect x="{legend_x:.1f}" y="34" width="11" height="11" fill="{colour}"/>')
        legend.append(_text(legend_x + 16, 44, words))
        legend_x += 30 + 6.4 * len(words)
    return _svg(max(width, legend_x), 52, title, [*bar, *legend])


def reliability(title: str, bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Accuracy over confidence; the diagonal is a confidence that means what it says. Area of a point: its samples."""
    left, top, side = 48, 12, 240
    most = max((int(one["n"]) for one in bins), default=1)
    parts = [
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="{_GREY}"/>',
        f'<line x1="{left}" y1="{top + side}" x2="{left + side}" y2="{top}" stroke="#999" stroke-dasharray="4 4"/>',
    ]
    for tick in range(0, 101, 25):
        offset = side * tick / 100
        parts.append(_text(left + offset, top + side + 16, tick, anchor="middle", fill="#777", size=11))
        parts.append(_text(left - 8, top + side - offset + 4, tick, anchor="end", fill="#777", size=11))
    points = []
    for one in bins:
        x, y = left + side * float(one["confidence"]), top + side * (1 - float(one["accuracy"]))
        points.append(f"{x:.1f},{y:.1f}")
        radius = 3 + 7 * (int(one["n"]) / most) ** 0.5
        words = f"confidence {one['confidence']:.2f}, accuracy {one['accuracy']:.2f}, {one['n']} samples"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_BLUE}" fill-opacity="0.75">'
            f"<title>{words}</title></circle>"
        )
    parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{_BLUE}"/>')
    parts.append(_text(left + side / 2, top + side + 34, "agreement, %", anchor="middle", fill="#777", size=11))
    parts.append(_text(left, top - 2, "correct, %", fill="#777", size=11))
    return _svg(left + side + 20, top + side + 42, title, parts)
