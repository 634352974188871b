"""The batch's ledger, its overhead for an item, one and two workers, and a run over very many items.

``python bench/batch.py [--items 200000] [--only ledger,overhead,workers,many] [--json]``. Items of the ledger's bench
have no files: planned in chunks, claimed and marked done 64 at a time, each a transaction flushed to the disk. The
overhead is that of a whole run in this process (planning, claims, files flushed to the disk, tables, report) over the
same work in a bare loop, with a scripted policy on pictures of 32 px. One and two workers do units of pure arithmetic.
Many items come from a generator and are done by an executor that does nothing. All in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from remotereasoner.batch.driver import Progress
from remotereasoner.batch.executors.inline import InlineExecutor
from remotereasoner.batch.executors.processes import ProcessExecutor
from remotereasoner.batch.hashing import Content
from remotereasoner.batch.items import Ask, Entry, ImageRef, ItemDone, Recipe, Unit
from remotereasoner.batch.ledger import Concluded, Ledger, PlanKey
from remotereasoner.batch.ledger_planning import Planned
from remotereasoner.batch.ledger_schema import State
from remotereasoner.batch.owner import Owner
from remotereasoner.batch.run import BatchRun, run_batch
from remotereasoner.batch.worker import BatchWorker

ANSWER = '<think>.</think><answer>[{"bbox_2d": [4, 6, 20, 25]}]</answer>'
LEDGER_ITEMS, PICTURES, BUSY_UNITS, BUSY_LOOPS = 20_000, 400, 120, 3_000_000


class Nothing:
    """Done at once."""

    identity = "nothing"

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def work(self, unit: Unit) -> tuple[ItemDone, ...]:
        return tuple(ItemDone(ask.key, "no_target", {}, {"count": 0}) for ask in unit.asks)


class Busy(Nothing):
    """Done after a fixed amount of arithmetic, a good tenth of a second of one core."""

    def work(self, unit: Unit) -> tuple[ItemDone, ...]:
        total = 0
        for number in range(BUSY_LOOPS):
            total += number
        return super().work(unit)


def ledger_rate() -> dict[str, float]:
    """Items a second through claim and done, and through planning."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        run = ledger.begin(PlanKey("s", ("Q",), {}, "i", "1", "d"), "bench", Owner.this())
        entries = [
            Planned(f"{k}".encode(), f"{k}", (f"/{k}",), "Q", "locate", f"{k:064d}", f"{k}")
            for k in range(LEDGER_ITEMS)
        ]
        began, cpu = time.perf_counter(), time.process_time()
        for first in range(0, LEDGER_ITEMS, 256):
            ledger.plan(run, entries[first : first + 256])
        planned = time.perf_counter()
        while claimed := ledger.claim(run, 64):
            keys = [ask.key for _, asks in claimed for ask in asks]
            ledger.conclude(run, [Concluded(key, State.DONE, status="no_target", summary={"count": 0}) for key in keys])
        done = time.perf_counter()
        cpu = time.process_time() - cpu
    rates = {"claim_done_per_s": LEDGER_ITEMS / (done - planned), "plan_per_s": LEDGER_ITEMS / (planned - began)}
    return rates | {"all_per_cpu_s": LEDGER_ITEMS / cpu}


def overhead() -> dict[str, float]:
    """Wall and processor milliseconds an item, bare and as a batch."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images")
        images.mkdir()
        for k in range(PICTURES):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(images / f"{k:04}.png")
        script = Path(folder, "script.txt")
        script.write_text(ANSWER)
        recipe = Recipe(model=f"scripted:{script}", segmenter="box")
        worker = BatchWorker(recipe)
        paths = sorted(images.iterdir())
        found: dict[str, list[float]] = {"bare": [], "bare_cpu": [], "batch": [], "batch_cpu": []}
        for turn in range(3):
            wall, cpu = time.perf_counter(), time.process_time()
            for k, path in enumerate(paths):
                worker.work(Unit(k, ImageRef((str(path),), "", path.name), (Ask("0" * 64, "Where?"),)))
            found["bare"].append(time.perf_counter() - wall)
            found["bare_cpu"].append(time.process_time() - cpu)
            wall, cpu = time.perf_counter(), time.process_time()
            run_batch(str(images), ["Where?"], Path(folder, f"out{turn}"), recipe=recipe, executor=InlineExecutor())
            found["batch"].append(time.perf_counter() - wall)
            found["batch_cpu"].append(time.process_time() - cpu)
    return {name: 1e3 * min(values) / PICTURES for name, values in found.items()}


def entries_of(number: int) -> Iterator[Entry]:
    return (Entry((f"/images/{k}.tif",), f"{k}.tif") for k in range(number))


def hash_of(entry: Entry) -> Content:
    return Content(entry.name.rjust(64, "0"))


def workers() -> dict[str, float]:
    """Units a second of one worker and of two, behind the first quarter (until then the second one starts), and the
    driver's own processor time for a unit.
    """
    found = {}
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            seen: list[tuple[float, int]] = []

            def tell(progress: Progress, seen: list[tuple[float, int]] = seen) -> None:
                seen.append((time.perf_counter(), progress.concluded))

            run = BatchRun(Path(folder, "out"), ProcessExecutor(count, factory=Busy), questions=("Q",), tables=False)
            cpu = time.process_time()
            run.execute(lambda: entries_of(BUSY_UNITS), source="bench", hasher=hash_of, tell=tell)
            found["driver_cpu_ms"] = 1e3 * (time.process_time() - cpu) / BUSY_UNITS
            since, before = next(one for one in seen if one[1] >= BUSY_UNITS // 4)
            found[f"per_s_{count}"] = (seen[-1][1] - before) / (seen[-1][0] - since)
    return found


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def many(number: int) -> dict[str, float]:
    """Time to the first item done, memory after a tenth and at the end, items a second."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        marks: dict[str, float] = {}

        def tell(progress: Progress) -> None:
            done = progress.concluded
            if done and "first_s" not in marks:
                marks["first_s"] = time.perf_counter() - began
            if done >= number // 10 and "tenth_mib" not in marks:
                marks["tenth_mib"] = resident_mib()
            marks["end_mib"] = max(resident_mib(), marks.get("end_mib", 0.0))

        run = BatchRun(Path(folder, "out"), InlineExecutor(Nothing), questions=("Q",), tables=False)
        outcome = run.execute(lambda: entries_of(number), source="bench", hasher=hash_of, tell=tell)
        size = sum(path.stat().st_size for path in Path(folder, "out").glob("ledger*"))
    per_s = outcome.done / (time.perf_counter() - began)
    return {**marks, "items": outcome.done, "per_s": per_s, "ledger_bytes_per_item": size / number}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--only", default="ledger,overhead,workers,many")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    rows: list[tuple[str, str, str]] = []
    facts: dict[str, dict[str, float]] = {}
    if "ledger" in wanted:
        facts["ledger"] = one = ledger_rate()
        rows.append(("ledger: claim and done", f"{one['claim_done_per_s']:,.0f} items/s", "2,000"))
        rows.append(("ledger: all of it, a second of one core", f"{one['all_per_cpu_s']:,.0f} items", "–"))
        rows.append(("ledger: planning", f"{one['plan_per_s']:,.0f} items/s", "–"))
    if "overhead" in wanted:
        facts["overhead"] = one = overhead()
        wall, cpu = one["batch"] - one["bare"], one["batch_cpu"] - one["bare_cpu"]
        rows.append(("overhead of an item, wall", f"{wall:.1f} ms over {one['bare']:.1f} ms", "5 ms"))
        rows.append(("overhead of an item, processor", f"{cpu:.1f} ms over {one['bare_cpu']:.1f} ms", "–"))
    if "workers" in wanted:
        facts["workers"] = one = workers()
        load = os.getloadavg()[0]
        rows.append(
            (f"two workers beside one (load average {load:.1f})", f"{one['per_s_2'] / one['per_s_1']:.2f} ×", "1.8 ×")
        )
        rows.append(("the driver's own processor time for a unit", f"{one['driver_cpu_ms']:.1f} ms", "–"))
    if "many" in wanted:
        facts["many"] = one = many(arguments.items)
        rows.append((f"{arguments.items:,} items: first one done", f"{one['first_s']:.1f} s", "10 s"))
        grown = f"{one['tenth_mib']:.0f} → {one['end_mib']:.0f} MiB"
        rows.append((f"{arguments.items:,} items: memory, after a tenth → most", grown, "flat"))
        rows.append((f"{arguments.items:,} items: rate of the driver", f"{one['per_s']:,.0f} items/s", "–"))
    if arguments.json:
        print(json.dumps({"bench": "batch", **facts}))
        return
    print("| what | measured | target |\n|---|---|---|")
    for what, measured, target in rows:
        print(f"| {what} | {measured} | {target} |")
    print(json.dumps({"bench": "batch", **facts}))


if __name__ == "__main__":
    main()
