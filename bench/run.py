"""Run every benchmark and write ``docs/benchmarks.md``: ``make bench``. Names of scripts make only their tables anew.

Each script prints Markdown rows for people and one JSON line for machines. Ratios are of things measured side by side
in one run; absolute times are of the machine named on the page.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

BENCH = Path(__file__).parent
PAGE = BENCH.parent / "docs" / "benchmarks.md"
# script -> (title, header of its table where the script prints rows only, what is compared)
SCRIPTS = {
    "import_time.py": ("Import", "| what | measured | budget | |", "Best of several fresh processes."),
    "read_render.py": (
        "Reading and rendering",
        None,
        "`open_scene` of a 2048² window beside a bare rasterio read of it.",
    ),
    "mask_to_polygons.py": (
        "Masks to polygons",
        "| what | `rasterio.features.shapes` | ours | ratio |",
        "300 cropped instance masks beside one pass of `shapes` over the full frame.",
    ),
    "scoring.py": ("Scoring", None, "Masks against a dense loop and pycocotools, matching, a predictions file."),
    "granularities.py": (
        "One answer, every granularity",
        "| what | measured | target |",
        "See the script's first lines.",
    ),
    "segmenters.py": ("Segmenters", None, "Time an object, batched, inside given boxes."),
    "rewards.py": (
        "Rewards",
        None,
        "1,000 completions of 10 boxes, judged by all rewards of a preset, without the segmenter.",
    ),
    "embedded_model.py": (
        "The embedded model",
        None,
        "One question about one new image, end to end, in a fresh process.",
    ),
    "survey.py": ("Surveying", None, "A large raster beside a bare rasterio loop, and other slicers if installed."),
    "batch.py": ("Batches", None, "Ledger, overhead, workers and many items: see the script's first lines."),
    "cluster.py": (
        "On a cluster",
        "| what | measured | |",
        "One core, the Ray executor, and Ray Data as a stream of units; see [clusters](cluster.md).",
    ),
    "synth.py": ("The synthetic world", None, "Pictures, labels and questions written, processes started."),
}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _sections() -> dict[str, str]:
    """Title -> what the page says below it."""
    if not PAGE.exists():
        return {}
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip("\n") for part in parts}


def main() -> None:
    """Run them one after another; a script that fails ends the run and leaves the page as it was."""
    sections = _sections()
    machine = (
        f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    )
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    for name in sys.argv[1:] or list(SCRIPTS):
        title, header, what = SCRIPTS[name]
        print(f"{name} …", flush=True)
        done = subprocess.run(
            [sys.executable, str(BENCH / name)], capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
        rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
        if header is not None:
            rows = [header, "|" + "---|" * (header.count("|") - 1), *rows]
        print("\n".join(rows), flush=True)
        sections[title] = f"{what} `python bench/{name}`, on {machine}.\n\n" + "\n".join(rows)
    intro = (
        "# Benchmarks\n\nWritten by `make bench`; do not edit. Times on a shared machine move by tens of percent from\n"
        "run to run; the ratios are the point. How well models answer, ours and others', is in\n"
        "[published results](published-results.md).\n"
    )
    titles = [title for title, _, _ in SCRIPTS.values() if title in sections]
    PAGE.write_text(intro + "".join(f"\n## {title}\n\n{sections[title]}\n" for title in titles), encoding="utf-8")


if __name__ == "__main__":
    main()
