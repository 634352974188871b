"""The report of a batch: ``report.json`` for programs, ``report.html`` for people, ``failures.csv`` with every failure.

All of it is made from the ledger and the outputs, in one pass; it can be made again at any time.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from remotereasoner.batch.ledger_view import FinishedRow, LedgerView, PlanFacts, RunFacts
from remotereasoner.batch.report_html import render_report
from remotereasoner.batch.report_tally import Noted, Tally
from remotereasoner.batch.whole_files import whole_file
from remotereasoner.export.atomic import write_files
from remotereasoner.export.layer import storable
from remotereasoner.export.measurements_csv import csv_cell
from remotereasoner.provenance import collect_versions, utc_now

__all__ = ["FAILURES_NAME", "FORMAT", "REPORT_NAMES", "write_report"]

FORMAT = "remotereasoner-batch-report"
_VERSION = 1
FAILURES_NAME = "failures.csv"
REPORT_NAMES = ("report.json", "report.html")
_COLUMNS = ("seq", "name", "question", "task", "state", "code", "message")


def write_report(out: Path, view: LedgerView) -> dict[str, Path]:
    """Write the three files; returns kind (``json``, ``html``, ``failures``) to path.

    Raises :class:`~remotereasoner.errors.ExportError`.
    """
    tally = Tally()
    failures = out / FAILURES_NAME
    with whole_file(failures) as temporary, temporary.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(_COLUMNS)
        for row in view.all_finished():
            tally.add(row)
            if row.state != "done":
                writer.writerow([csv_cell(value) for value in _cells(row)])
    report = _report(view, tally)
    text = json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False)
    payloads = {
        "report.json": str(storable(text)).encode(),
        "report.html": str(storable(render_report(report, tally, out))).encode(),
    }
    paths = write_files(out, payloads)
    return {"json": paths["report.json"], "html": paths["report.html"], "failures": failures}


def _cells(row: FinishedRow) -> list[Any]:
    return [row.seq, *map(storable, (row.name, row.question, row.task, row.state, row.code, row.message))]


def _report(view: LedgerView, tally: Tally) -> dict[str, Any]:
    plan, runs, counts = view.plan(), view.runs(), view.counts()
    seconds = _seconds(runs)
    finished = sum(tally.states.values())
    return {
        "format": FORMAT,
        "version": _VERSION,
        "made": utc_now(),
        "is_complete": plan.is_complete and not counts["pending"],
        **_asked(plan),
        "versions": collect_versions(),
        "runs": [_run(run) for run in runs],
        "entries": {"total": view.total(), **counts},
        "statuses": dict(sorted(tally.statuses.items())),
        "findings": {"count": tally.findings, "area_m2": tally.area_m2},
        "tried_again": tally.tried_again,
        "throughput": {
            "seconds": seconds,
            "items_per_s": finished / seconds if seconds else None,
            "worker_seconds_per_item": tally.seconds / tally.states["done"] if tally.states["done"] else None,
        },
        "scenes": {
            "crs": {name: noted.count for name, noted in _sorted(tally.crss).items() if name},
            "without_crs": _noted(tally.crss.get("", Noted())),
            "mixed_crs": len([name for name in tally.crss if name]) > 1,
            "notes": {name: _noted(noted) for name, noted in _sorted(tally.notes).items()},
        },
        "failures": {
            "by_code": {name: _noted(noted) for name, noted in _sorted(tally.codes).items()},
            "first": tally.failures,
            "all_in": FAILURES_NAME,
        },
    }


def _asked(plan: PlanFacts) -> dict[str, Any]:
    return {
        **_source(plan.source),
        "questions": list(plan.questions),
        "recipe": plan.recipe,
        "identity": plan.identity,
        "code_version": plan.code_version,
    }


def _source(named: str) -> dict[str, Any]:
    """What the run's name of its source stands for: :func:`~remotereasoner.batch.run.run_batch` names it with the
    asset and the root that were chosen.
    """
    try:
        source, asset, root = json.loads(named)
    except (ValueError, TypeError):
        return {"source": named, "asset": None, "root": None}
    return {"source": source, "asset": asset, "root": root}


def _run(run: RunFacts) -> dict[str, Any]:
    return {
        "executor": run.executor,
        "host": run.host,
        "started": _utc(run.started),
        "ended": None if run.ended is None else _utc(run.ended),
        "how": run.how or ("goes on, or was killed"),
    }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _seconds(runs: list[RunFacts]) -> float | None:
    """How long all runs took together, the last one until now where it goes on; None where an earlier one was killed:
    nobody knows when.
    """
    ends = [run.ended for run in runs]
    if ends and ends[-1] is None:
        ends[-1] = time.time()
    total = 0.0
    for run, end in zip(runs, ends, strict=True):
        if end is None:
            return None
        total += max(0.0, end - run.started)
    return total


def _noted(noted: Noted) -> dict[str, Any]:
    return {"count": noted.count, "first": noted.names}


def _sorted(kinds: Mapping[str, Noted]) -> dict[str, Noted]:
    """The most frequent first."""
    return dict(sorted(kinds.items(), key=lambda pair: (-pair[1].count, pair[0])))
