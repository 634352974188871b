"""The Ray executor by itself, on a real cluster of two nodes and on one of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray_parts as parts
from ray_parts import Told, drive, expected, unit

from remotereasoner.batch.executors import ray_executor as module
from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.executors.ray_executor import RayExecutor, RayNeeds
from remotereasoner.batch.executors.ray_worker import engine_options
from remotereasoner.batch.items import ItemDone, ItemFailed, Recipe
from remotereasoner.errors import EngineError, ModelNotFoundError, UsageError

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning:ray"),  # its processes outlive the objects that name them
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with parts.two_nodes() as found, parts.connected_to(found):
        yield found
    assert parts.ray_processes() == []


@pytest.fixture
def started(cluster: Any) -> Iterator[Callable[..., RayExecutor]]:
    made: list[RayExecutor] = []

    def start(recipe: Recipe | None = None, **options: Any) -> RayExecutor:
        executor = RayExecutor(cluster.address, **{"workers": 2, "factory": Told, **options})
        made.append(executor)
        executor.start(recipe if recipe is not None else Recipe())
        return executor

    yield start
    for executor in made:
        executor.close()


def _live(folder: Path) -> list[int]:
    found = sorted(int(path.stem) for path in folder.glob("*.pid"))
    return [pid for pid in found if Path(f"/proc/{pid}").exists()]


def _all_up(executor: RayExecutor, workers: int) -> None:
    end = time.monotonic() + 240
    while executor.capacity < 2 * workers:
        assert time.monotonic() < end
        assert executor.collect(0.2) == []


def test_every_unit_comes_back_once_and_as_in_this_process(started: Callable[..., RayExecutor]) -> None:
    executor = started()
    units = [unit(i, "say", f"say {i}") for i in range(60)]
    outcomes, lost = drive(executor, units)
    assert lost == []
    assert outcomes == {one.number: expected(one) for one in units}


def test_the_identity_is_the_workers(cluster: Any) -> None:
    executor = RayExecutor(cluster.address, workers=1, factory=Told)
    try:
        assert executor.start(Recipe(model="a")) == "told a"
    finally:
        executor.close()


def test_both_nodes_work(started: Callable[..., RayExecutor], tmp_path: Path) -> None:
    executor = started(Recipe(codec=str(tmp_path)))
    _all_up(executor, 2)
    drive(executor, [unit(i, "sleep 0.05") for i in range(8)])
    assert len(_live(tmp_path)) == 2


def test_large_results_come_back_whole(started: Callable[..., RayExecutor]) -> None:
    outcomes, _ = drive(started(), [unit(0, "large 5000000"), unit(1, "large 5000000")])
    found = outcomes[1].items[0]
    assert isinstance(found, ItemDone)
    assert len(found.files["a.bin"]) == 5_000_000


def test_failures_are_handed_on_and_what_is_raised_is_final(started: Callable[..., RayExecutor]) -> None:
    units = [unit(0, "fail"), unit(1, "raise", "say"), *[unit(i) for i in range(2, 12)]]
    outcomes, lost = drive(started(), units)
    assert lost == []
    assert outcomes[0].items == (ItemFailed("0-0", "engine", "busy", transient=True),)
    said = "ZeroDivisionError: on purpose"
    assert outcomes[1].items == (ItemFailed("1-0", "internal", said), ItemFailed("1-1", "internal", said))
    assert all(outcomes[i] == expected(unit(i)) for i in range(2, 12))


def test_killed_workers_are_replaced_and_nothing_is_lost_or_doubled(
    started: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    executor = started(Recipe(codec=str(tmp_path)))
    back, killed = 0, []

    def kill(_: UnitOutcome | UnitLost) -> None:
        nonlocal back
        back += 1
        live = [pid for pid in _live(tmp_path) if pid not in killed]
        if back % 8 == 0 and len(killed) < 3 and live:
            os.kill(live[0], signal.SIGKILL)
            killed.append(live[0])

    units = [unit(i, "sleep 0.03") for i in range(50)]
    outcomes, lost = drive(executor, units, on_outcome=kill)
    assert len(killed) == 3
    assert 1 <= len(lost) <= 3
    assert all(one.blames_item and "process" in one.reason for one in lost)
    assert outcomes == {one.number: expected(one) for one in units}


def test_only_the_killer_is_blamed_however_quick_its_neighbours_are(started: Callable[..., RayExecutor]) -> None:
    units = [unit(i, "die" if i == 20 else "say") for i in range(60)]
    outcomes, lost = drive(started(), units)
    assert [(one.number, one.blames_item) for one in lost] == [(20, True), (20, True)]
    assert outcomes == {one.number: expected(one) for one in units if one.number != 20}


def test_a_unit_that_killed_one_worker_may_be_done_by_the_next(
    started: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    units = [unit(i, "die-once" if i % 8 == 0 else "say") for i in range(16)]
    outcomes, lost = drive(started(Recipe(codec=str(tmp_path))), units)
    assert sorted(one.number for one in lost) == [0, 8]
    assert len(outcomes) == 16


def test_a_unit_that_takes_too_long_is_lost(started: Callable[..., RayExecutor]) -> None:
    outcomes, lost = drive(started(unit_timeout_s=5.0), [unit(0, "sleep 90"), unit(1), unit(2), unit(3)])
    assert [(one.number, one.reason, one.blames_item) for one in lost] == [(0, "it took longer than 5 s", True)] * 2
    assert sorted(outcomes) == [1, 2, 3]


def test_a_node_that_goes_away_takes_no_blame_along(cluster: Any, started: Callable[..., RayExecutor]) -> None:
    executor = started()
    _all_up(executor, 2)
    node = next(iter(cluster.worker_nodes))
    back = 0

    def remove(_: UnitOutcome | UnitLost) -> None:
        nonlocal back
        back += 1
        if back == 10:
            cluster.remove_node(node, allow_graceful=False)

    units = [unit(i, "sleep 0.05") for i in range(50)]
    try:
        outcomes, lost = drive(executor, units, on_outcome=remove)
        assert [one.blames_item for one in lost] == [False]
        assert "went away" in lost[0].reason
        assert outcomes == {one.number: expected(one) for one in units}
        assert executor.capacity == 2
    finally:
        cluster.add_node(num_cpus=1, object_store_memory=parts.OBJECT_STORE_BYTES)
    _all_up(executor, 2)  # the worker that found no room comes up on the new node
    outcomes, lost = drive(executor, units)
    assert (len(outcomes), lost) == (50, [])


def test_workers_have_as_many_threads_as_processors_reserved(started: Callable[..., RayExecutor]) -> None:
    outcomes, _ = drive(started(workers=1), [unit(0, "threads")])
    found = outcomes[0].items[0]
    assert isinstance(found, ItemDone)
    assert found.summary == {"OMP_NUM_THREADS": "1"}


def test_without_a_number_as_many_workers_as_have_room(started: Callable[..., RayExecutor]) -> None:
    executor = started(workers=None)
    _all_up(executor, 2)
    drive(executor, [unit(i) for i in range(4)])
    assert executor.capacity == 4


def test_more_than_has_room_is_an_error_that_says_so(cluster: Any) -> None:
    executor = RayExecutor(cluster.address, needs=RayNeeds(num_gpus=1), factory=Told)
    with pytest.raises(UsageError, match=r"a worker needs 1 CPU, 1 GPU, the cluster has 2 CPU, 0 GPU"):
        executor.start(Recipe())


def test_workers_that_find_no_room_end_the_wait(cluster: Any) -> None:
    executor = RayExecutor(
        cluster.address, workers=1, needs=RayNeeds(resources={"lidar": 1}), start_timeout_s=1.5, factory=Told
    )
    with pytest.raises(EngineError, match=r"no worker has come up for 1\.5 s: each needs 1 CPU, 0 GPU, 1 lidar"):
        executor.start(Recipe())


@pytest.mark.parametrize(
    ("factory", "error", "said"),
    [
        (parts.no_model, ModelNotFoundError, "there is no embedded"),
        (parts.strange, EngineError, "could not load the model: KeyError: 'strange'"),
        (parts.dies_at_once, EngineError, "could not be brought up"),
    ],
)
def test_a_model_that_does_not_load_ends_the_start(
    cluster: Any, factory: Any, error: type[Exception], said: str
) -> None:
    executor = RayExecutor(cluster.address, workers=2, factory=factory)
    with pytest.raises(error, match=said):
        executor.start(Recipe())


def test_another_version_on_a_node_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = module.installed()
    monkeypatch.setattr(module, "installed", lambda: {**here, "remotereasoner": "9.9"})
    executor = RayExecutor(cluster.address, workers=1, factory=Told)
    with pytest.raises(EngineError, match=r"has remotereasoner .* the driver has remotereasoner 9\.9 and python 3"):
        executor.start(Recipe())


def test_another_model_on_a_node_is_refused(cluster: Any, tmp_path: Path) -> None:
    executor = RayExecutor(cluster.address, workers=2, factory=Told)
    try:
        # Told by whichever call comes when both workers are up: starting, or asking.
        with pytest.raises(EngineError, match=r"loaded another, another worker told other|loaded told other, another"):
            executor.start(Recipe(model="other", codec=str(tmp_path)))
            _all_up(executor, 2)
    finally:
        executor.close()


def test_the_cluster_stays_and_our_workers_go(cluster: Any, tmp_path: Path) -> None:
    import ray

    ray.shutdown()  # this one connects by itself
    try:
        executor = RayExecutor(cluster.address, workers=2, factory=Told)
        before = signal.getsignal(signal.SIGTERM)
        executor.start(Recipe(codec=str(tmp_path)))
        assert signal.getsignal(signal.SIGTERM) is before
        _all_up(executor, 2)
        executor.submit(unit(0, "sleep 60"))
        executor.close()
        assert not ray.is_initialized()
        end = time.monotonic() + 120
        while _live(tmp_path):
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2


def test_a_connection_that_is_there_is_used_and_stays(started: Callable[..., RayExecutor]) -> None:
    import ray

    started(workers=1).close()
    assert ray.is_initialized()
    with pytest.raises(UsageError, match="connected to a Ray cluster: pass address='auto'"):
        RayExecutor(factory=Told).start(Recipe())


def test_dead_workers_are_not_told_of_on_standard_output(
    started: Callable[..., RayExecutor], capsys: pytest.CaptureFixture[str]
) -> None:
    executor = started()
    drive(executor, [unit(0, "die"), unit(1)])
    time.sleep(2.0)  # Ray tells it a while later
    print("mine")  # noqa: T201
    executor.close()
    assert capsys.readouterr().out == "mine\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"address": "ray://head:10001"}, "on a machine of the cluster"),
        ({"workers": 0}, "workers must be 1 or more"),
        ({"start_timeout_s": 0}, "start_timeout_s must be above 0"),
        ({"unit_timeout_s": -1}, "unit_timeout_s must be above 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        RayExecutor(**options)


def test_needs() -> None:
    assert RayNeeds().fit({"CPU": 7.5}) == 7
    assert RayNeeds(num_cpus=2, num_gpus=0.5).fit({"CPU": 16, "GPU": 2}) == 4
    assert RayNeeds(num_gpus=2).fit({"CPU": 16}) == 0
    assert str(RayNeeds(num_gpus=0.25, resources={"big": 2})) == "1 CPU, 0.25 GPU, 2 big"
    for wrong in ({"num_cpus": -1.0}, {"num_gpus": 1.5}, {"num_gpus": float("nan")}, {"resources": {"a": -1.0}}):
        with pytest.raises(UsageError):
            RayNeeds(**wrong)


def test_vllm_takes_all_gpus_of_its_worker() -> None:
    assert engine_options(Recipe(model="vllm:a/b"), 4) == {"tensor_parallel_size": 4}
    assert engine_options(Recipe(model="vllm:a/b"), 1) == {}
    assert engine_options(Recipe(model="hf:a/b"), 4) == {}
