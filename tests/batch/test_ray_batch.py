"""Whole batches on Ray: the same files as at home, whatever dies meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray_parts as parts
from batch_world import outputs_of, write_archive, write_script
from ray_policy import AT_VARIABLE, batch_run, scripted, write_numbered

from remotereasoner.batch.driver import Progress
from remotereasoner.batch.executors.inline import InlineExecutor
from remotereasoner.batch.executors.ray_executor import RayExecutor
from remotereasoner.batch.ledger_view import LedgerView
from remotereasoner.batch.run import BatchOutcome
from remotereasoner.batch.sources import open_entries

SLOW = "sleep 0.03"
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the processes on the cluster leave what they are at."""
    folder = tmp_path_factory.mktemp("at")
    os.environ[AT_VARIABLE] = str(folder)
    yield folder
    del os.environ[AT_VARIABLE]


@pytest.fixture(scope="module")
def cluster(at: Path) -> Iterator[Any]:
    with parts.two_nodes() as found, parts.connected_to(found):
        yield found
    assert parts.ray_processes() == []


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbered(tmp_path_factory.mktemp("world") / "images", 100)


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory, images: Path) -> dict[str, str]:
    """What an undisturbed run in this process makes of the images."""
    out = tmp_path_factory.mktemp("home") / "out"
    outcome = _run(out, images, InlineExecutor(scripted))
    assert (outcome.ending, outcome.done) == ("complete", len(list(images.iterdir())))
    return outputs_of(out)


def _run(
    out: Path, images: Path, executor: Any, question: str = SLOW, tell: Callable[[Progress], None] | None = None
) -> BatchOutcome:
    run = batch_run(out, executor, question)
    return run.execute(lambda: open_entries(images), source=str(images), tell=tell)


def _on(cluster: Any) -> RayExecutor:
    return RayExecutor(cluster.address, workers=2, factory=scripted)


class Killer:
    """Kills a worker from outside whenever ``every`` more items are done, but never two at the same item."""

    def __init__(self, at: Path, every: int, kills: int) -> None:
        self._at = at
        self._every = every
        self._kills = kills
        self._next = every
        self.hit: list[int] = []
        for mark in at.glob("*.at"):
            mark.unlink()

    def __call__(self, progress: Progress) -> None:
        if progress.done < self._next or len(self.hit) >= self._kills:
            return
        for mark in sorted(self._at.glob("*.at")):
            pid = int(mark.stem)
            try:
                os.kill(pid, signal.SIGSTOP)  # so that it stays at what it is at
            except ProcessLookupError:
                mark.unlink()
                continue
            item = int(mark.read_text() or -1)
            if item >= 0 and item not in self.hit:
                os.kill(pid, signal.SIGKILL)
                self.hit.append(item)
                self._next = progress.done + self._every
                return
            os.kill(pid, signal.SIGCONT)


def test_the_same_files_as_at_home(tmp_path: Path, cluster: Any, images: Path, at_home: dict[str, str]) -> None:
    outcome = _run(tmp_path / "out", images, _on(cluster))
    assert (outcome.ending, outcome.done, outcome.pending) == ("complete", 100, 0)
    assert outputs_of(tmp_path / "out") == at_home


def test_eight_workers_are_killed(
    tmp_path: Path, cluster: Any, images: Path, at: Path, at_home: dict[str, str]
) -> None:
    killer = Killer(at, every=10, kills=8)
    outcome = _run(tmp_path / "out", images, _on(cluster), tell=killer)
    assert len(killer.hit) == 8
    assert (outcome.ending, outcome.done, outcome.quarantined) == ("complete", 100, 0)
    assert outputs_of(tmp_path / "out") == at_home


def test_a_node_goes_away(tmp_path: Path, cluster: Any, images: Path, at_home: dict[str, str]) -> None:
    nodes = list(cluster.worker_nodes)

    def remove(progress: Progress) -> None:
        if nodes and progress.done >= 30:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    try:
        outcome = _run(tmp_path / "out", images, _on(cluster), tell=remove)
    finally:
        cluster.add_node(num_cpus=1, object_store_memory=parts.OBJECT_STORE_BYTES)
    assert nodes == []
    assert (outcome.ending, outcome.done) == ("complete", 100)
    assert outputs_of(tmp_path / "out") == at_home


def test_poison_is_quarantined_and_a_bug_is_recorded_once(tmp_path: Path, cluster: Any, images: Path) -> None:
    outcome = _run(tmp_path / "out", images, _on(cluster), "die 13 raise 57")
    assert (outcome.ending, outcome.done, outcome.quarantined, outcome.failed) == ("complete", 98, 1, 1)
    assert outcome.failures == {"worker_died": 1, "internal": 1}
    with LedgerView(tmp_path / "out") as view:
        rows = {row.name: row for row in view.all_finished()}
    poison, bug = rows["p00013.png"], rows["p00057.png"]
    assert (poison.state, poison.code, poison.attempts) == ("quarantined", "worker_died", 2)
    assert (bug.state, bug.code, bug.message) == ("failed", "internal", "ZeroDivisionError: on purpose")
    assert {row.attempts for row in rows.values() if row is not poison} == {1}


class Impatient(InlineExecutor):
    """In this process; interrupted after so many units."""

    def __init__(self, units: int) -> None:
        super().__init__(scripted)
        self._left = units

    def submit(self, unit: Any) -> None:
        super().submit(unit)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def test_begun_here_and_finished_on_the_cluster(
    tmp_path: Path, cluster: Any, images: Path, at_home: dict[str, str]
) -> None:
    first = _run(tmp_path / "out", images, Impatient(40))
    assert first.ending == "interrupted"
    assert 0 < first.done < 100
    second = _run(tmp_path / "out", images, _on(cluster))
    assert (second.ending, second.done, second.concluded) == ("complete", 100, 100 - first.done)
    assert outputs_of(tmp_path / "out") == at_home


def test_begun_on_the_cluster_and_finished_here(
    tmp_path: Path, cluster: Any, images: Path, at_home: dict[str, str]
) -> None:
    signals = [signal.SIGTERM]  # a second one would be meant

    def interrupt(progress: Progress) -> None:
        if progress.done >= 40 and signals:
            os.kill(os.getpid(), signals.pop())

    first = _run(tmp_path / "out", images, _on(cluster), tell=interrupt)
    assert first.ending == "interrupted"
    assert 40 <= first.done < 100
    second = _run(tmp_path / "out", images, InlineExecutor(scripted))
    assert (second.ending, second.done, second.concluded) == ("complete", 100, 100 - first.done)
    assert outputs_of(tmp_path / "out") == at_home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """For a user's files; its folder for temporary ones is short, since sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="rr-", ignore_cleanup_errors=True) as short:
        (tmp_path / "tmp").symlink_to(short)
        yield tmp_path


def _own_environment(home: Path) -> dict[str, str]:
    """As of a user who never heard of Ray's variables."""
    kept = {name: value for name, value in os.environ.items() if name not in parts.RAY_ENVIRONMENT}
    here = str(Path(__file__).parent)
    kept |= {"HOME": str(home), "TMPDIR": str((home / "tmp").resolve())}
    return {**kept, "PYTHONPATH": here, "OMP_WAIT_POLICY": "PASSIVE"}


@contextlib.contextmanager
def _killed_in_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_driver_that_is_killed_takes_its_cluster_along(home: Path, images: Path, at_home: dict[str, str]) -> None:
    out = home / "out"
    line = [sys.executable, "-m", "ray_policy", str(out), str(images), SLOW]
    process = subprocess.Popen(line, env=_own_environment(home), cwd=home)
    with _killed_in_the_end(process):
        end = time.monotonic() + 300
        while len(list(out.glob("items/*/*"))) < 20:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
        sockets = [c for one in (psutil.Process(process.pid), *family) for c in one.net_connections("tcp")]
        listening = [c.laddr.ip for c in sockets if c.status == psutil.CONN_LISTEN]
        mortal = [one for one in family if one.name() not in AGENTS]
        process.kill()
    assert len(listening) > 3
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
    _, alive = psutil.wait_procs(mortal, timeout=120)
    assert alive == []
    for agent in family:  # they go, too, when they have tried for a minute to tell the dead head of it
        with contextlib.suppress(psutil.NoSuchProcess):
            agent.kill()
    assert not (home / ".ray").exists()
    outcome = _run(out, images, InlineExecutor(scripted))
    assert (outcome.ending, outcome.done) == ("complete", 100)
    assert 0 < outcome.concluded < 100
    assert outputs_of(out) == at_home


def test_on_the_command_line(home: Path) -> None:
    images, model = write_archive(home / "images", 12), write_script(home)
    line = [sys.executable, "-m", "remotereasoner", "batch", str(images), "Where is it?", "--model", model, "--json"]
    line += ["--segmenter", "box"]
    environment = _own_environment(home)
    told = {}
    for name, options in (("here", []), ("ray", ["--executor", "ray", "--workers", "2"])):
        command = [*line, "-o", str(home / name), *options]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        told[name] = json.loads(done.stdout)
    assert told["ray"]["done"] == told["here"]["done"] == 12
    assert outputs_of(home / "ray") == outputs_of(home / "here")


@pytest.mark.slow
def test_sixty_workers_are_killed_among_a_thousand_items(tmp_path: Path, cluster: Any, at: Path) -> None:
    images = write_numbered(tmp_path / "images", 1000)
    assert _run(tmp_path / "home", images, InlineExecutor(scripted), "sleep 0.03").done == 1000
    # Progress is told now and then, not for each item: with no work to do there would be too few moments to kill at.
    killer = Killer(at, every=4, kills=60)
    outcome = _run(tmp_path / "out", images, _on(cluster), "sleep 0.03", tell=killer)
    assert len(killer.hit) == 60
    assert (outcome.ending, outcome.done, outcome.quarantined) == ("complete", 1000, 0)
    assert outputs_of(tmp_path / "out") == outputs_of(tmp_path / "home")
