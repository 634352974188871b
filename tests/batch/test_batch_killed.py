"""A batch that is killed, by name of the place or at random, and given again ends as one that never was."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from batch_world import check_whole, command, outputs_of, write_archive, write_script
from forked_runs import Runner, runner

from remotereasoner.batch.failpoints import FAILPOINTS

QUESTIONS = ("Where can a ship dock?", "Where is it safe?")


@pytest.fixture(scope="module")
def forked() -> Iterator[Runner]:
    with runner() as found:
        yield found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, forked: Runner) -> tuple[Path, str, dict[str, str]]:
    """Six pictures, the model, and what an undisturbed run makes of them."""
    folder = tmp_path_factory.mktemp("small")
    images, model = write_archive(folder / "images", 6), write_script(folder)
    status, output = forked.run(*command(images, folder / "out", model, *QUESTIONS))
    assert status == 0, output
    check_whole(folder / "out", 12)
    return images, model, outputs_of(folder / "out")


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("name", FAILPOINTS)
def test_killed_at_a_failpoint(
    tmp_path: Path, forked: Runner, small: tuple[Path, str, dict[str, str]], name: str, nth: int
) -> None:
    images, model, undisturbed = small
    args = command(images, tmp_path / "out", model, *QUESTIONS)
    if name in ("plan.inserted", "parts.written"):
        # These are passed once a run of this size: the nth time is the nth run that is killed there.
        for _ in range(nth):
            assert forked.run(*args, failpoint=name)[0] == -9
    else:
        assert forked.run(*args, failpoint=f"{name}:{nth}")[0] == -9
    status, output = forked.run(*args)
    assert status == 0, output
    check_whole(tmp_path / "out", 12)
    assert outputs_of(tmp_path / "out") == undisturbed


@pytest.mark.parametrize("largest_file", [1_000, 60_000, 150_000])
def test_a_disk_that_is_full_for_results_or_for_the_ledger(tmp_path: Path, forked: Runner, largest_file: int) -> None:
    """1,000 bytes are too few for a ledger, 60,000 for some of its growth, 150,000 for more of it."""
    images, model = write_archive(tmp_path / "images", 60), write_script(tmp_path)
    args = command(images, tmp_path / "out", model, *QUESTIONS, options=("--no-tables",))
    status, output = forked.run(*args, largest_file=largest_file)
    assert status == 1, output
    assert "nothing that is finished is lost" in " ".join(output.split())
    status, output = forked.run(*args)
    assert status == 0, output
    check_whole(tmp_path / "out", 120)


def test_two_runs_at_a_time_do_nothing_twice(tmp_path: Path) -> None:
    images, model = write_archive(tmp_path / "images", 80), write_script(tmp_path)
    args = command(images, tmp_path / "out", model, options=("--json", "--no-tables"))
    with runner() as one, runner() as two, ThreadPoolExecutor(2) as pool:
        ended = [run.result() for run in [pool.submit(found.run, *args) for found in (one, two)]]
    assert [status for status, _ in ended] == [0, 0], ended
    assert sum(json.loads(output)["concluded"] for _, output in ended) == 80
    check_whole(tmp_path / "out", 80)


def _killed_at_random(folder: Path, forked: Runner, *, items: int, kills: int, longest_s: float) -> int:
    images, model = write_archive(folder / "images", items), write_script(folder)
    status, output = forked.run(*command(images, folder / "undisturbed", model))
    assert status == 0, output
    args = command(images, folder / "out", model)
    rng = random.Random(5)
    killed = 0
    for _ in range(kills):
        killed += forked.run(*args, kill_after_s=rng.uniform(0.02, longest_s))[0] == -9
    status, output = forked.run(*args)
    assert status == 0, output
    check_whole(folder / "out", items)
    assert outputs_of(folder / "out") == outputs_of(folder / "undisturbed")
    return killed


def test_thirty_random_kills(tmp_path: Path, forked: Runner) -> None:
    assert _killed_at_random(tmp_path, forked, items=300, kills=30, longest_s=0.5) > 15


@pytest.mark.slow
def test_two_hundred_random_kills(tmp_path: Path, forked: Runner) -> None:
    assert _killed_at_random(tmp_path, forked, items=6000, kills=200, longest_s=1.5) > 150
