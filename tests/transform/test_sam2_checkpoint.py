from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from remotereasoner.errors import CheckpointError, ModelNotFoundError, UsageError
from remotereasoner.transform.sam2_checkpoint import load_checkpoint


def load(folder, **changed):
    return load_checkpoint(str(folder), **{"revision": None, "device": "cpu", "dtype": "float32", **changed})


@pytest.fixture
def copied(tiny_sam2, tmp_path):
    return shutil.copytree(tiny_sam2, tmp_path / "copied")


def test_what_a_folder_gives(tiny_sam2) -> None:
    loaded = load(tiny_sam2)
    digest = hashlib.sha256((tiny_sam2 / "model.safetensors").read_bytes()).hexdigest()[:12]
    assert loaded.name == f"sam2:tiny-sam2@{digest}"
    assert loaded.side_px == 128
    assert loaded.mean == (0.485, 0.456, 0.406)
    assert not loaded.model.training


def test_the_checkpoints_own_normalisation(copied) -> None:
    stated = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (copied / "preprocessor_config.json").write_text(json.dumps(stated))
    loaded = load(copied)
    assert loaded.mean == (0.1, 0.2, 0.3)
    assert loaded.std == (0.4, 0.5, 0.6)


def test_the_video_models_checkpoint_is_taken(copied) -> None:
    """The published weights are of this type, with more tensors than the image model has."""
    import torch
    from safetensors.torch import load_file, save_file

    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "model_type": "sam2_video", "num_maskmem": 7}))
    tensors = load_file(copied / "model.safetensors")
    save_file({**tensors, "memory_encoder.x": torch.zeros(2)}, copied / "model.safetensors", {"format": "pt"})
    assert load(copied).side_px == 128


def test_nothing_there(tmp_path) -> None:
    with pytest.raises(ModelNotFoundError, match="neither a folder"):
        load(tmp_path / "nowhere")


def test_pickled_weights_are_refused(copied) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"no \.safetensors file"):
        load(copied)


def test_another_model_is_refused(copied) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    with pytest.raises(CheckpointError, match="type 'bert', not of SAM 2"):
        load(copied)


def test_broken_weights_are_refused(copied) -> None:
    (copied / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(CheckpointError, match="do not fit"):
        load(copied)


def test_lacking_weights_are_refused_and_not_made_up(copied) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    gone = next(name for name in tensors if name.startswith("mask_decoder"))
    save_file({k: v for k, v in tensors.items() if k != gone}, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=f"lack 1 tensors, among them {gone}"):
        load(copied)


def test_weights_of_another_size_are_refused(copied) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copied / "model.safetensors")
    wrong = next(name for name in tensors if name.startswith("mask_decoder") and tensors[name].ndim == 2)
    tensors[wrong] = tensors[wrong][:-1].contiguous()
    save_file(tensors, copied / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="do not fit"):
        load(copied)


def test_numbers_that_there_are_not(tiny_sam2) -> None:
    with pytest.raises(UsageError, match="float32, bfloat16, float16"):
        load(tiny_sam2, dtype="int8")
