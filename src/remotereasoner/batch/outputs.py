"""What lies above the items: tables and reports, written while a run goes on and when it ends."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from remotereasoner.batch import failpoints
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.batch.lonlat_table import parquet_module
from remotereasoner.batch.merged import write_items_table, write_merged
from remotereasoner.batch.parts import PartWriter, write_parts
from remotereasoner.batch.report import write_report
from remotereasoner.batch.stac_out import write_stac

__all__ = ["Outputs", "require_outputs"]

_EVERY_S = 10.0
_SHARE = 0.05  # of a run's time that parts may take while it goes on


def require_outputs() -> None:
    """Raises :class:`~remotereasoner.errors.MissingExtraError` where GeoParquet cannot be written."""
    parquet_module()


class Outputs:
    """Parts of the table of findings, written as soon as their entries are finished. Use it as a context."""

    def __init__(self, out: Path, plan: int, *, tables: bool) -> None:
        self._view = LedgerView(out, plan=plan)
        self._parts = PartWriter(out, self._view) if tables else None
        self._next = time.monotonic() + _EVERY_S

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._view.close()

    def update(self) -> None:
        """Now and then, write what has become complete. Raises as :meth:`PartWriter.update`."""
        if self._parts is None or time.monotonic() < self._next:
            return
        began = time.monotonic()
        before = self._parts.written
        self._parts.update()
        if self._parts.written > before:
            failpoints.hit("parts.written")
        took = time.monotonic() - began
        self._next = time.monotonic() + max(_EVERY_S, took / _SHARE)

    @staticmethod
    def finish(out: Path, view: LedgerView, *, is_over: bool, tables: bool, stac: bool) -> dict[str, Path]:
        """Everything that lies above the items; returns kind to path. Of a run that was interrupted, the report only:
        who interrupts does not want to wait.
        """
        paths: dict[str, Path] = {}
        if is_over and tables:
            parts = write_parts(out, view)
            failpoints.hit("parts.written")
            paths["findings"] = write_merged(out, parts)
            paths["items"] = write_items_table(out, view)
        if is_over and stac:
            paths["stac"] = write_stac(out, view)
        reports = write_report(out, view)
        return paths | {"report": reports["html"], "report_json": reports["json"], "failures": reports["failures"]}
