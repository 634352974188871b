"""The findings of a run in parts: ``findings/part-00000.parquet``, each with those of a fixed range of entries.

A part is written once all of its entries are finished, and again where a later retry has changed one of them. It is a
function of the ledger and the items' files: which worker finished what, and when, leaves no trace in its bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remotereasoner.batch.finding_rows import FINDING_COLUMNS, finding_rows, source_facts
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger_view import FinishedRow, LedgerView
from remotereasoner.batch.lonlat_table import about_of, arrow_table, file_metadata, geo_of, parquet_module
from remotereasoner.errors import ExportError, ResultFormatError
from remotereasoner.export.atomic import write_files
from remotereasoner.export.folder import FILE_NAMES
from remotereasoner.export.result_json import result_fields
from remotereasoner.result import Result
from remotereasoner.scene._gdal import gdal_env

__all__ = [
    "ENTRIES_PER_PART",
    "FINDINGS_FOLDER",
    "PartWriter",
    "item_bytes",
    "part_name",
    "range_digest",
    "read_item",
    "write_parts",
]

FINDINGS_FOLDER = "findings"
ENTRIES_PER_PART = 1_000
_FORMAT = 1


def part_name(number: int) -> str:
    return f"part-{number:05d}.parquet"


def item_bytes(out: Path, row: FinishedRow, name: str) -> bytes:
    """A file of a finished item. Raises :class:`~remotereasoner.errors.ResultFormatError` where it is gone, or is not
    the one that the ledger knows.
    """
    path = item_folder(out, row.key) / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultFormatError(
            f"the ledger calls {row.name} done, but {path} cannot be read: {error.strerror}"
        ) from None
    known = row.files.get(name)
    if known is None or hashlib.sha256(content).hexdigest() != known.sha256:
        raise ResultFormatError(f"{path} is not what was written there: it has been changed since")
    return content


def read_item(out: Path, row: FinishedRow) -> Result:
    """The result of a finished item. Raises as :func:`item_bytes`."""
    return Result.from_json(item_bytes(out, row, FILE_NAMES["json"]))


def read_head(out: Path, row: FinishedRow) -> Result:
    """As :func:`read_item`, without the findings: several times faster."""
    return Result(**result_fields(item_bytes(out, row, FILE_NAMES["json"]), with_findings=False))


class PartWriter:
    """Writes the parts of one plan, each at most once in this object's life: call :meth:`update` now and then.

    A part that is there already, made of the same items, is left as it is.
    """

    def __init__(self, out: Path, view: LedgerView, *, entries_per_part: int = ENTRIES_PER_PART) -> None:
        parquet_module()
        self._out = out
        self._view = view
        self._size = entries_per_part
        self._recipe = view.plan().recipe
        self._next = 0
        self.written = 0
        """Parts written by this object."""

    def update(self) -> int:
        """Write what has become complete; returns the number of parts there are now, the first ones of the plan.

        Raises :class:`~remotereasoner.errors.ExportError` and :class:`~remotereasoner.errors.ResultFormatError`.
        """
        settled, total = self._view.settled_through(), self._view.total()
        is_whole = settled == total and self._view.plan().is_complete
        while (end := (self._next + 1) * self._size) <= settled or (is_whole and end - self._size < settled):
            self._write(self._next)
            self._next += 1
        return self._next

    def _write(self, number: int) -> None:
        first = number * self._size
        rows = [row for row in self._view.finished(first, self._size) if row.seq <= first + self._size]
        shaping = [self._recipe.get("simplify_m"), self._recipe.get("right_angles_iou")]
        digest = range_digest(rows, [_FORMAT, *shaping], source_facts)
        folder = self._out / FINDINGS_FOLDER
        found = about_of(folder / part_name(number))
        if found is not None and found[1].get("digest") == digest:
            return
        findings: list[dict[str, Any]] = []
        with gdal_env():  # one for all outlines, each of which would make its own
            for row in rows:
                # An item without findings has no row: spare reading it.
                if row.state == "done" and row.summary.get("count") != 0:
                    findings += finding_rows(row, read_item(self._out, row), self._recipe)
        about = {"entries": [first + 1, first + len(rows)], "items": len(rows), "digest": digest}
        write_files(folder, {part_name(number): _part_bytes(findings, about)})
        self.written += 1


def range_digest(rows: list[FinishedRow], made_by: list[Any], of_row: Callable[[FinishedRow], list[Any]]) -> str:
    """Of everything that a file about ``rows`` depends on, but for the libraries that write it. ``of_row``: what it
    takes of a row beside name, key, state and files.
    """
    items = [[row.seq, row.name, row.key, row.state, _hashes(row), *of_row(row)] for row in rows]
    text = json.dumps([made_by, items], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _hashes(row: FinishedRow) -> dict[str, str]:
    return {name: file.sha256 for name, file in row.files.items()}


def _part_bytes(findings: list[dict[str, Any]], about: dict[str, Any]) -> bytes:
    parquet = parquet_module()
    table = arrow_table(FINDING_COLUMNS, findings, pixel_outlines=True)
    table = table.replace_schema_metadata(file_metadata(geo_of(table), about))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def write_parts(out: Path, view: LedgerView, *, entries_per_part: int = ENTRIES_PER_PART) -> list[Path]:
    """All parts that are complete, in order; parts of an earlier plan that had more of them are removed.

    Raises :class:`~remotereasoner.errors.ExportError`, :class:`~remotereasoner.errors.ResultFormatError` and
    :class:`~remotereasoner.errors.MissingExtraError` without ``[vector]``.
    """
    count = PartWriter(out, view, entries_per_part=entries_per_part).update()
    folder = out / FINDINGS_FOLDER
    parts = [folder / part_name(number) for number in range(count)]
    names = {part.name for part in parts}
    try:
        for other in sorted(folder.glob("part-*.parquet")):
            if other.name not in names:
                other.unlink()
    except OSError as error:
        raise ExportError(f"cannot remove {other}: {error.strerror or error}") from error
    return parts
