"""The report: one HTML file that loads nothing: tables, plots and galleries. Everything from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from remotereasoner.evaluation import charts
from remotereasoner.evaluation.catalogue import SECTIONS, entry_of, in_order, shown
from remotereasoner.evaluation.gallery import Gallery
from remotereasoner.evaluation.scoring import Scored
from remotereasoner.plain_text import printable
from remotereasoner.provenance import utc_now
from remotereasoner.version import package_version

__all__ = ["render_report"]

_STATUS_COLOURS = {
    "answered": "#1b9e77",
    "no_target": "#7fb3d5",
    "unparseable": "#d95f02",
    "truncated": "#e6ab02",
    "refused": "#b2182b",
}
_HEADLINES = ("grounding", "gIoU", "cIoU", "acc@0.5", "f1@0.5", "vqa_exact", "cider_d", "failure_rate")
_MAIN = ("grounding", "vqa_exact", "rouge_l")  # what breakdowns are drawn by
_MAX_BARS = 24
_TEXT_CHARS = 6_000


def _printable(value: object) -> str:
    text = printable(str(value), newlines=True)
    return text if len(text) <= _TEXT_CHARS else text[:_TEXT_CHARS] + " …"


def render_report(metrics: Mapping[str, Any], scored: Scored, galleries: Sequence[Gallery], *, title: str) -> str:
    """``metrics``: the document that :func:`~remotereasoner.evaluation.summary.summarise` makes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = _printable
    source = resources.files("remotereasoner.evaluation").joinpath("report.html.j2").read_text(encoding="utf-8")
    statuses = metrics["statuses"]
    consistency = metrics["consistency"]
    scores = np.frombuffer(scored.scores, dtype=np.float64) if len(scored.scores) else np.empty(0)
    html: str = environment.from_string(source).render(
        title=title,
        metrics=metrics,
        made=utc_now()[:19].replace("T", " "),
        version=package_version(),
        facts=_facts(metrics),
        headlines=_headlines(metrics["scores"]),
        sections=_sections(metrics["scores"]),
        protocols={
            name: {"title": one["title"], "rows": _rows(one["scores"])} for name, one in metrics["protocols"].items()
        },
        status_plot=charts.stacked_bar(
            "How the questions ended",
            [(name.replace("_", " "), one["n"], _STATUS_COLOURS[name]) for name, one in statuses.items()],
        ),
        histogram=charts.histogram("Main score of each sample", scores) if len(scores) else None,
        precision_plot=_precision_plot(metrics["scores"]),
        breakdowns=[
            {"name": name, "plots": _breakdown_plots(name, groups)} for name, groups in metrics["breakdowns"].items()
        ],
        reliability=charts.reliability("Reliability", consistency["bins"]) if consistency else None,
        galleries=galleries,
    )
    return html


def _facts(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = (metrics["run"] or {}).get("parameters", {})
    model = run.get("model", {})
    samples, bootstrap = metrics["samples"], metrics["bootstrap"]
    facts = [("Samples", f"{samples['judged']:,} about {samples['images']:,} images")]
    if run:
        revision = f" ({str(model.get('revision'))[:12]})" if model.get("revision") else ""
        facts += [
            ("Sample file", f"{run['samples']} (sha256 {run['samples_sha256'][:12]}…)"),
            ("Model", f"{model.get('engine')}: {model.get('model')}{revision}"),
            ("Segmenter", str(run["segmenter"])),
            ("Sampling", f"temperature {run['temperature']:g}, at most {run['max_new_tokens']} tokens"),
        ]
    seconds = metrics["seconds"]
    if seconds:
        facts.append(("Time an answer", f"median {seconds['median']:.2f} s, 95 % within {seconds['p95']:.2f} s"))
    facts.append(("Intervals", f"95 %, {bootstrap['resamples']:,} resamples of images, seed {bootstrap['seed']}"))
    for name, words in (
        ("invalid", "samples that could not be asked or judged; in no score"),
        ("missing", "samples without a prediction; they count as failures"),
        ("unknown_predictions", "predictions without a sample; not counted"),
        ("masks_from_boxes", "predictions without masks; their boxes were judged as masks"),
    ):
        if samples[name]:
            facts.append(("Note", f"{samples[name]:,} {words}"))
    return facts


def _cells(name: str, score: Mapping[str, Any]) -> dict[str, str]:
    entry = entry_of(name)
    ends = [shown(score[end], entry.unit) for end in ("low", "high")]
    return {
        "title": entry.title + (" ↓" if entry.lower_is_better else ""),
        "value": shown(score["value"], entry.unit),
        "interval": "" if score["low"] is None else f"{ends[0].partition(' ')[0]} – {ends[1]}",
        "n": f"{score['n'] / 1e6:,.1f} Mpx" if name in ("cIoU", "oIoU") else f"{score['n']:,.0f}",
        "meaning": entry.meaning,
    }


def _rows(scores: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_cells(name, scores[name]) for name in in_order(scores)]


def _sections(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for section in SECTIONS:
        names = [name for name in in_order(scores) if entry_of(name).section == section]
        if names:
            found.append({"name": section, "rows": [_cells(name, scores[name]) for name in names]})
    return found


def _headlines(scores: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_cells(name, scores[name]) for name in _HEADLINES if name in scores]


def _precision_plot(scores: Mapping[str, Any]) -> Markup | None:
    rows = [
        charts.Whisker(name, score["value"], score["low"], score["high"])
        for name, score in scores.items()
        if name.startswith("P@") and score["value"] is not None
    ]
    return charts.whiskers("Share of questions from an IoU on", rows) if rows else None


def _breakdown_plots(dimension: str, groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    plots = []
    for main in _MAIN:
        rows = [
            charts.Whisker(group, score["value"], score["low"], score["high"], f"(n = {score['n']:,.0f})")
            for group, one in groups.items()
            if (score := one["scores"].get(main)) is not None and score["value"] is not None
        ]
        if len(rows) > 1:
            name = entry_of(main).title
            plot = charts.whiskers(f"{name} by {dimension}", rows[:_MAX_BARS])
            plots.append({"name": name, "plot": plot, "more": max(0, len(rows) - _MAX_BARS)})
    return plots
