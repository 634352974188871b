"""Every recipe that we ship, run for a few steps on the CPU with a tiny model in place of the large one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from train_parts import write_samples_file

from remotereasoner.cli.main import main

CONFIGS = Path(__file__).parents[2] / "configs"
# What a CPU lacks, and lengths that end in seconds; everything else is the recipe's.
CPU = {
    "trainer.use_cpu": "true",
    "trainer.bf16": "false",
    "model.dtype": "float32",
    "model.attention": "null",
    "trainer.max_steps": 2,
    "trainer.save_steps": 1,
    "trainer.eval_steps": 1,
    "evaluation.limit": 2,
    "evaluation.max_new_tokens": 6,
}
RUNS: dict[str, dict[str, Any]] = {
    "remotereasoner-7b": {"generation.max_completion_length": 12},
    "think2seg-3b": {"generation.max_completion_length": 12, "rewards.segmenter": "box"},
    "one-gpu-3b": {"generation.max_completion_length": 12},
    "one-gpu-3b-sft": {},
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    records = []
    for i in range(16):
        pixels = np.random.default_rng(i).integers(0, 255, (64, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        ring = [[4, 4], [30, 4], [30, 30], [4, 30]]
        found = {"boxes": [[4, 4, 30, 30]], "polygons": [[ring]]} if i else {"boxes": []}
        records.append({"id": str(i), "image": f"{i}.png", "query": "where?", "category": "ship", **found})
    return write_samples_file(folder, records)


def test_every_recipe_is_run() -> None:
    ours = {path.stem for path in CONFIGS.glob("*.yaml") if not path.stem.startswith("embedded")}
    assert ours == RUNS.keys()


@pytest.mark.parametrize("name", list(RUNS))
def test_a_recipe_runs(
    name: str, tiny_policy: Path, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method = "sft" if name.endswith("sft") else "grpo"
    here = {"model.name": tiny_policy, "data.train": samples, "data.val": samples, "output_dir": tmp_path / "run"}
    options = [f"--set={key}={value}" for key, value in {**CPU, **RUNS[name], **here}.items()]
    code = main(["train", method, str(CONFIGS / f"{name}.yaml"), "--json", *options])
    document = json.loads(capsys.readouterr().out)
    assert code == 0 and document["steps"] == 2 and document["best_metric"] is not None
    final = Path(document["final"])
    assert (final / "run.json").is_file()
    weights = "model.safetensors" if name == "think2seg-3b" else "adapter_model.safetensors"
    assert (final / weights).is_file() and (tmp_path / "run" / "checkpoint-2" / "optimizer.pt").is_file()
    steps = [json.loads(line) for line in _history(tmp_path / "run" / "checkpoint-2")]
    assert [entry["step"] for entry in steps if "loss" in entry] == [1, 2]


def _history(checkpoint: Path) -> list[str]:
    state = json.loads((checkpoint / "trainer_state.json").read_bytes())
    return [json.dumps(entry) for entry in state["log_history"]]


def test_check_and_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = str(CONFIGS / "one-gpu-3b.yaml")
    cpu = ["--set", "trainer.use_cpu=true", "--set", "trainer.bf16=false"]
    assert main(["train", "grpo", recipe, "--check", *cpu]) == 0
    assert "valid configuration" in capsys.readouterr().out
    assert main(["train", "grpo", recipe, "--check", "--set", "trainer.lerning_rate=1", *cpu]) == 2
    assert "did you mean learning_rate" in capsys.readouterr().err
    assert main(["train", "grpo", str(tmp_path / "none.yaml")]) == 2
    nothing = ["--set", f"data.train={tmp_path / 'none.jsonl'}", "--set", f"output_dir={tmp_path / 'out'}"]
    assert main(["train", "grpo", recipe, *cpu, *nothing]) == 3
    assert main(["train", "merge", str(tmp_path / "none"), str(tmp_path / "out")]) == 1
    assert "no folder" in capsys.readouterr().err
