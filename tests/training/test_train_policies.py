"""Rows, targets and merged weights: training sees and writes what inference sees and reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from train_parts import make_config
from trl.data_utils import prepare_multimodal_messages

from policy.tiny_checkpoints import make_tiny_qwen3_vl
from remotereasoner.data.samples import Sample
from remotereasoner.errors import CheckpointError, UsageError
from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec_choice import CODEC_NAMES, codec_by_name
from remotereasoner.policy.engines.hf import TransformersEngine
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import build_prompt
from remotereasoner.training.data_sets import sample_pixels
from remotereasoner.training.judge import boxes_iou
from remotereasoner.training.merge import merge
from remotereasoner.training.policies import load_trainable
from remotereasoner.training.renamed import without_renaming_warnings
from remotereasoner.training.targets import target_text
from remotereasoner.training.train import train

BOXES = ((3.2, 5.0, 41.7, 60.0), (100.0, 20.0, 139.0, 69.9))


def sample(**changes: Any) -> Sample:
    return Sample(**({"id": "s", "image": "big.png", "query": "where are ships?", "boxes": BOXES} | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (333, 711, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "big.png")
    return tmp_path


@pytest.mark.parametrize("max_pixels", [None, 50_176])
def test_training_shows_what_inference_shows(
    tiny_policy: Path, tiny_data: Path, folder: Path, max_pixels: int | None
) -> None:
    """Same token ids, same pixels, same grid, with the checkpoint's pixel limits and with smaller ones."""
    config = make_config(tiny_policy, tiny_data, folder, model={"name": str(tiny_policy), "max_pixels": max_pixels})
    policy = load_trainable(config)
    row = policy.make_row(sample(), folder)
    messages = prepare_multimodal_messages(row["prompt"], images=[row["image"]])
    text = policy.processing_class.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    trained = policy.processing_class(text=[text], images=[[row["image"]]], return_tensors="pt")
    engine = TransformersEngine.from_pretrained(str(tiny_policy), device="cpu", max_pixels=max_pixels)
    prompt = build_prompt("locate", "where are ships?", sample_pixels(folder, sample()), engine.codec)
    asked = engine._inputs([prompt])
    assert torch.equal(trained["input_ids"], asked["input_ids"])
    assert torch.equal(trained["image_grid_thw"], asked["image_grid_thw"])
    assert torch.equal(trained["pixel_values"], asked["pixel_values"])
    assert row["grid_hw"] == engine.codec.grid_hw((333, 711)) == (row["image"].height, row["image"].width)
    assert row["image_hw"] == (333, 711) and row["boxes"] == [list(box) for box in BOXES]


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_qwen3_vl_trains(method: Any, tiny_data: Path, tmp_path: Path) -> None:
    """Another family: other patches, coordinates from 0 to 1000, and features at several depths."""
    model = make_tiny_qwen3_vl(tmp_path / "qwen3-vl")
    changes = {"generation": {"num_generations": 2, "max_completion_length": 4}} if method == "grpo" else {}
    result = train(
        method, make_config(model, tiny_data, tmp_path / "run", trainer={"max_steps": 1}, **changes), quiet=True
    )
    names = load_file(result.final / "adapter_model.safetensors").keys()
    assert len(names) == 2 * 2 * 7 and not any("visual" in name for name in names)


@pytest.mark.parametrize("name", [name for name in CODEC_NAMES if name != "embedded"])
def test_a_target_reads_back_as_the_sample(name: str) -> None:
    codec = codec_by_name(name)
    for image_hw in ((70, 140), (1500, 3000)):
        text = target_text(sample(attributes={"reasoning": "Ships lie at the quay."}), codec, image_hw)
        completion = Completion(text, "stop", grid_hw=codec.grid_hw(image_hw))
        answer = parse_completion(completion, task="locate", codec=codec, image_hw=image_hw)
        assert answer.status == "answered" and answer.reasoning == "Ships lie at the quay." and not answer.repaired
        unit = max(image_hw) / 100 if name == "0-100" else max(2.0, max(image_hw) / 900)
        np.testing.assert_allclose(answer.boxes_xyxy, BOXES, atol=unit)


def test_other_targets() -> None:
    codec = codec_by_name("qwen2.5-vl")
    assert target_text(sample(boxes=()), codec, (70, 140)) == "<think></think>\n<answer>[]</answer>"
    words = sample(task="vqa", boxes=(), answers=("three", "3"))
    assert target_text(words, codec, (70, 140)).endswith("<answer>three</answer>")
    caption = sample(task="caption", boxes=(), answers=("A quay.",))
    assert target_text(caption, codec_by_name("remotereasoner"), (70, 140)) == "A quay."
    with pytest.raises(UsageError, match="close a tag"):
        target_text(sample(attributes={"reasoning": "</think>"}), codec, (70, 140))
    with pytest.raises(UsageError, match="must be text"):
        target_text(sample(attributes={"reasoning": 3}), codec, (70, 140))


def test_a_tiny_box_keeps_a_side_also_at_the_border() -> None:
    codec = codec_by_name("qwen3-vl")
    for box in ((10.0, 10.0, 10.2, 10.2), (2999.9, 1499.9, 3000.0, 1500.0)):
        text = target_text(sample(boxes=(box,)), codec, (1500, 3000))
        x1, y1, x2, y2 = json.loads(text.split("<answer>")[1].removesuffix("</answer>"))[0]["bbox_2d"]
        assert 0 <= x1 < x2 <= 1000 and 0 <= y1 < y2 <= 1000


def test_iou_of_box_sets() -> None:
    assert boxes_iou([], []) == 1.0 and boxes_iou([(0, 0, 1, 1)], []) == 0.0
    assert boxes_iou([(0, 0, 2, 2), (1, 1, 3, 3)], [(0, 0, 3, 3)]) == pytest.approx(7 / 9)
    assert boxes_iou([(0, 0, 2, 2), (0, 0, 2, 2)], [(0, 0, 2, 2)]) == 1.0


def test_a_merged_lora_answers_as_the_trained_model(tiny_policy: Path, tiny_data: Path, tmp_path: Path) -> None:
    """Loaded by our engine; logits equal those of the adapter, pixel limits are the run's."""
    from peft import PeftModel

    limits = {"name": str(tiny_policy), "min_pixels": 6_272, "max_pixels": 50_176}
    result = train("sft", make_config(tiny_policy, tiny_data, tmp_path / "run", model=limits), quiet=True)
    merged = merge(result.final, tmp_path / "merged")
    engine = TransformersEngine.from_pretrained(str(merged), device="cpu")
    assert (engine.codec.min_pixels, engine.codec.max_pixels) == (6_272, 50_176)  # type: ignore[attr-defined]
    base = TransformersEngine.from_pretrained(str(tiny_policy), device="cpu", min_pixels=6_272, max_pixels=50_176)
    image = np.random.default_rng(3).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    inputs = engine._inputs([build_prompt("locate", "where?", image, engine.codec)])
    with torch.inference_mode():
        before = base._parts.model(**inputs).logits
        after = engine._parts.model(**inputs).logits
        with without_renaming_warnings():
            wrapped = PeftModel.from_pretrained(base._parts.model, str(result.final)).eval()
        trained = wrapped(**inputs).logits
    assert float((after - trained).abs().max()) < 1e-5 < float((after - before).abs().max())
    assert (merged / "run.json").is_file()
    with pytest.raises(UsageError, match="exists"):
        merge(result.final, merged)
    with pytest.raises(CheckpointError, match="nothing to merge"):
        merge(merged, tmp_path / "other")
    names = load_file(merged / "model.safetensors").keys()
    assert names == load_file(tiny_policy / "model.safetensors").keys()


def test_what_cannot_be_merged(tiny_policy: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no folder"):
        merge(tmp_path / "none", tmp_path / "out")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    with pytest.raises(CheckpointError, match="no LoRA"):
        merge(adapter, tmp_path / "out")
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "x"}')
    with pytest.raises(CheckpointError, match=r"no adapter_model\.safetensors"):
        merge(adapter, tmp_path / "out")
    (adapter / "adapter_model.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(CheckpointError, match="does not fit"):
        merge(adapter, tmp_path / "out", base=str(tiny_policy))
    assert not (tmp_path / "out").exists()
