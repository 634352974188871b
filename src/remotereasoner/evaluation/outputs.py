"""Scoring a run and writing what comes of it: ``metrics.json``, ``per_sample.jsonl`` and ``report.html``."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from remotereasoner.errors import ExportError
from remotereasoner.evaluation.bootstrap import DEFAULT_RESAMPLES
from remotereasoner.evaluation.compare import ROWS_NAME
from remotereasoner.evaluation.gallery import make_galleries
from remotereasoner.evaluation.predictions import PredictionTable
from remotereasoner.evaluation.protocols import Protocol
from remotereasoner.evaluation.report import render_report
from remotereasoner.evaluation.run_file import SampleFile
from remotereasoner.evaluation.scoring import score_predictions
from remotereasoner.evaluation.summary import summarise
from remotereasoner.export.atomic import write_files

__all__ = ["METRICS_NAME", "PREDICTIONS_NAME", "REPORT_NAME", "ScoreOptions", "score_and_write"]

PREDICTIONS_NAME = "predictions.jsonl"
METRICS_NAME = "metrics.json"
REPORT_NAME = "report.html"


@dataclass(frozen=True)
class ScoreOptions:
    """How predictions are scored and shown."""

    root: str | PathLike[str]
    protocols: Sequence[Protocol] = ()
    """Beside the canonical one."""
    resamples: int = DEFAULT_RESAMPLES
    seed: int = 0
    """Of the resamples."""
    gallery: int = 6
    title: str = "Evaluation"


def score_and_write(
    out: Path,
    file: SampleFile,
    predictions: Path,
    options: ScoreOptions,
    *,
    chosen: frozenset[int] | None = None,
    run: dict[str, Any] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Returns the document of ``metrics.json``. All files are written anew, each complete or not there.

    Raises what reading samples and predictions raises, and :class:`~remotereasoner.errors.ExportError`.
    """
    temporary = out / f".{ROWS_NAME}.{secrets.token_hex(4)}.tmp"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with PredictionTable(predictions) as table:
            with temporary.open("xb") as rows:
                scored = score_predictions(
                    file,
                    table,
                    root=options.root,
                    chosen=chosen,
                    protocols=options.protocols,
                    rows_file=rows,
                    progress=progress,
                )
                rows.flush()
                os.fsync(rows.fileno())
            metrics = summarise(
                scored, protocols=options.protocols, resamples=options.resamples, seed=options.seed, run=run
            )
            galleries = make_galleries(scored, file, table, root=options.root, size=options.gallery)
        report = render_report(metrics, scored, galleries, title=options.title)
        temporary.replace(out / ROWS_NAME)
    except OSError as error:
        raise ExportError(f"cannot write to {out}: {error.strerror or error}") from error
    finally:
        if temporary.exists():
            temporary.unlink()
    document = json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False)
    write_files(out, {METRICS_NAME: document.encode(), REPORT_NAME: report.encode("utf-8", errors="replace")})
    return metrics
