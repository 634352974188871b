"""Local worker processes: they die, hang and fail to start, and no unit gets lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from batch_world import PlainWorker, command, outputs_of, write_archive, write_script

from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.executors.processes import ProcessExecutor
from remotereasoner.batch.items import Ask, ImageRef, ItemDone, ItemFailed, Recipe, Unit
from remotereasoner.cli.main import main
from remotereasoner.errors import EngineError, UsageError


class Moody(PlainWorker):
    """What it does is in the image's name."""

    def work(self, unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        if unit.image.name == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if unit.image.name == "exits":
            os._exit(7)
        if unit.image.name == "hangs":
            time.sleep(600)
        if unit.image.name == "threads":
            return (ItemFailed(unit.asks[0].key, "threads", os.environ["OMP_NUM_THREADS"]),)
        return super().work(unit)


class NeverStarts(PlainWorker):
    def __init__(self, recipe: Recipe) -> None:
        raise UsageError("there is no such model")


class DiesAtStart(PlainWorker):
    def __init__(self, recipe: Recipe) -> None:
        os._exit(3)


def unit(number: int, name: str = "well") -> Unit:
    return Unit(number, ImageRef((f"/{name}",), "0" * 64, name), (Ask(f"key {number}", "Where?"),))


def collect(executor: ProcessExecutor, number: int) -> dict[int, UnitOutcome | UnitLost]:
    found: dict[int, UnitOutcome | UnitLost] = {}
    while len(found) < number:
        for back in executor.collect(30.0):
            assert back.number not in found
            found[back.number] = back
    return found


def test_only_the_unit_that_a_worker_dies_of_is_lost() -> None:
    executor = ProcessExecutor(2, factory=Moody)
    try:
        assert executor.start(Recipe()) == "plain"
        assert executor.capacity == 4
        names = ["well", "dies", "well", "well", "exits", "well", "well", "threads"]
        for number, name in enumerate(names):
            executor.submit(unit(number, name))
        found = collect(executor, len(names))
        lost = {number: back for number, back in found.items() if isinstance(back, UnitLost)}
        assert sorted(lost) == [1, 4]
        assert lost[1].blames_item
        assert "by SIGKILL" in lost[1].reason
        assert "with exit code 7" in lost[4].reason
        threads = found[7]
        assert isinstance(threads, UnitOutcome)
        assert isinstance(threads.items[0], ItemFailed)
        assert threads.items[0].message == str(max(1, len(os.sched_getaffinity(0)) // 2))
        assert executor.capacity == 4, "the dead were replaced"
    finally:
        executor.close()


def test_a_worker_over_its_time_is_killed() -> None:
    executor = ProcessExecutor(1, unit_timeout_s=2.0, factory=Moody)
    try:
        executor.start(Recipe())
        executor.submit(unit(1, "hangs"))
        executor.submit(unit(2))
        found = collect(executor, 2)
        assert found[1] == UnitLost(1, "the worker ended: it took longer than 2 s")
        assert isinstance(found[2], UnitOutcome)
    finally:
        executor.close()


def test_errors_of_the_start_arrive() -> None:
    executor = ProcessExecutor(1, factory=NeverStarts)
    with pytest.raises(UsageError, match="there is no such model"):
        executor.start(Recipe())
    executor.close()
    executor = ProcessExecutor(1, factory=DiesAtStart)
    with pytest.raises(EngineError, match="while it loaded the model"):
        executor.start(Recipe())
    executor.close()


def test_closing_ends_workers_in_the_middle_of_something() -> None:
    executor = ProcessExecutor(1, factory=Moody)
    executor.start(Recipe())
    executor.submit(unit(1, "hangs"))
    [slot] = executor._slots
    process = slot.process
    pid = process.pid
    assert pid is not None
    executor.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_wrong_wishes() -> None:
    with pytest.raises(UsageError, match="workers must be 1 or more"):
        ProcessExecutor(0)
    with pytest.raises(UsageError, match="unit_timeout_s must be above 0"):
        ProcessExecutor(1, unit_timeout_s=0.0)


def test_two_workers_write_what_one_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, model = write_archive(tmp_path / "images", 8), write_script(tmp_path)
    formats = ("--format", "geojson", "--format", "gpkg", "--format", "mask", "--format", "overlay")
    assert main(command(images, tmp_path / "one", model, options=formats)) == 0
    assert main(command(images, tmp_path / "two", model, options=(*formats, "--workers", "2"))) == 0
    capsys.readouterr()
    one, two = outputs_of(tmp_path / "one"), outputs_of(tmp_path / "two")
    assert one == two
    assert {Path(name).name for name in one} >= {"result.json", "findings.gpkg", "findings_px.json", "mask.tif"}
