"""Seeded mutations of ten kinds of raster: no crash, no hang, and only our exceptions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "mutate_rasters.py"


def mutate(folder: Path, first: int, count: int) -> dict:
    # A hang is killed; the file FIRST.seed in the folder then says where.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), str(folder), str(first), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, f"died with {done.returncode} at seed {(folder / f'{first}.seed').read_text()}"
    return json.loads(done.stdout)


def check(outcome: dict, count: int) -> None:
    assert outcome["surprises"] == []
    assert sum(outcome["outcomes"].values()) == count
    # Some are read and some refused, or the mutations are not what they should be.
    assert outcome["outcomes"]["read"] > count / 20
    assert outcome["outcomes"]["broken"] > count / 20
    assert outcome["mib"] < 600


def test_ten_thousand(tmp_path) -> None:
    check(mutate(tmp_path, 0, 10_000), 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1, 20))
def test_two_hundred_thousand(tmp_path, part: int) -> None:
    check(mutate(tmp_path, part * 10_000, 10_000), 10_000)
