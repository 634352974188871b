"""Start from a pretrained backbone; write what the package ships: fp16 safetensors and their description."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from remotereasoner.transform.segmenter_net import SegmenterNet, fuse_batch_norm

__all__ = ["load_backbone", "load_weights", "read_description", "save_weights", "weights_hash"]


def load_backbone(net: SegmenterNet, path: Path) -> None:
    """Copy stem and blocks 0 to 10 from an EfficientNet-Lite0 state dict; the three extra input channels start at 0."""
    given = torch.load(path, map_location="cpu", weights_only=True)
    state = net.state_dict()
    with torch.no_grad():
        state["stem.conv.weight"].zero_()
        state["stem.conv.weight"][:, :3] = given["_conv_stem.weight"]
        _copy_norm(state, "stem.norm", given, "_bn0")
        for index, block in enumerate(net.blocks):
            first = hasattr(block.expand, "conv")
            names = [("expand", "_expand_conv", "_bn0")] if first else []
            names += [("depthwise", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
            for mine, conv, norm in names:
                prefix = f"_blocks.{index}."
                state[f"blocks.{index}.{mine}.conv.weight"].copy_(given[f"{prefix}{conv}.weight"])
                _copy_norm(state, f"blocks.{index}.{mine}.norm", given, prefix + norm)


def _copy_norm(state: dict[str, Any], mine: str, given: dict[str, Any], theirs: str) -> None:
    for part in ("weight", "bias", "running_mean", "running_var"):
        state[f"{mine}.{part}"].copy_(given[f"{theirs}.{part}"])


def save_weights(net: SegmenterNet, folder: Path, *, size: int, training: dict[str, Any]) -> Path:
    """Write ``segmenter.safetensors`` (fp16, batch norms folded in) and ``segmenter.json``; returns the former."""
    fused = fuse_batch_norm(copy.deepcopy(net).eval())
    tensors = {name: value.detach().to(torch.float16).contiguous() for name, value in fused.state_dict().items()}
    path = folder / "segmenter.safetensors"
    save_file(tensors, path)
    description = {
        "version": "1",
        "view_size": size,
        "parameters": sum(value.numel() for value in tensors.values()),
        "sha256": weights_hash(path),
        "training": training,
    }
    path.with_suffix(".json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return path


def weights_hash(path: Path) -> str:
    """Sha256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_weights(path: Path) -> SegmenterNet:
    """A network with the weights of :func:`save_weights`: without batch norms, they are part of the kernels."""
    net = fuse_batch_norm(SegmenterNet().eval())
    net.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return net


def read_description(path: Path) -> dict[str, Any]:
    """What is written beside the weights."""
    found: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return found
