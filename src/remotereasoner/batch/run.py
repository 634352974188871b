"""A batch from beginning to end: :func:`run_batch`, and :class:`BatchRun` for entries and executors of one's own."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from remotereasoner.batch.driver import Driver, Progress, RetryPolicy
from remotereasoner.batch.durable import ItemWriter, sweep
from remotereasoner.batch.executors.base import Executor
from remotereasoner.batch.hashing import FileHasher, Hasher
from remotereasoner.batch.interrupts import Interrupts
from remotereasoner.batch.item_files import check_formats
from remotereasoner.batch.items import Entry, Recipe
from remotereasoner.batch.layout import ITEMS_NAME
from remotereasoner.batch.ledger import Ledger, PlanKey, RunKey
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.batch.outputs import Outputs, require_outputs
from remotereasoner.batch.owner import Heartbeat, Owner
from remotereasoner.batch.planner import Keys, Planner
from remotereasoner.batch.sources import Source, brings_questions, open_entries
from remotereasoner.errors import ExportError, UsageError
from remotereasoner.policy.prompts import clean_question
from remotereasoner.tiling.options import SurveyOptions
from remotereasoner.types import Task
from remotereasoner.version import package_version

__all__ = ["BatchOutcome", "BatchRun", "Ending", "run_batch"]

Ending = Literal["complete", "interrupted", "stopped"]


@dataclass(frozen=True)
class BatchOutcome:
    """How a run ended. Numbers are entries of the source times questions."""

    out: Path
    ending: Ending
    """``complete``: nothing is pending; ``interrupted``: by a signal; ``stopped``: ``reason`` says by what."""
    done: int
    failed: int
    quarantined: int
    pending: int
    """Known and not finished; more where the source was not read to its end."""
    concluded: int
    """Items that this run finished; the others were finished before."""
    seconds: float
    failures: dict[str, int]
    """Failed and quarantined entries by code."""
    reason: str | None = None
    outputs: dict[str, Path] | None = None


@dataclass(frozen=True)
class BatchRun:
    """A run's parts. ``execute`` may be called again, in this process or in another: it goes on with what is there."""

    out: Path
    executor: Executor
    recipe: Recipe = field(default_factory=Recipe)
    questions: tuple[str, ...] = ()
    task: Task = "locate"
    retry_failed: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tables: bool = True
    """Write GeoParquet beside the items; needs the extra ``[vector]``."""
    stac: bool = False
    """Write the results as a STAC catalogue, too."""
    code_version: str | None = None
    """None: this package's."""

    def execute(
        self,
        entries: Callable[[], Iterable[Entry]],
        *,
        source: str,
        hasher: Hasher | None = None,
        tell: Callable[[Progress], None] | None = None,
    ) -> BatchOutcome:
        """Work through ``entries``, of which ``source`` is the name: runs of equal source, questions and recipe with
        the same model go on with each other's work. ``hasher`` None: entries are files.

        SIGINT and SIGTERM end it cleanly. Raises :class:`~remotereasoner.errors.UsageError` for wishes that cannot be
        used, what the source and the loading of the model raise, and :class:`~remotereasoner.errors.ExportError`
        where nothing can be written to ``out`` from the beginning; a disk that refuses later is an outcome.
        """
        self._check()
        with ExitStack() as stack:
            interrupts = stack.enter_context(Interrupts())
            found = entries()
            ledger = stack.enter_context(_open_ledger(self.out))
            stack.callback(self.executor.close)
            identity = self.executor.start(self.recipe)
            return self._execute(ledger, found, _Naming(source, identity), hasher, tell, interrupts)

    def _check(self) -> None:
        SurveyOptions(**self.recipe.survey)
        check_formats(self.recipe.formats)
        if self.recipe.threads < 1:
            raise UsageError(f"threads must be 1 or more, got {self.recipe.threads}")
        if self.task != "caption" and not all(clean_question(question) for question in self.questions):
            raise UsageError("a question is empty: give words, or --task caption")
        if self.tables:
            require_outputs()

    def _execute(
        self,
        ledger: Ledger,
        entries: Iterable[Entry],
        naming: _Naming,
        hasher: Hasher | None,
        tell: Callable[[Progress], None] | None,
        interrupts: Interrupts,
    ) -> BatchOutcome:
        began = time.monotonic()
        version = self.code_version or package_version()
        run = ledger.begin(self._plan_key(naming, version), self.executor.name, Owner.this())
        if not ledger.others_at_work(run):
            sweep(_unswept(self.out))
        keys = Keys(self.recipe, naming.identity, version)
        ending: Ending = "stopped"
        reason: str | None = None
        progress = Progress()
        outputs = Outputs(self.out, run.plan, tables=self.tables)
        try:
            with ExitStack() as stack:
                stack.enter_context(Heartbeat(ledger.path, run.owner))
                hash_entry = hasher if hasher is not None else stack.enter_context(FileHasher(ledger.path))
                planner = stack.enter_context(Planner(entries, self.questions, self.task, keys, hash_entry))
                writer = stack.enter_context(ItemWriter(self.out))
                stack.enter_context(outputs)

                def told(now: Progress) -> None:
                    outputs.update()
                    if tell is not None:
                        tell(now)

                driver = Driver(
                    ledger, run, planner, self.executor, writer,
                    retry=self.retry, retry_failed=self.retry_failed, tell=told, wants_end=lambda: interrupts.wanted,
                )  # fmt: skip
                progress = driver.progress
                ending = "complete" if driver.work() else "interrupted"
        except ExportError as error:
            reason = str(error)
        finally:
            _end(ledger, run, ending)
        return self._outcome(run, ending, reason, progress, began)

    def _plan_key(self, naming: _Naming, version: str) -> PlanKey:
        recipe: dict[str, Any] = json.loads(json.dumps(self.recipe.to_dict()))
        parts = [naming.source, self.questions, self.task, recipe, naming.identity, version]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return PlanKey(naming.source, self.questions, recipe, naming.identity, version, digest)

    def _outcome(
        self, run: RunKey, ending: Ending, reason: str | None, progress: Progress, began: float
    ) -> BatchOutcome:
        with LedgerView(self.out, plan=run.plan) as view:
            counts, failures = view.counts(), view.failures_by_code()
            paths: dict[str, Path] = {}
            if reason is None:
                try:
                    paths = Outputs.finish(
                        self.out, view, is_over=ending == "complete", tables=self.tables, stac=self.stac
                    )
                except ExportError as error:
                    ending, reason = "stopped", str(error)
        return BatchOutcome(
            out=self.out,
            ending=ending,
            done=counts["done"],
            failed=counts["failed"],
            quarantined=counts["quarantined"],
            pending=counts["pending"],
            concluded=progress.concluded,
            seconds=time.monotonic() - began,
            failures=failures,
            reason=reason,
            outputs=paths,
        )


@dataclass(frozen=True)
class _Naming:
    source: str
    identity: str


def _unswept(out: Path) -> list[Path]:
    """Folders in which a killed run may have left temporary files. Not those of items: whoever takes over their claims
    looks there.
    """
    above = [folder for folder in out.iterdir() if folder.is_dir() and folder.name != ITEMS_NAME]
    catalogues = [folder for folder in out.glob("stac/*/*") if not (folder / "catalog.json").exists()]
    return [out, *above, *out.glob("stac/*"), *catalogues]


def _open_ledger(out: Path) -> Ledger:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {out}: {error.strerror or error}") from error
    return Ledger(out)


def _end(ledger: Ledger, run: RunKey, how: str) -> None:
    """Give the claims back. Where the disk refuses that, too, the next run takes them over from a dead process."""
    try:
        ledger.end(run, how)
    except ExportError:
        return


def run_batch(
    source: Source,
    questions: Sequence[str],
    out: Path | str,
    *,
    recipe: Recipe,
    executor: Executor,
    task: Task = "locate",
    asset: str | None = None,
    root: Path | None = None,
    retry_failed: bool = False,
    tables: bool = True,
    stac: bool = False,
    tell: Callable[[Progress], None] | None = None,
) -> BatchOutcome:
    """Ask ``questions`` about every image of ``source`` and write what is found below ``out``; see docs/batch.md.

    What an earlier run with the same parameters finished is not done again. ``source``, ``asset`` and ``root`` are as
    for :func:`~remotereasoner.batch.sources.open_entries`; a sample file brings its own questions. ``tell`` is called
    several times a second. Raises as :meth:`BatchRun.execute`.
    """
    folder = Path(out)
    if not questions and task != "caption" and not brings_questions(source):
        raise UsageError("give at least one question")
    if questions and brings_questions(source):
        raise UsageError("a sample file brings its own questions: give none, or name a folder or a list")
    run = BatchRun(
        out=folder,
        executor=executor,
        recipe=recipe,
        questions=tuple(questions) or (("",) if task == "caption" else ()),
        task=task,
        retry_failed=retry_failed,
        tables=tables,
        stac=stac,
    )
    named = json.dumps([_absolute(source), asset, None if root is None else str(root.absolute())])
    return run.execute(lambda: open_entries(source, asset=asset, root=root, leave_out=folder), source=named, tell=tell)


def _absolute(source: Source) -> str | list[str]:
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        return text if text == "-" else str(Path(text).absolute())
    return [str(Path(path).absolute()) for path in source]
