"""The driver: retries, quarantine, interrupts, disks that refuse; with executors whose faults are scripted."""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from batch_world import plain_item

from remotereasoner.batch import durable
from remotereasoner.batch.driver import RetryPolicy
from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.hashing import Content
from remotereasoner.batch.items import Entry, ItemDone, ItemFailed, Recipe, Unit
from remotereasoner.batch.layout import item_folder
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.batch.run import BatchOutcome, BatchRun
from remotereasoner.errors import ExportError, InputError, UsageError

Work = Callable[[Unit], "tuple[ItemDone | ItemFailed, ...] | UnitLost"]


@dataclass
class ScriptedExecutor:
    """Gives for each unit what ``work`` says."""

    work: Work
    room: int = 4
    name: str = "scripted"
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """Of each unit the image's name and the questions."""
    is_closed: bool = False
    _back: list[UnitOutcome | UnitLost] = field(default_factory=list)

    def start(self, recipe: Recipe) -> str:
        return "scripted"

    @property
    def capacity(self) -> int:
        return self.room

    def submit(self, unit: Unit) -> None:
        self.asked.append((unit.image.name, *(ask.question for ask in unit.asks)))
        found = self.work(unit)
        self._back.append(found if isinstance(found, UnitLost) else UnitOutcome(unit.number, found))

    def collect(self, timeout_s: float) -> list[UnitOutcome | UnitLost]:
        back, self._back = self._back, []
        return back

    def close(self) -> None:
        self.is_closed = True


def well(unit: Unit) -> tuple[ItemDone, ...]:
    return tuple(plain_item(unit.image, ask.key, ask.question) for ask in unit.asks)


def entries(number: int) -> list[Entry]:
    return [Entry((f"/images/{k}.tif",), f"{k}.tif") for k in range(number)]


def run(
    out: Path,
    work: Work = well,
    number: int = 5,
    *,
    questions: Sequence[str] = ("A",),
    retry_failed: bool = False,
    tell: Callable[[object], None] | None = None,
    source: Callable[[], Iterator[Entry]] | None = None,
) -> tuple[BatchOutcome, ScriptedExecutor]:
    executor = ScriptedExecutor(work)
    batch = BatchRun(
        out, executor, questions=tuple(questions), tables=False, retry_failed=retry_failed,
        retry=RetryPolicy(first_pause_s=0.01),
    )  # fmt: skip
    found = source or (lambda: iter(entries(number)))
    outcome = batch.execute(found, source="test", hasher=lambda entry: Content(f"hash of {entry.name}"), tell=tell)
    assert executor.is_closed
    return outcome, executor


def rows(out: Path) -> dict[tuple[str, str], tuple[str, str | None, int]]:
    with LedgerView(out) as view:
        return {(r.name, r.question): (r.state, r.code, r.attempts) for r in view.all_finished()}


def test_everything_is_asked_once(tmp_path: Path) -> None:
    outcome, executor = run(tmp_path, number=300, questions=("A", "B"))
    assert (outcome.ending, outcome.done, outcome.pending) == ("complete", 600, 0)
    assert executor.asked == [(f"{k}.tif", "A", "B") for k in range(300)]
    again, idle = run(tmp_path, number=300, questions=("A", "B"))
    assert (again.concluded, again.done, idle.asked) == (0, 600, [])


def test_a_passing_fault_is_tried_three_times(tmp_path: Path) -> None:
    tries: Counter[str] = Counter()

    def work(unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        tries[unit.image.name] += 1
        failed = tuple(ItemFailed(ask.key, "engine", "busy", transient=True) for ask in unit.asks)
        lasting = unit.image.name == "1.tif" or (unit.image.name == "2.tif" and tries[unit.image.name] < 3)
        return failed if lasting else well(unit)

    outcome, _ = run(tmp_path, work)
    assert tries == {"0.tif": 1, "1.tif": 3, "2.tif": 3, "3.tif": 1, "4.tif": 1}
    assert (outcome.done, outcome.failed, outcome.failures) == (4, 1, {"engine": 1})
    assert rows(tmp_path)["1.tif", "A"] == ("failed", "engine", 3)
    assert rows(tmp_path)["2.tif", "A"] == ("done", None, 3)
    outcome, executor = run(tmp_path)
    assert (outcome.done, executor.asked) == (5, [("1.tif", "A")]), "the next run tries again what may pass"


def test_a_lasting_fault_is_recorded_once(tmp_path: Path) -> None:
    def work(unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        if unit.image.name != "3.tif":
            return well(unit)
        return tuple(ItemFailed(ask.key, "too_large", "it is too large") for ask in unit.asks)

    outcome, executor = run(tmp_path, work)
    assert outcome.failures == {"too_large": 1}
    assert Counter(executor.asked)["3.tif", "A"] == 1
    assert run(tmp_path, work)[1].asked == []
    outcome, executor = run(tmp_path, retry_failed=True)
    assert (outcome.done, outcome.failed, executor.asked) == (5, 0, [("3.tif", "A")])


def test_only_the_guilty_question_is_quarantined(tmp_path: Path) -> None:
    def work(unit: Unit) -> tuple[ItemDone, ...] | UnitLost:
        is_poison = unit.image.name == "2.tif" and any(ask.question == "B" for ask in unit.asks)
        return UnitLost(unit.number, "by SIGSEGV") if is_poison else well(unit)

    outcome, executor = run(tmp_path, work, questions=("A", "B", "C"))
    assert (outcome.done, outcome.quarantined, outcome.failures) == (14, 1, {"worker_died": 1})
    assert [asked for asked in executor.asked if asked[0] == "2.tif"] == [
        ("2.tif", "A", "B", "C"), ("2.tif", "A"), ("2.tif", "B"), ("2.tif", "C"),
    ]  # fmt: skip
    assert rows(tmp_path)["2.tif", "B"] == ("quarantined", "worker_died", 2)
    assert run(tmp_path, work, questions=("A", "B", "C"))[1].asked == []


def test_an_executor_without_workers_is_asked_until_it_has_some(tmp_path: Path) -> None:
    class Late(ScriptedExecutor):
        looked = 0

        def collect(self, timeout_s: float) -> list[UnitOutcome | UnitLost]:
            self.looked += 1
            self.room = 4 if self.looked > 3 else 0
            return super().collect(timeout_s)

    late = Late(well, room=0)
    batch = BatchRun(tmp_path, late, questions=("A",), tables=False)
    outcome = batch.execute(lambda: entries(5), source="test", hasher=lambda entry: Content(entry.name))
    assert (outcome.done, len(late.asked)) == (5, 5)


def test_a_lost_machine_is_nobodys_fault(tmp_path: Path) -> None:
    losses: Counter[str] = Counter()

    def work(unit: Unit) -> tuple[ItemDone, ...] | UnitLost:
        losses[unit.image.name] += 1
        if losses[unit.image.name] <= 6:
            return UnitLost(unit.number, "the node went away", blames_item=False)
        return well(unit)

    outcome, _ = run(tmp_path, work, number=2)
    assert outcome.done == 2
    assert set(rows(tmp_path).values()) == {("done", None, 1)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    def work(unit: Unit) -> tuple[ItemDone, ...]:
        if unit.image.name == "7.tif":
            os.kill(os.getpid(), number)
        return well(unit)

    outcome, executor = run(tmp_path, work, number=400)
    assert outcome.ending == "interrupted"
    assert 8 <= len(executor.asked) < 100
    assert outcome.done == outcome.concluded == len(executor.asked), "what had come back was kept"
    with LedgerView(tmp_path) as view:
        assert view.counts()["claimed"] == 0
    outcome, _ = run(tmp_path, number=400)
    assert (outcome.ending, outcome.done) == ("complete", 400)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EFBIG])
def test_a_disk_that_refuses_ends_it_and_it_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real, flushed = os.fsync, Counter[str]()

    def fsync(descriptor: int) -> None:
        flushed["all"] += 1
        if flushed["all"] > 40:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(durable.os, "fsync", fsync)
    outcome, _ = run(tmp_path, number=200)
    assert outcome.ending == "stopped"
    assert outcome.reason is not None
    assert os.strerror(code) in outcome.reason
    assert "run the same command again" in outcome.reason
    assert not list(tmp_path.rglob("*.tmp"))
    monkeypatch.undo()
    outcome, _ = run(tmp_path, number=200)
    assert (outcome.ending, outcome.done) == ("complete", 200)


def test_a_source_that_breaks_in_the_middle_leaves_a_true_ledger(tmp_path: Path) -> None:
    def breaking() -> Iterator[Entry]:
        yield from entries(300)
        raise InputError("the catalogue is damaged")

    with pytest.raises(InputError, match="damaged"):
        run(tmp_path, source=breaking)
    with LedgerView(tmp_path) as view:
        assert view.counts()["claimed"] == 0
        assert not view.plan().is_complete
        assert view.runs()[-1].how == "stopped"
    assert run(tmp_path, number=300)[0].done == 300


def test_an_executor_that_cannot_go_on_leaves_a_true_ledger(tmp_path: Path) -> None:
    def work(unit: Unit) -> tuple[ItemDone, ...]:
        if unit.image.name == "3.tif":
            raise UsageError("no worker is left")
        return well(unit)

    with pytest.raises(UsageError, match="no worker is left"):
        run(tmp_path, work)
    with LedgerView(tmp_path) as view:
        assert view.counts()["claimed"] == 0


def test_temporary_files_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    run(tmp_path, number=1)
    [folder] = (tmp_path / "items").glob("*/*")
    strays = [tmp_path / ".report.json.0a1b2c3d.tmp", folder / ".result.json.0a1b2c3d.tmp"]
    own = tmp_path / ".my.tmp"
    for path in (*strays, own):
        path.touch()
    assert durable.sweep([tmp_path, folder, tmp_path / "not there"]) == 2
    assert [path.exists() for path in (*strays, own)] == [False, False, True]


def test_a_read_only_folder_is_said_before_the_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="cannot make the folder"):
        BatchRun(tmp_path / "file" / "out", ScriptedExecutor(well), questions=("A",), tables=False).execute(
            lambda: entries(1), source="test"
        )


def test_progress_counts_what_was_before(tmp_path: Path) -> None:
    run(tmp_path, number=3)
    seen: list[tuple[int, int, int, bool]] = []
    run(tmp_path, number=5, tell=lambda p: seen.append((p.known, p.before, p.concluded, p.is_complete)))
    assert seen[-1] == (5, 3, 2, True)


def test_files_are_below_items_by_key(tmp_path: Path) -> None:
    run(tmp_path, number=1)
    with LedgerView(tmp_path) as view:
        [row] = view.finished()
    assert (item_folder(tmp_path, row.key) / "result.json").read_text() == '["0.tif", "A"]'
    assert item_folder(tmp_path, row.key).parent.name == row.key[:2]
