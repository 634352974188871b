"""Workers for the tests of the Ray executor, importable on the nodes, and a cluster of two nodes on this machine.

Import this before Ray: it tells it to listen on the loopback address only and to report to nobody.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.items import Ask, ImageRef, ItemDone, ItemFailed, Recipe, Unit
from remotereasoner.errors import ModelNotFoundError

RAY_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # 127.0.0.1 only, see ray_cluster.py
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 3,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
os.environ.update(RAY_ENVIRONMENT)
# A node that is gone is given up after some five seconds, not after fifteen; one that is only slow is not.
_SYSTEM = {"health_check_period_ms": 1000, "health_check_timeout_ms": 10_000, "health_check_failure_threshold": 5}
FOLDER = str(Path(__file__).parent)
"""On ``PYTHONPATH``, so that the nodes' workers find this module."""
OBJECT_STORE_BYTES = 80 * 1024**2


class Told:
    """Does what the question says; leaves its process's number in the folder that ``recipe.codec`` names, if any."""

    def __init__(self, recipe: Recipe) -> None:
        self.identity = f"told {recipe.model}"
        self._folder = Path(recipe.codec) if recipe.codec is not None else None
        if self._folder is not None:
            (self._folder / f"{os.getpid()}.pid").touch()
            if recipe.model == "other" and not _is_new(self._folder / "first"):
                self.identity = "another"

    def work(self, unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        return tuple(self._one(unit, ask) for ask in unit.asks)

    def _one(self, unit: Unit, ask: Ask) -> ItemDone | ItemFailed:
        word, _, number = ask.question.partition(" ")
        if word == "die" or (word == "die-once" and self._is_first(unit)):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "raise":
            raise ZeroDivisionError("on purpose")
        if word == "large":
            return ItemDone(ask.key, "answered", {"a.bin": bytes(int(number))}, {})
        if word == "sleep":
            time.sleep(float(number))
        if word == "threads":
            return ItemDone(ask.key, "answered", {}, {name: os.environ.get(name) for name in ("OMP_NUM_THREADS",)})
        if word == "fail":
            return ItemFailed(ask.key, "engine", "busy", transient=True)
        return ItemDone(ask.key, "answered", {"result.txt": f"{unit.image.name} {ask.question}".encode()}, {"count": 1})

    def _is_first(self, unit: Unit) -> bool:
        assert self._folder is not None
        return _is_new(self._folder / f"{unit.number}.died")


def _is_new(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def no_model(recipe: Recipe) -> Any:
    raise ModelNotFoundError(f"there is no {recipe.model}")


def dies_at_once(recipe: Recipe) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def strange(recipe: Recipe) -> Any:
    raise KeyError("strange")


def unit(number: int, *questions: str) -> Unit:
    asks = tuple(Ask(f"{number}-{i}", question) for i, question in enumerate(questions or ("say",)))
    return Unit(number, ImageRef((f"/images/{number}.tif",), f"{number:064x}", f"{number}.tif"), asks)


def expected(one: Unit) -> UnitOutcome:
    worker = Told(Recipe())
    return UnitOutcome(one.number, worker.work(one))


def drive(
    executor: Any, units: list[Unit], *, on_outcome: Any = None, seconds: float = 400.0
) -> tuple[dict[int, UnitOutcome], list[UnitLost]]:
    """As the driver does it, with every lost unit tried again unless it killed two workers."""
    open_units, outcomes, lost = list(units), {}, []
    by_number = {one.number: one for one in units}
    out = 0
    end = time.monotonic() + seconds
    while open_units or out:
        assert time.monotonic() < end, f"{out} units never came back: {sorted(set(by_number) - set(outcomes))[:10]}"
        while open_units and out < executor.capacity:
            executor.submit(open_units.pop(0))
            out += 1
        for found in executor.collect(0.5):
            out -= 1
            if isinstance(found, UnitLost):
                lost.append(found)
                blamed = sum(1 for one in lost if one.number == found.number and one.blames_item)
                if blamed < 2:
                    open_units.append(by_number[found.number])
            else:
                assert found.number not in outcomes, "doubled"
                outcomes[found.number] = found
            if on_outcome is not None:
                on_outcome(found)
    return outcomes, lost


@contextmanager
def two_nodes(cpus: int = 1) -> Iterator[Any]:
    """A cluster of two nodes, not connected to."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="rr-ray-")  # short: sockets lie in it
    own = {"PYTHONPATH": FOLDER, "RAY_TMPDIR": folder}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    options: dict[str, Any] = {"num_cpus": cpus, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    options["_system_config"] = _SYSTEM
    cluster = Cluster(initialize_head=True, head_node_args=options)
    try:
        cluster.add_node(num_cpus=cpus, object_store_memory=OBJECT_STORE_BYTES)
        assert cluster.address.startswith("127.0.0.1:"), "Ray was imported before it was told where to listen"
        yield cluster
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


@contextmanager
def connected_to(cluster: Any) -> Iterator[None]:
    """Executors use this connection and leave it: it is made once, not for every one of them."""
    import ray

    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield
    finally:
        ray.shutdown()


def ray_processes() -> list[str]:
    """Command lines of Ray's processes on this machine that descend from this one."""
    import psutil

    names = ("raylet", "gcs_server", "ray::")
    children = psutil.Process().children(recursive=True)
    return [line for child in children for line in [" ".join(_line(child))] if any(name in line for name in names)]


def _line(process: Any) -> list[str]:
    import psutil

    try:
        return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    except psutil.NoSuchProcess:
        return []
