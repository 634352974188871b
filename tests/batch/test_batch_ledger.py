"""The ledger: planning, claims, leases, attempts, and what a second driver sees."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remotereasoner.batch.ledger import Concluded, Ledger, PlanKey, RunKey
from remotereasoner.batch.ledger_planning import Planned
from remotereasoner.batch.ledger_schema import LEDGER_NAME, State, connect
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.batch.owner import Owner
from remotereasoner.errors import ResultFormatError

THIS = Owner.this()
ELSEWHERE = Owner("another machine", 1, "1")


def plan_key(digest: str = "plan") -> PlanKey:
    return PlanKey("source", ("Where?",), {}, "model + box", "1", digest)


def planned(number: int, *, question: str = "Where?", content: str | None = None, path: str | None = None) -> Planned:
    content = content or f"content {number}"
    where = path or f"/images/{number}.tif"
    ident = f"{number} {question}".encode()
    return Planned(ident, Path(where).name, (where,), question, "locate", f"{content} {question}", content)


def faulty(number: int) -> Planned:
    fault = ("not_found", "there is no file")
    return Planned(f"{number}".encode(), "gone.tif", ("/gone.tif",), "Where?", "locate", f"f{number}", None, fault)


def begin(ledger: Ledger, owner: Owner = THIS, *, digest: str = "plan", lease_s: float = 60.0) -> RunKey:
    return ledger.begin(plan_key(digest), "inline", owner, lease_s=lease_s)


def keys_of(claimed: list) -> list[list[str]]:
    return [[ask.key for ask in asks] for _, asks in claimed]


def test_entries_are_recognised_and_new_ones_come_last(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        assert ledger.plan(run, [planned(1), planned(2)]) == {State.OPEN: 2}
        assert ledger.plan(run, [planned(3), planned(1), planned(2)]) == {State.OPEN: 3}
        with LedgerView(tmp_path) as view:
            assert view.total() == 3
            assert view.counts()["pending"] == 3
        ledger.claim(run, 9)
        ledger.conclude(run, [Concluded(f"content {k} Where?", State.DONE, status="answered") for k in (1, 2, 3)])
    with LedgerView(tmp_path) as view:
        assert [(row.seq, row.name, row.state) for row in view.all_finished(page=2)] == [
            (1, "1.tif", "done"), (2, "2.tif", "done"), (3, "3.tif", "done"),
        ]  # fmt: skip


def test_equal_content_and_question_are_one_item_and_two_entries(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(1, content="same"), planned(2, content="same"), planned(2, question="What?")])
        claimed = ledger.claim(run, 9)
        assert keys_of(claimed) == [["same Where?"], ["content 2 What?"]]
        ledger.conclude(run, [Concluded("same Where?", State.DONE, summary={"count": 3}, files={"a": ("00", 1)})])
    with LedgerView(tmp_path) as view:
        rows = view.finished()
        assert [(row.name, row.key, row.summary["count"], row.files["a"].size) for row in rows] == [
            ("1.tif", "same Where?", 3, 1), ("2.tif", "same Where?", 3, 1),
        ]  # fmt: skip
        assert view.settled_through() == 2


def test_a_unit_is_an_image_with_its_open_questions(tmp_path: Path) -> None:
    questions = [f"Q{k}" for k in range(40)]
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(k, question=q, content=f"c{k}") for k in (1, 2) for q in questions])
        first, second = ledger.claim(run, 2)
        assert [len(asks) for _, asks in (first, second)] == [32, 32]
        assert first[0].paths == ("/images/1.tif",)
        assert [len(asks) for _, asks in ledger.claim(run, 2)] == [8, 8]
        assert ledger.claim(run, 2) == []


def test_content_that_changed_is_a_new_item_of_the_same_entry(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(1, content="old"), planned(2)])
        ledger.claim(run, 1)
        ledger.conclude(run, [Concluded("old Where?", State.DONE)])
        assert ledger.plan(run, [planned(1, content="new"), planned(2)]) == {State.OPEN: 2}
        with LedgerView(tmp_path) as view:
            assert view.total() == 2
            assert view.counts()["done"] == 0


def test_another_path_is_taken_only_when_the_first_is_gone(tmp_path: Path) -> None:
    here, there = tmp_path / "a.tif", tmp_path / "b.tif"
    here.touch()
    there.touch()
    first, second = planned(1, content="same", path=str(here)), planned(2, content="same", path=str(there))
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [first, second])
        ledger.plan(run, [first, second])
        [(image, _)] = ledger.claim(run, 1)
        assert image.paths == (str(here),)
        ledger.end(run, "interrupted")
        here.unlink()
        run = begin(ledger)
        ledger.plan(run, [second])
        [(image, _)] = ledger.claim(run, 1)
        assert image.paths == (str(there),)


def test_another_plan_has_its_own_entries_and_shares_items(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(1), planned(2), planned(3)])
        ledger.claim(run, 1)
        ledger.conclude(run, [Concluded("content 1 Where?", State.DONE)])
        ledger.end(run, "interrupted")
        other = begin(ledger, digest="another plan")
        assert ledger.claim(other, 9) == []
        assert ledger.plan(other, [planned(2), planned(1)]) == {State.OPEN: 1, State.DONE: 1}
        assert keys_of(ledger.claim(other, 9)) == [["content 2 Where?"]]
        with LedgerView(tmp_path) as view, LedgerView(tmp_path, plan=run.plan) as before:
            assert (view.total(), before.total()) == (2, 3)
            assert [row.seq for row in view.finished()] == [2]


def test_faults_are_recorded_and_never_claimed(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        assert ledger.plan(run, [faulty(1), planned(2)]) == {State.FAILED: 1, State.OPEN: 1}
        assert keys_of(ledger.claim(run, 9)) == [["content 2 Where?"]]
        again = begin(ledger)
        assert ledger.plan(again, [faulty(1)], retry_failed=True) == {State.FAILED: 1}
    with LedgerView(tmp_path) as view:
        assert view.failures_by_code() == {"not_found": 1}
        assert view.finished()[0].content_sha256 is None


@pytest.mark.parametrize(
    ("is_transient", "retry", "opened"),
    [(False, False, False), (False, True, True), (True, False, True), (True, True, True)],
)
def test_what_failed_is_tried_by_the_next_run_where_it_may_pass_or_is_asked_for(
    tmp_path: Path, is_transient: bool, retry: bool, opened: bool
) -> None:
    failed = Concluded("content 1 Where?", State.FAILED, code="engine", message="no", is_transient=is_transient)
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(1)])
        ledger.claim(run, 1)
        ledger.conclude(run, [failed])
        assert ledger.plan(run, [planned(1)], retry_failed=retry) == {State.FAILED: 1}, "not in the same run"
        run = begin(ledger)
        assert ledger.plan(run, [planned(1)], retry_failed=retry) == {State.OPEN if opened else State.FAILED: 1}
        assert ledger.attempts("content 1 Where?") == ((0, 0) if opened else (1, 0))


def test_back_off_and_death_change_what_is_claimed(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(k, question=q, content=f"c{k}") for k in (1, 2) for q in ("A", "B")])
        ledger.claim(run, 2)
        later = time.time() + 1000
        ledger.conclude(
            run,
            [
                Concluded("c1 A", State.OPEN, code="worker_died", deaths=1),
                Concluded("c1 B", State.OPEN, code="worker_died", deaths=1),
                Concluded("c2 A", State.OPEN, code="engine", not_before=later),
                Concluded("c2 B", State.DONE),
            ],
        )
        assert ledger.next_open_s(run) == 0
        assert keys_of(ledger.claim(run, 9)) == [["c1 A"], ["c1 B"]], "one by one"
        waiting = ledger.next_open_s(run)
        assert waiting is not None
        assert 900 < waiting <= 1000
        assert ledger.attempts("c1 A") == (1, 1)


def test_claims_of_a_dead_process_are_taken_over_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\nfrom test_batch_ledger import *\n"
        "ledger = Ledger(Path(sys.argv[1])); run = begin(ledger); ledger.plan(run, [planned(1), planned(2)])\n"
        "assert len(ledger.claim(run, 1)) == 1; print('claimed', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "claimed\n"
        with Ledger(tmp_path) as ledger:
            run = begin(ledger)
            assert ledger.take_over(run) == []
            assert ledger.held_by_others(run)
            assert ledger.others_at_work(run)
            holder.kill()
            holder.wait()
            assert ledger.take_over(run) == ["content 1 Where?"]
            assert not ledger.held_by_others(run)
            assert not ledger.others_at_work(run)
            assert len(ledger.claim(run, 9)) == 2


@pytest.mark.parametrize(("lease_s", "taken"), [(1000.0, False), (-1.0, True)])
def test_claims_of_another_machine_are_taken_over_when_the_lease_ends(
    tmp_path: Path, lease_s: float, taken: bool
) -> None:
    with Ledger(tmp_path) as ledger:
        other = begin(ledger, ELSEWHERE, lease_s=lease_s)
        ledger.plan(other, [planned(1)])
        ledger.claim(other, 1)
        run = begin(ledger)
        assert ledger.take_over(run) == (["content 1 Where?"] if taken else [])
        if taken:
            ledger.claim(run, 1)
            assert ledger.conclude(other, [Concluded("content 1 Where?", State.DONE)]) == 0, (
                "it is not its own any more"
            )
            assert ledger.conclude(run, [Concluded("content 1 Where?", State.DONE)]) == 1


def test_a_living_process_keeps_its_claims_although_its_lease_ran_out(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        slow = begin(ledger, lease_s=-1.0)
        ledger.plan(slow, [planned(1)])
        ledger.claim(slow, 1)
        assert ledger.take_over(begin(ledger)) == []


def test_a_process_number_that_came_again_is_not_the_owner() -> None:
    assert THIS.is_known_alive()
    assert Owner(THIS.host, os.getpid(), "0").is_known_dead()
    assert not ELSEWHERE.is_known_dead()
    assert not ELSEWHERE.is_known_alive()


def test_two_drivers_never_hold_the_same_item(tmp_path: Path) -> None:
    with Ledger(tmp_path) as one, Ledger(tmp_path) as two:
        first, second = begin(one), begin(two, ELSEWHERE)
        entries = [planned(k) for k in range(50)]
        one.plan(first, entries)
        two.plan(second, entries)
        seen: list[str] = []
        while claimed := keys_of(one.claim(first, 3)) + keys_of(two.claim(second, 2)):
            seen += [key for keys in claimed for key in keys]
        assert len(seen) == len(set(seen)) == 50


def test_what_is_released_is_open(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        run = begin(ledger)
        ledger.plan(run, [planned(1)])
        ledger.claim(run, 1)
        ledger.end(run, "interrupted")
        assert len(ledger.claim(begin(ledger), 1)) == 1
    with LedgerView(tmp_path) as view:
        assert [one.how for one in view.runs()] == ["interrupted", None]


def test_wal_and_full_sync(tmp_path: Path) -> None:
    with Ledger(tmp_path):
        connection = connect(tmp_path / LEDGER_NAME)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        connection.close()


def test_other_files_and_versions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultFormatError, match="there is no batch in"):
        LedgerView(tmp_path)
    (tmp_path / LEDGER_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(ResultFormatError, match="not a ledger that can be read"):
        Ledger(tmp_path)
    (tmp_path / LEDGER_NAME).unlink()
    foreign = sqlite3.connect(tmp_path / LEDGER_NAME)
    foreign.execute("CREATE TABLE t (a)")
    foreign.close()
    with pytest.raises(ResultFormatError, match="no ledger of ours"):
        Ledger(tmp_path)
    (tmp_path / LEDGER_NAME).unlink()
    with Ledger(tmp_path):
        pass
    newer = sqlite3.connect(tmp_path / LEDGER_NAME)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(ResultFormatError, match="version 99, this is for version 1"):
        Ledger(tmp_path)
