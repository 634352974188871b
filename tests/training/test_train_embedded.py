"""The embedded model itself, trained for one step by the commands' own code, joined, and asked again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

pytest.importorskip("trl", reason="training needs the extra train")

from remotereasoner.errors import CheckpointError, UsageError
from remotereasoner.policy.load import load_engine
from remotereasoner.policy.prompts import build_prompt
from remotereasoner.training.config import load_config
from remotereasoner.training.merge import merge
from remotereasoner.training.nano.combine import combine_into
from remotereasoner.training.train import train

CONFIG = Path(__file__).parents[2] / "configs" / "embedded-grpo.yaml"
SUPERVISED = CONFIG.with_name("embedded-sft.yaml")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    records = []
    for n in range(2):
        pixels = rng.integers(60, 90, (128, 160, 3), dtype=np.uint8)
        pixels[30:60, 40:100] = (230, 230, 235)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        boxes = [[40, 30, 100, 60]] if n else []
        records.append({"id": str(n), "image": f"{n}.png", "query": "Where could people live?", "boxes": boxes})
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def overrides(data: Path, out: Path, *more: str) -> list[str]:
    return [
        f"data.train={data}", f"data.val={data}", f"data.root={data.parent}", f"output_dir={out}", "data.limit=2",
        "generation.num_generations=2", "generation.max_completion_length=8", "evaluation.limit=1",
        "trainer.per_device_train_batch_size=4", "trainer.max_steps=1", "trainer.save_steps=1", "trainer.eval_steps=1",
        "trainer.report_to=[]", "trainer.warmup_steps=0", *more,
    ]  # fmt: skip


@pytest.mark.weights
def test_one_step_by_reward_then_joined_and_asked(data: Path, tmp_path: Path) -> None:
    result = train("grpo", load_config(CONFIG, overrides(data, tmp_path / "run")), quiet=True)
    assert result.steps == 1
    assert {"status/truncated", "reward"} <= set().union(*result.history)
    weights = merge(result.final, tmp_path / "joined")
    engine = load_engine(f"embedded:{weights}")
    assert engine.identity.revision != load_engine("embedded").identity.revision
    pixels = np.asarray(Image.open(data.parent / "1.png"))
    (completion,) = engine.generate([build_prompt("locate", "Where could people live?", pixels, engine.codec)])
    assert "</think>" in completion.text
    with pytest.raises(CheckpointError, match="was trained on other weights"):
        combine_into(result.final, tmp_path / "twice", weights)


@pytest.mark.weights
def test_one_step_of_the_supervised_start(data: Path, tmp_path: Path) -> None:
    options = overrides(data, tmp_path / "run", "trainer.gradient_accumulation_steps=1")
    config = load_config(SUPERVISED, [one for one in options if not one.startswith("generation.")])
    result = train("sft", config, quiet=True)
    (loss,) = [row["loss"] for row in result.history if "loss" in row]
    assert 0 < loss < 10
    (tokens,) = [row["num_tokens"] for row in result.history if "num_tokens" in row]
    assert 50 < tokens < 2000  # not pairs of them, which the mask of a packed batch has
    assert (merge(result.final, tmp_path / "joined") / "adapter.safetensors").is_file()


@pytest.mark.weights
def test_supervision_in_batches_by_image_is_resumed_exactly(data: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    asked = [{**row, "id": f"{row['id']}{k}", "query": f"Mark {k} ships"} for row in lines for k in range(3)]
    data.write_text("".join(json.dumps(row) + "\n" for row in asked))

    def run(out: Path, steps: int, *, resume: bool = False) -> Path:
        options = [
            *(o for o in overrides(data, out) if not o.startswith(("generation.", "data.limit", "data.val"))),
            "data.val=null", "data.limit=null", "trainer.gradient_accumulation_steps=1",
            "trainer.per_device_train_batch_size=2", f"trainer.max_steps={steps}",
        ]  # fmt: skip
        return train("sft", load_config(SUPERVISED, options), resume=resume, quiet=True).final

    whole = run(tmp_path / "whole", 5)  # more than an epoch of six rows
    run(tmp_path / "parts", 2)
    parts = run(tmp_path / "parts", 5, resume=True)
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (whole, parts))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("option", ["model.revision=main", "model.max_pixels=1000", "model.codec=pixels"])
def test_options_of_checkpoints_are_refused(data: Path, tmp_path: Path, option: str) -> None:
    with pytest.raises(UsageError, match="does not apply to the embedded model"):
        train("grpo", load_config(CONFIG, overrides(data, tmp_path / "run", option)), quiet=True)
