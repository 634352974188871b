"""What a worker and a cluster cost: figures for docs/cluster.md.

- the embedded model on one core: processor seconds of one item, a drawn scene of 768 px, with reading and files;
- what Ray adds to a unit: a worker that does nothing, asked by ``RayExecutor`` and as a stream of Ray Data, on a
  cluster of two processors on this machine;
- what Ray Data does with a unit that kills its worker, by each of the three ways to tell it not to repeat.

Processor seconds are of this process alone, so that neighbours on the machine move them less than wall seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from remotereasoner.batch.items import Ask, ImageRef, ItemDone, ItemFailed, Recipe, Unit

TILES = 6
UNITS = 300
KILLER = 10


class Idle:
    """A worker that does nothing."""

    identity = "idle"

    def __init__(self, recipe: Recipe) -> None: ...

    def work(self, unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        return tuple(ItemDone(ask.key, "answered", {"result.json": b"{}" * 2000}, {}) for ask in unit.asks)


def _unit(number: int, path: str = "none.tif", question: str = "Where are ships?") -> Unit:
    return Unit(number, ImageRef((path,), f"{number:064x}", path), (Ask(str(number), question),))


def one_core() -> dict[str, float]:
    """The embedded model over tiles of all kinds of scenes; the first is not counted."""
    from remotereasoner.batch.worker import BatchWorker

    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "remotereasoner", "data", "synth", str(TILES + 1), folder]
        subprocess.run([*line, "--size", "768", "--geotiff", "--sensor", "rgb"], check=True, capture_output=True)
        tiles = sorted(str(path) for path in Path(folder).rglob("*.tif"))
        worker = BatchWorker(Recipe())
        wall, cpu, answered = [], [], 0
        for number, tile in enumerate(tiles):
            began_wall, began_cpu = time.perf_counter(), time.process_time()
            done = worker.work(_unit(number, tile))[0]
            assert isinstance(done, ItemDone), done
            answered += done.status == "answered"
            wall.append(time.perf_counter() - began_wall)
            cpu.append(time.process_time() - began_cpu)
    return {
        "tile_cpu_s": float(np.mean(cpu[1:])),
        "tile_cpu_s_longest": float(np.max(cpu[1:])),
        "tile_wall_s": float(np.mean(wall[1:])),
        "tiles": len(cpu) - 1,
        "answered": answered,
    }


def executor_overhead() -> dict[str, float]:
    """Driver's wall and processor time of a unit that takes no time, 40 kB of result."""
    from remotereasoner.batch.executors.ray_executor import RayExecutor

    executor = RayExecutor(workers=2, factory=Idle)
    began = time.perf_counter()
    executor.start(Recipe())
    up_s = time.perf_counter() - began
    try:
        _drive(executor, 40)
        began, began_cpu = time.perf_counter(), time.process_time()
        _drive(executor, UNITS)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    finally:
        executor.close()
    return {"up_s": up_s, "unit_wall_ms": 1e3 * wall_s / UNITS, "unit_driver_cpu_ms": 1e3 * cpu_s / UNITS}


def _drive(executor: Any, units: int) -> None:
    out, given, back = 0, 0, 0
    while back < units:
        while given < units and out < executor.capacity:
            executor.submit(_unit(given))
            given, out = given + 1, out + 1
        found = len(executor.collect(10.0))
        back, out = back + found, out - found


class Stage:
    """The same worker as a stage of Ray Data."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        number = int(batch["number"][0])
        if number == KILLER and batch["kills"][0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"number": [number], "result": [b"{}" * 2000]}


def ray_data(options: dict[str, Any], *, kills: bool, skip: bool, units: int, patience_s: float) -> dict[str, Any]:
    """A stream of Ray Data over units that come one by one: an actor holds them, a source reads it, a pool works.

    ``skip``: blocks that fail are left out instead of ending the stream. What came back, and how it ended.
    """
    import pyarrow as pa
    import ray
    import ray.data
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = context.target_min_block_size = 1  # or a row waits until 128 MB are together
    context.max_errored_blocks = -1 if skip else 0

    class Units(Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
            def read() -> Any:
                position = 0
                while (found := ray.get(held.get.remote(position))) != "end":
                    if found is None:
                        time.sleep(0.02)
                        continue
                    yield pa.table({"number": [position], "kills": [kills]})
                    position += 1

            return [ReadTask(read, BlockMetadata(num_rows=None, size_bytes=1000, exec_stats=None, input_files=None))]

    held = ray.remote(num_cpus=0)(_Held).remote()
    stream = ray.data.read_datasource(Units(), override_num_blocks=1, num_cpus=0).map_batches(
        Stage, batch_size=1, num_cpus=1, compute=ray.data.ActorPoolStrategy(size=2), **options
    )
    found: queue.Queue[Any] = queue.Queue()

    def consume() -> None:
        try:
            for row in stream.iter_rows():
                found.put(row["number"])
            found.put("end")
        except (ray.exceptions.RayError, RuntimeError) as error:
            found.put(type(error).__name__)

    threading.Thread(target=consume, daemon=True).start()
    back: list[Any] = []

    def wait(number: int) -> None:
        end = time.monotonic() + patience_s
        while len(back) < number and time.monotonic() < end and not (back and isinstance(back[-1], str)):
            with contextlib.suppress(queue.Empty):
                back.append(found.get(timeout=0.2))

    ray.get(held.add.remote(5))
    wait(5)
    early = len(back)
    began = time.perf_counter()
    ray.get(held.add.remote(units))
    wait(4 + units)
    seconds = time.perf_counter() - began
    ray.get(held.close.remote())
    wait(5 + units + 1)
    ended = back.pop() if isinstance(back[-1], str) else "does not end"
    missing = sorted(set(range(5 + units)) - set(back))
    return {"of_first_five": early, "unit_wall_ms": 1e3 * seconds / units, "missing": missing, "ended": ended}


class _Held:
    def __init__(self) -> None:
        self.number = 0
        self.closed = False

    def add(self, number: int) -> None:
        self.number += number

    def close(self) -> None:
        self.closed = True

    def get(self, position: int) -> str | int | None:
        if position < self.number:
            return position
        return "end" if self.closed else None


WISHES: dict[str, dict[str, Any]] = {
    "Ray Data, idle units": {"options": {}, "kills": False, "skip": False, "units": UNITS, "patience_s": 30},
    "Ray Data, a killer, as it is": {"options": {}, "kills": True, "skip": False, "units": 25, "patience_s": 20},
    "Ray Data, a killer, no retries": {
        "options": {"max_restarts": 0, "max_task_retries": 0},
        "kills": True, "skip": False, "units": 25, "patience_s": 20,
    },
    "Ray Data, a killer, failed blocks left out": {
        "options": {"max_restarts": -1, "max_task_retries": 0},
        "kills": True, "skip": True, "units": 25, "patience_s": 20,
    },
}  # fmt: skip


def _part(name: str) -> dict[str, Any]:
    """One part's figures, from a process of its own with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "RAY_ENABLE_AUTO_CONNECT": "0"}
    done = subprocess.run(
        [sys.executable, __file__, name], env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _work(name: str) -> dict[str, Any]:
    from remotereasoner.batch.executors.ray_cluster import connected

    if name == "one core":
        return one_core()
    if name == "executor":
        return executor_overhead()
    with connected(None, cpus=3):
        return ray_data(**WISHES[name])


def main() -> None:
    """All parts, or the one that is named."""
    if len(sys.argv) > 1:
        print(json.dumps(_work(sys.argv[1])), flush=True)
        os._exit(0)  # a stream that does not end has a thread that does not either
    figures = {name: _part(name) for name in ("one core", "executor", *WISHES)}
    core, executor = figures["one core"], figures["executor"]
    print(
        f"| embedded model, a tile of 768 px on one core | {core['tile_cpu_s']:.2f} s of processor, the longest "
        f"{core['tile_cpu_s_longest']:.2f} s | {core['tiles']} tiles, wall {core['tile_wall_s']:.2f} s |"
    )
    print(f"| `RayExecutor`, an idle unit | {executor['unit_wall_ms']:.1f} ms | {UNITS} units of 4 kB, two workers |")
    print(f"| – of that the driver's processor | {executor['unit_driver_cpu_ms']:.1f} ms | |")
    print(f"| – until the first worker is up | {executor['up_s']:.1f} s | |")
    for name in WISHES:
        found = figures[name]
        print(
            f"| {name} | {found['unit_wall_ms']:.1f} ms a unit | {found['of_first_five']} of the first 5 came before "
            f"the next was there; missing: {found['missing'] or 'none'}; {found['ended']} |"
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
