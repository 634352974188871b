"""Two processes on the CPU (gloo), started by accelerate with the file that we ship: the same result as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("two_processes.py")
CONFIG = ROOT / "configs" / "accelerate" / "cpu-2.yaml"


def run(
    launcher: list[str], model: Path, samples: Path, out: Path, method: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACCELERATE_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", SCRIPT.parent))),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, *launcher, str(SCRIPT), str(model), str(samples), str(out), method]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    state = json.loads((out / "checkpoint-3" / "trainer_state.json").read_bytes())
    return state, load_file(out / "final" / "adapter_model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_two_processes_are_one(method: str, tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    alone, weights = run([], tiny_policy, tiny_data, tmp_path / "one", method)
    launcher = ["-m", "accelerate.commands.launch", "--config_file", str(CONFIG), "--main_process_port", "0"]
    together, shared = run(launcher, tiny_policy, tiny_data, tmp_path / "two", method)
    assert json.loads((tmp_path / "two" / "final" / "run.json").read_bytes())["processes"] == 2
    moved = max(float(tensor.abs().max()) for name, tensor in weights.items() if "lora_B" in name)
    difference = max(float((weights[name] - shared[name]).abs().max()) for name in weights)
    assert moved > 1e-3 and difference < 0.01 * moved
    for first, second in zip(alone["log_history"], together["log_history"], strict=True):
        for name in ("loss", "grad_norm", "reward", "eval_loss", "eval_reward", "status/truncated"):
            if name in first:
                assert first[name] == pytest.approx(second[name], rel=1e-3, abs=1e-5), (name, first, second)
