"""How long ``import remotereasoner`` takes in a fresh process, beside ``import rasterio``; the budget is 0.5 s.

The time is the difference of the interpreter's clock before and after the import, the best of several processes, so
that neither Python's own start nor a busy machine counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

BUDGET_S = 0.5
STATEMENTS = {
    "import remotereasoner": "import remotereasoner",
    "from remotereasoner import Reasoner, open_scene": "from remotereasoner import Reasoner, open_scene",
    "import rasterio": "import rasterio",
}
PROGRAM = "import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"


def best_s(statement: str, runs: int) -> float:
    """Seconds of the fastest of ``runs`` processes."""
    command = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(runs))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    seconds = {name: round(best_s(statement, runs), 4) for name, statement in STATEMENTS.items()}
    kept = seconds["import remotereasoner"] < BUDGET_S
    print(json.dumps({"bench": "import_time", "seconds": seconds, "budget_s": BUDGET_S, "kept": kept}))
    times = ", ".join(f"`{name}` {value:.3f} s" for name, value in seconds.items())
    print(f"| import time | {times} | < {BUDGET_S} s | {'kept' if kept else 'BROKEN'} |")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
