"""What cannot be trained on is said before the first step or stopped at once, with what and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from train_parts import make_config, rewarded_by_variety, write_samples_file

from remotereasoner.errors import CheckpointError, SampleError, TrainingError, UsageError
from remotereasoner.training.data_sets import load_samples
from remotereasoner.training.guard import RewardGuard, require_finite
from remotereasoner.training.train import train

GOOD = {"id": "a", "image": "a.png", "query": "where?", "boxes": [[0, 0, 10, 10]]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((60, 80, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    return tmp_path


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([], "holds no sample"),
        ([GOOD, {**GOOD, "id": "b", "image": "none.png"}], "line 2, sample b: image none.png"),
        ([{**GOOD, "image": "text.png"}], "line 1, sample a: image text.png"),
        ([{**GOOD, "boxes": [[0, 0, 10, 10], [70, 0, 90, 10]]}], r"box 2 \[70, 0, 90, 10\] does not lie in the image"),
        ([GOOD, {**GOOD, "id": "b", "boxes": [[10, 0, 90, 4]]}], "line 2, sample b: box 1"),
        ([GOOD, {"id": "b"}], "line 2"),
        ([{**GOOD, "id": str(i), "boxes": [[500, 0, 510, 4]]} for i in range(30)], "and 20 more"),
    ],
)
def test_bad_samples_are_named(folder: Path, records: list[dict[str, Any]], told: str) -> None:
    (folder / "text.png").write_text("no picture")
    path = write_samples_file(folder, records)
    with pytest.raises(SampleError, match=told):
        load_samples(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"none\.jsonl"):
        load_samples(tmp_path / "none.jsonl")


def test_a_limit_is_drawn_by_the_seed(folder: Path) -> None:
    path = write_samples_file(folder, [{**GOOD, "id": str(i)} for i in range(20)])
    first, again, other = (load_samples(path, limit=5, seed=seed) for seed in (1, 1, 2))
    assert [s.id for s in first.samples] == [s.id for s in again.samples] != [s.id for s in other.samples]
    assert len(first.samples) == 5 and first.samples == tuple(sorted(first.samples, key=lambda s: int(s.id)))
    assert first.sha256 == other.sha256 and first.size_hw(first.samples[0]) == (60, 80)


def test_an_image_that_breaks_off_is_named_when_it_is_opened(folder: Path, tiny_policy: Path) -> None:
    """Its header is whole, so that only reading the pixels tells."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:4000])
    path = write_samples_file(folder, [GOOD, {**GOOD, "id": "b", "image": "cut.png"}])
    with pytest.raises(SampleError, match=r"sample b: image cut\.png"):
        train("sft", make_config(tiny_policy, path, folder / "out", trainer={"max_steps": 2}), quiet=True)


def test_a_reward_that_never_judges_stops_the_run(folder: Path, tiny_policy: Path, tmp_path: Path) -> None:
    """The preset's rewards of places cannot judge answers in words."""
    records = [
        {"id": f"q{i}", "image": "a.png", "query": "how many?", "boxes": [], "task": "vqa", "answer": "3"}
        for i in range(4)
    ]
    path = write_samples_file(folder, records)
    config = make_config(
        tiny_policy, path, tmp_path / "out", rewards={"preset": "vlm-r1", "weights": {"accuracy": 1.0}},
        generation={"num_generations": 2, "max_completion_length": 3}, trainer={"max_steps": 8},
    )  # fmt: skip
    with pytest.raises(TrainingError, match=r"accuracy.*returned None"):
        train("grpo", config, quiet=True)


def test_three_batches_without_a_judgement_stop() -> None:
    guard = RewardGuard(["format", "mask"], [])
    guard.batch([0, 0], ["a"], step=0)
    guard.batch([0, 1], ["a"], step=1)
    guard.batch([0, 0], ["a"], step=2)
    guard.batch([0, 0], ["a"], step=3)
    with pytest.raises(TrainingError, match="step 5, samples b, c"):
        guard.batch([0, 0], ["b", "b", "c"], step=4)
    guard.epoch()  # no reward was asked for by name


def test_numbers_that_are_none_stop() -> None:
    require_finite("the loss", 3.0, step=0, learning_rate=1.0)
    for value in (float("nan"), float("inf")):
        with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step 8 on the samples a, b, learning"):
            require_finite("the loss", value, step=7, learning_rate=0.5, ids=["a", "a", "b"])


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_a_diverging_run_is_stopped(
    method: Any, tiny_policy: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The learning rate sends the weights to infinity."""
    monkeypatch.setattr("remotereasoner.training.train.build_rewards", rewarded_by_variety)
    changes: dict[str, Any] = {}
    if method == "grpo":
        changes["generation"] = {"num_generations": 2, "max_completion_length": 4}
    config = make_config(
        tiny_policy, tiny_data, tmp_path / "out", lora=None,
        trainer={"max_steps": 30, "learning_rate": 1e30, "save_steps": 1, "save_only_model": True},
        **changes,
    )  # fmt: skip
    with pytest.raises(TrainingError, match=r"the run diverged: the .* at step \d+"):
        train(method, config, quiet=True)
    assert not list((tmp_path / "out").glob(".*.partial"))


def test_a_gradient_that_is_none_is_stopped(
    tiny_policy: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from remotereasoner.training.sft import SFTTrainer

    monkeypatch.setattr(SFTTrainer, "_get_grad_norm", lambda *_, **__: torch.tensor(float("nan")))
    config = make_config(tiny_policy, tiny_data, tmp_path / "out")
    with pytest.raises(TrainingError, match="the norm of the gradient is nan at step 1"):
        train("sft", config, quiet=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rewards": {"preset": "defualt"}}, "no reward preset"),
        ({"rewards": {"preset": "remotereasoner", "weights": {"fromat": 1.0}}}, "did you mean format"),
        ({"rewards": {"preset": "think2seg"}}, "segmenter"),
        ({"lora": None, "model": {"freeze": ["vison"]}}, "no parameter's name contains 'vison'"),
        ({"lora": None, "model": {"freeze": ["("]}}, "no regular expression"),
        ({"evaluation": {"metric": "loss"}}, "no loss to compare"),
    ],
)
def test_settings_that_do_not_fit(
    changes: dict[str, Any], told: str, tiny_policy: Path, tiny_data: Path, tmp_path: Path
) -> None:
    model = {"model": {"name": str(tiny_policy), **changes.get("model", {})}}
    generation = {"generation": {"num_generations": 2, "max_completion_length": 4}}
    with pytest.raises(UsageError, match=told):
        train(
            "grpo", make_config(tiny_policy, tiny_data, tmp_path / "out", **(changes | model | generation)), quiet=True
        )


def test_fewer_samples_than_prompts_of_a_batch(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    """TRL would end after no step and say nothing."""
    config = make_config(
        tiny_policy, tiny_data, tmp_path / "out", generation={"num_generations": 2, "max_completion_length": 4},
        trainer={"per_device_train_batch_size": 18},
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"9 different prompts at once.* has 8 samples"):
        train("grpo", config, quiet=True)


def test_a_model_without_its_weights(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text((tiny_policy / "config.json").read_text())
    (broken / "preprocessor_config.json").write_text(json.dumps({}))
    with pytest.raises(CheckpointError, match="holds no weights"):
        train("sft", make_config(broken, tiny_data, tmp_path / "out"), quiet=True)
