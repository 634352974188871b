"""Scenes of the synthetic world per second, all outputs written.

``python bench/synth.py [--scenes N] [--workers W] [--json]``: worlds of 512² scenes are written to a temporary folder:
JPEGs, labels, relations and questions. Best of several turns, and the processor time of one scene in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from remotereasoner.data.synth.families import FAMILIES
from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.world import write_scene, write_world


def per_second(options: WorldOptions, scenes: int, workers: int, turns: int) -> float:
    """The start of the processes is part of it."""
    best = 0.0
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            write_world(options, scenes, Path(folder) / "world", workers=workers)
            best = max(best, scenes / (time.perf_counter() - started))
    return best


def processor_ms(family: str, scenes: int, turns: int) -> float:
    """Processor milliseconds of a scene of a family, in this process."""
    options = WorldOptions(seed=1, families=(family,))
    best = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "images").mkdir()
        for _ in range(turns):
            started = time.process_time()
            for number in range(scenes):
                write_scene(options, number, Path(folder))
            best = min(best, (time.process_time() - started) / scenes)
    return best * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the JSON line only")
    arguments = parser.parse_args()
    rate = per_second(WorldOptions(seed=1), arguments.scenes, arguments.workers, arguments.turns)
    families = {name: round(processor_ms(name, 10, 3), 1) for name in FAMILIES}
    results = {"scenes_per_s": round(rate, 1), "workers": arguments.workers, "processor_ms": families}
    print(json.dumps({"bench": "synth", **results}))
    if not arguments.json:
        print("| what | measured |\n|---|---|")
        print(f"| scenes of 512² a second, {arguments.workers} processes (target 50 on two cores) | {rate:.0f} |")
        for name, ms in families.items():
            print(f"| processor time of one `{name}` scene | {ms} ms |")


if __name__ == "__main__":
    main()
