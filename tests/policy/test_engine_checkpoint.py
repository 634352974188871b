from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from remotereasoner.errors import CheckpointError, ModelNotFoundError
from remotereasoner.policy.engines.checkpoint import inspect_checkpoint
from remotereasoner.policy.engines.hf import TransformersEngine


@pytest.fixture
def folder(tiny_qwen25: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_qwen25, tmp_path / "copy"))


def write_safetensors(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def tensor(shape: list[Any], start: Any, stop: Any, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "model.pt",
        "model.pth",
        "model.ckpt",
        "weights.pkl",
        "model.npy",
        "adapter_model.bin",
        "tf_model.h5",
        "flax_model.msgpack",
        "model.safetensors",
    ],
)
def test_pickles_never_run(folder: Path, tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    (folder / "model.safetensors").unlink()
    if name.endswith(".npy"):
        np.save(folder / name, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    elif name.endswith((".pt", ".bin")):
        torch.save({"w": Payload(marker)}, folder / name)
    else:
        (folder / name).write_bytes(pickle.dumps({"w": Payload(marker)}))
    with pytest.raises(CheckpointError, match="safetensors"):
        TransformersEngine.from_pretrained(str(folder))
    assert not marker.exists()
    if name.endswith((".pkl", ".ckpt")):  # the payload is live
        pickle.loads((folder / name).read_bytes())  # noqa: S301
        assert marker.exists()


def test_a_pickle_beside_safetensors_is_left_alone(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    torch.save({"w": Payload(marker)}, folder / "pytorch_model.bin")
    TransformersEngine.from_pretrained(str(folder))
    assert not marker.exists()


@pytest.mark.parametrize("value", ["adapter_model.bin", "model.safetensors"])
def test_weights_named_by_the_configuration(folder: Path, tmp_path: Path, value: str) -> None:
    """transformers 5 loads the file that ``transformers_weights`` names: one of the two values is a pickle."""
    marker = tmp_path / "marker"
    torch.save({"w": Payload(marker)}, folder / "adapter_model.bin")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "transformers_weights": value}))
    with pytest.raises(CheckpointError, match="transformers_weights"):
        TransformersEngine.from_pretrained(str(folder))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda p: p.write_bytes(b""), "header of 0 bytes"),
        (lambda p: p.write_bytes(b"\x80\x04K\x01."), "no safetensors file"),
        (lambda p: write_safetensors(p, {}, length=10**11), "header of 100000000000 bytes"),
        (lambda p: write_safetensors(p, b"not json"), "not JSON"),
        (lambda p: write_safetensors(p, b"[" * 100_000), "not JSON"),
        (lambda p: write_safetensors(p, b'"x"'), "not a table"),
        (lambda p: write_safetensors(p, {"w": tensor([25_000_000_000], 0, 10**11)}), "declares 100000000000 bytes"),
        (lambda p: write_safetensors(p, {"w": tensor([2, 3], 0, 16)}, bytes(16)), "shape"),
        (lambda p: write_safetensors(p, {"w": tensor([2**40, 2**40, 0], 0, 4)}, bytes(4)), "shape"),
        (lambda p: write_safetensors(p, {"w": tensor([-1], 0, 4)}, bytes(4)), "entry of 'w'"),
        (lambda p: write_safetensors(p, {"w": tensor([True], 0, 4)}, bytes(4)), "entry of 'w'"),
        (lambda p: write_safetensors(p, {"w": tensor([2**63], 0, 4)}, bytes(4)), "entry of 'w'"),
        (lambda p: write_safetensors(p, {"w": tensor([1], 4, 0)}, bytes(4)), "entry of 'w'"),
        (lambda p: write_safetensors(p, {"w": tensor([1], 0, 4, "F33")}, bytes(4)), "entry of 'w'"),
        (lambda p: write_safetensors(p, {"w": [1]}, bytes(4)), "entry of 'w'"),
        (lambda p: write_safetensors(p, {"w": tensor([1], 4, 8)}, bytes(8)), "gaps"),
        (lambda p: write_safetensors(p, {"v": tensor([1], 0, 4), "w": tensor([1], 0, 4)}, bytes(4)), "overlap"),
        (lambda p: write_safetensors(p, {"w": tensor([1], 0, 4)}, bytes(8)), "declares 4 bytes"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "cut off, or damaged"),
        (lambda p: p.unlink(), "no weights"),
    ],
)
def test_safetensors_that_are_refused(folder: Path, write: Callable[[Path], object], says: str) -> None:
    write(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=says):
        TransformersEngine.from_pretrained(str(folder))


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ({"weight_map": {"w": "model-1.safetensors", "v": "../copy/model-1.safetensors"}}, "beside it"),
        ({"weight_map": {"w": "/etc/passwd"}}, "beside it"),
        ({"weight_map": {"w": "pytorch_model.bin"}}, "beside it"),
        ({"weight_map": {"w": 3}}, "beside it"),
        ({"weight_map": {"w": "model-2.safetensors"}}, "not complete"),
        ({"weight_map": {}}, "no weight_map"),
        ([], "no table"),
    ],
)
def test_indexes_that_are_refused(folder: Path, index: object, says: str) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=says):
        inspect_checkpoint(folder)


def test_shards(folder: Path) -> None:
    whole = inspect_checkpoint(folder)
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    names = list(load_file(folder / "model-1.safetensors"))
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "model-1.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert inspect_checkpoint(folder).elements == whole.elements
    assert TransformersEngine.from_pretrained(str(folder)).identity.revision == inspect_checkpoint(folder).digest


def test_digest_follows_the_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = inspect_checkpoint(folder).digest
    (folder / "README.md").write_text("no weight")
    assert inspect_checkpoint(folder).digest == before and before.startswith("sha256:")
    monkeypatch.setattr("remotereasoner.policy.engines.checkpoint._WHOLE_HASH_BYTES", 0)
    headers = inspect_checkpoint(folder).digest
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    assert inspect_checkpoint(folder).digest == headers and headers.startswith("sha256-headers:")
    monkeypatch.undo()
    assert inspect_checkpoint(folder).digest != before


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config.json", "{", "JSON"),
        ("config.json", "[1]", "no table"),
        ("config.json", '{"vision_config": {"attn_implementation": "someone/kernel"}}', "code from elsewhere"),
        ("adapter_config.json", '{"base_model_name_or_path": "someone/model"}', "adapter"),
    ],
)
def test_configurations_that_are_refused(folder: Path, name: str, content: str, says: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=says):
        inspect_checkpoint(folder)


def test_folders_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"config\.json"):
        inspect_checkpoint(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="merge"):
        inspect_checkpoint(tmp_path)
