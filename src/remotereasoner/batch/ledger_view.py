"""The ledger as those see it who report: read only, while a run goes on or after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from remotereasoner.batch.ledger_schema import LEDGER_NAME, State, connect, guarded
from remotereasoner.errors import ResultFormatError
from remotereasoner.types import Task

__all__ = ["FinishedFile", "FinishedRow", "LedgerView", "PlanFacts", "RunFacts"]

_FINISHED = """
SELECT e.seq, e.name, e.paths, e.extra, i.question, i.task, i.key, i.state, i.status, i.summary, i.files, i.seconds,
  i.code, i.message, i.attempts, m.content
FROM entries e JOIN items i ON i.id = e.item LEFT JOIN images m ON m.id = i.image
WHERE e.plan = ? AND e.seq > ? AND i.state >= 2 ORDER BY e.seq LIMIT ?
"""


@dataclass(frozen=True)
class FinishedFile:
    """One file of an item, below its folder."""

    sha256: str
    size: int


@dataclass(frozen=True)
class FinishedRow:
    """One entry of the plan whose item is finished: done, failed or quarantined."""

    seq: int
    """Position in the source, from 1. Entries that were found later come later."""
    name: str
    paths: tuple[str, ...]
    question: str
    task: Task
    key: str
    state: str
    """``done``, ``failed`` or ``quarantined``."""
    status: str | None
    """The answer's status; None where there is none."""
    summary: dict[str, Any]
    extra: dict[str, Any]
    files: dict[str, FinishedFile]
    """File name to hash and size; {} where it is not done."""
    seconds: dict[str, float]
    code: str | None
    """Why it failed: a stable word."""
    message: str | None
    attempts: int
    content_sha256: str | None
    """None where the content could not be read."""


@dataclass(frozen=True)
class PlanFacts:
    """What the run was asked for."""

    source: str
    questions: tuple[str, ...]
    recipe: dict[str, Any]
    identity: str
    """Model and segmenter with their revisions."""
    code_version: str
    is_complete: bool
    """The source was read to its end; otherwise more may be pending than the ledger knows."""


@dataclass(frozen=True)
class RunFacts:
    """One run of the plan: times in seconds since 1970."""

    executor: str
    host: str
    started: float
    ended: float | None
    how: str | None
    """``complete``, ``interrupted``, ``stopped``; None while it goes on, or where it was killed."""


class LedgerView:
    """One plan of a ledger, by default the one that was run last. Never writes; use it in one thread.

    Raises :class:`~remotereasoner.errors.ResultFormatError` where ``out`` has no ledger, or one that cannot be read.
    """

    def __init__(self, out: Path, *, plan: int | None = None) -> None:
        self._path = out / LEDGER_NAME
        self._connection = connect(self._path, read_only=True)
        self._settled = 0
        self._plan = self._last_plan() if plan is None else plan

    def __enter__(self) -> LedgerView:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _last_plan(self) -> int:
        found = self._rows("SELECT plan FROM runs ORDER BY id DESC LIMIT 1")
        if not found:
            raise ResultFormatError(f"the ledger {self._path} has no run yet")
        return int(found[0][0])

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with guarded(self._path):
            return self._connection.execute(sql, values).fetchall()

    def finished(self, after_seq: int = 0, limit: int = 1000) -> list[FinishedRow]:
        """Finished entries behind ``after_seq`` in the source's order, ``limit`` at most."""
        return [_finished(row) for row in self._rows(_FINISHED, self._plan, after_seq, limit)]

    def all_finished(self, page: int = 1000) -> Iterator[FinishedRow]:
        """All of them, a page in memory at a time."""
        after = 0
        while rows := self.finished(after, page):
            yield from rows
            after = rows[-1].seq

    def settled_through(self) -> int:
        """Every entry up to this one is finished; 0 where the first is not.

        It is looked for behind what was found before, so ask a new view where failed items may have been opened again.
        """
        found = self._rows(
            "SELECT e.seq FROM entries e JOIN items i ON i.id = e.item "
            "WHERE e.plan = ? AND e.seq > ? AND i.state < 2 ORDER BY e.seq LIMIT 1",
            self._plan,
            self._settled,
        )
        self._settled = int(found[0][0]) - 1 if found else self.total()
        return self._settled

    def total(self) -> int:
        """Number of entries known so far."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM entries WHERE plan = ?", self._plan)[0][0])

    def counts(self) -> dict[str, int]:
        """Entries by state: ``done``, ``failed``, ``quarantined``, ``pending`` (of which ``claimed`` are worked on)."""
        sql = "SELECT i.state, count(*) FROM entries e JOIN items i ON i.id = e.item WHERE e.plan = ? GROUP BY i.state"
        found = {int(state): int(number) for state, number in self._rows(sql, self._plan)}
        return {
            "done": found.get(State.DONE, 0),
            "failed": found.get(State.FAILED, 0),
            "quarantined": found.get(State.QUARANTINED, 0),
            "pending": found.get(State.OPEN, 0) + found.get(State.CLAIMED, 0),
            "claimed": found.get(State.CLAIMED, 0),
        }

    def failures_by_code(self) -> dict[str, int]:
        """Failed and quarantined entries by their code, most frequent first."""
        sql = (
            "SELECT i.code, count(*) FROM entries e JOIN items i ON i.id = e.item "
            "WHERE e.plan = ? AND i.state >= 3 GROUP BY i.code ORDER BY 2 DESC, 1"
        )
        return {str(code): int(number) for code, number in self._rows(sql, self._plan)}

    def plan(self) -> PlanFacts:
        """What was asked for."""
        sql = "SELECT source, questions, recipe, identity, code_version, is_complete FROM plans WHERE id = ?"
        source, questions, recipe, identity, version, is_complete = self._rows(sql, self._plan)[0]
        return PlanFacts(source, tuple(json.loads(questions)), json.loads(recipe), identity, version, bool(is_complete))

    def runs(self) -> list[RunFacts]:
        """The plan's runs, the first one first."""
        sql = (
            "SELECT r.executor, o.host, r.started, r.ended, r.how FROM runs r JOIN owners o ON o.id = r.owner "
            "WHERE r.plan = ? ORDER BY r.id"
        )
        return [RunFacts(*row) for row in self._rows(sql, self._plan)]


def _finished(row: tuple[Any, ...]) -> FinishedRow:
    seq, name, paths, extra, question, task, key, state, status, summary, files, seconds, code, message, tries, sha = (
        row
    )
    return FinishedRow(
        seq=seq,
        name=name,
        paths=tuple(json.loads(paths)),
        question=question,
        task=task,
        key=key,
        state=State(state).name.lower(),
        status=status,
        summary=json.loads(summary or "{}"),
        extra=json.loads(extra),
        files={file: FinishedFile(*facts) for file, facts in json.loads(files or "{}").items()},
        seconds=json.loads(seconds or "{}"),
        code=code,
        message=message,
        attempts=tries,
        content_sha256=sha,
    )
