"""The report as one HTML page that loads nothing. Everything from outside is escaped and made printable."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from PIL import Image

from remotereasoner.batch.ledger_view import FinishedRow
from remotereasoner.batch.merged import FINDINGS_NAME
from remotereasoner.batch.parts import item_bytes
from remotereasoner.batch.report_map import map_svg
from remotereasoner.batch.report_tally import MAX_FAILURES, Tally, Thinned
from remotereasoner.errors import MissingExtraError, ResultFormatError
from remotereasoner.evaluation.charts import stacked_bar
from remotereasoner.export.extras import vector_module
from remotereasoner.export.folder import FILE_NAMES
from remotereasoner.plain_text import printable
from remotereasoner.types import PointXy
from remotereasoner.version import package_version

__all__ = ["render_report"]

_STATE_COLOURS = {"done": "#1b9e77", "failed": "#d95f02", "quarantined": "#b2182b", "pending": "#c9ced6"}
_STATUS_COLOURS = {
    "answered": "#1b9e77",
    "no_target": "#7fb3d5",
    "unparseable": "#d95f02",
    "truncated": "#e6ab02",
    "refused": "#b2182b",
}
_TEXT_CHARS = 500
_MAX_POINTS = 4_000
_PICTURE_PX = 480
_QUALITY = 80


@dataclass(frozen=True)
class _Picture:
    """One item to look at."""

    name: str
    question: str
    count: int
    uri: str


def _plain(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= _TEXT_CHARS else text[:_TEXT_CHARS] + " …"


def render_report(report: Mapping[str, Any], tally: Tally, out: Path) -> str:
    """``report``: the document of ``report.json``."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = _plain
    source = resources.files("remotereasoner.batch").joinpath("report.html.j2").read_text(encoding="utf-8")
    entries, statuses = report["entries"], report["statuses"]
    points = _finding_points(out / FINDINGS_NAME)
    html: str = environment.from_string(source).render(
        report=report,
        version=package_version(),
        tiles=_tiles(report),
        facts=_facts(report),
        states_plot=stacked_bar(
            "How far the batch is", [(name, entries[name], colour) for name, colour in _STATE_COLOURS.items()]
        ),
        statuses_plot=stacked_bar(
            "How the questions ended",
            [(name.replace("_", " "), statuses.get(name, 0), colour) for name, colour in _STATUS_COLOURS.items()],
        ),
        map=map_svg(tally.footprints.kept, points.kept),
        drawn=(len(tally.footprints.kept), tally.footprints.seen, len(points.kept), points.seen),
        pictures=[one for row in tally.pictures.kept if (one := _picture(out, row)) is not None],
        max_failures=MAX_FAILURES,
    )
    return html


def _tiles(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    entries, rate = report["entries"], report["throughput"]["items_per_s"]
    tiles = [("done", f"{entries['done']:,}"), ("failed", f"{entries['failed'] + entries['quarantined']:,}")]
    if not report["is_complete"]:
        tiles.append(("pending", f"{entries['pending']:,}"))
    tiles.append(("findings", f"{report['findings']['count']:,}"))
    area = report["findings"]["area_m2"]
    if area is not None:
        tiles.append(("area of findings", f"{area / 1e6:,.2f} km²" if area >= 1e5 else f"{area:,.0f} m²"))
    if rate is not None:
        tiles.append(("items a second", f"{rate:,.2f}" if rate < 100 else f"{rate:,.0f}"))
    return tiles


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    scenes = report["scenes"]
    source = report["source"] if isinstance(report["source"], str) else f"{len(report['source']):,} paths"
    facts = [("Source", source)]
    facts += [(name.capitalize(), report[name]) for name in ("asset", "root") if report[name] is not None]
    facts.append(("Model", report["identity"]))
    facts += [("Question", question) for question in report["questions"] if question]
    chosen = {name: value for name, value in report["recipe"].items() if value not in (None, [], {}, "")}
    facts.append(("Recipe", ", ".join(f"{name} {_value(value)}" for name, value in chosen.items())))
    facts.append(("Code", f"remotereasoner {report['code_version']}"))
    if scenes["mixed_crs"]:
        names = ", ".join(f"{name} ({count:,})" for name, count in scenes["crs"].items())
        facts.append(("Mixed CRSs", f"{names}; tables and map are in longitude and latitude"))
    elif scenes["crs"]:
        facts.append(("CRS", next(iter(scenes["crs"]))))
    if scenes["without_crs"]["count"]:
        facts.append(
            ("Without CRS", f"{scenes['without_crs']['count']:,} of the items, such as {_names(scenes['without_crs'])}")
        )
    if report["tried_again"]:
        facts.append(("Tried again", f"{report['tried_again']:,} items needed more than one attempt"))
    facts += [("Scenes", f"{note}: {one['count']:,}, such as {_names(one)}") for note, one in scenes["notes"].items()]
    return facts


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _names(noted: Mapping[str, Any]) -> str:
    return ", ".join(noted["first"][:3])


def _finding_points(path: Path) -> Thinned[PointXy]:
    """Longitude and latitude of findings, thinned; none where there is no table."""
    points: Thinned[PointXy] = Thinned(_MAX_POINTS)
    try:
        parquet = vector_module("pyarrow.parquet", "drawing findings on the report's map")
    except MissingExtraError:  # a batch without tables has a report all the same
        return points
    if not path.is_file():
        return points
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["centroid_lon", "centroid_lat"]):
            for lon, lat in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if lon is not None and lat is not None:
                    points.add((lon, lat))
    return points


def _picture(out: Path, row: FinishedRow) -> _Picture | None:
    """A small copy of the item's overlay; None where the file is gone or has been changed."""
    try:
        content = item_bytes(out, row, FILE_NAMES["overlay"])
    except ResultFormatError:
        return None
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        small = image.convert("RGB")
    small.thumbnail((_PICTURE_PX, _PICTURE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=_QUALITY)
    uri = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return _Picture(row.name, row.question, int(row.summary["count"]), uri)
