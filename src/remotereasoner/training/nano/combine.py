"""A LoRA trained on top of the embedded model, joined with the adapter that the model came with.

Both are sums of products, so that joining them is joining their factors: [A₁; A₂] and [B₁, (s₂/s₁)·B₂]. Nothing is
rounded but the last digits of fp16.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from remotereasoner.errors import CheckpointError, ExportError, UsageError
from remotereasoner.policy.engines.embedded import NanoModel, default_weights_dir, weights_digest
from remotereasoner.training.checkpoints import MANIFEST_NAME, publish, staging_path

__all__ = ["combine_factors", "combine_into"]

_PREFIX = "base_model.model."


def combine_factors(
    own: dict[str, Tensor], own_scale: float, added: dict[str, Tensor], added_scale: float
) -> dict[str, Tensor]:
    """``own`` as ``LanguageTower.load_adapter`` reads it, ``added`` as PEFT writes it; the result has ``own_scale``.

    Raises CheckpointError for a tensor that is not a LoRA factor of a layer.
    """
    joined = {name: tensor.float() for name, tensor in own.items()}
    for name, a in added.items():
        path, _, which = name.removeprefix(_PREFIX).rpartition(".lora_")
        if not path or which not in ("A.weight", "B.weight"):
            raise CheckpointError(f"{name} is no factor of a LoRA: the embedded model takes nothing else")
        if which == "B.weight":
            continue
        b = added.get(name.replace(".lora_A.", ".lora_B."))
        if b is None:
            raise CheckpointError(f"the LoRA has one factor of {path} only")
        a_name, b_name = f"lora.{path}.A", f"lora.{path}.B"
        b = b.float() * (added_scale / own_scale)
        joined[a_name] = torch.cat([joined[a_name], a.float()]) if a_name in joined else a.float()
        joined[b_name] = torch.cat([joined[b_name], b], dim=1) if b_name in joined else b
    return {name: tensor.half().contiguous() for name, tensor in joined.items()}


def _check_trained_on(adapter: Path, folder: Path) -> None:
    """A LoRA is the difference to the weights that it was trained on, and means nothing on top of others."""
    try:
        digest = json.loads((adapter / MANIFEST_NAME).read_bytes())["model_digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{adapter} does not say which weights it was trained on: {error}") from error
    if digest != f"sha256:{weights_digest(folder)}":
        raise CheckpointError(f"{adapter} was trained on other weights of the embedded model than those in {folder}")


def combine_into(adapter: Path, out: Path, weights: Path | None = None) -> Path:
    """Write ``out``, a folder for ``--model embedded:OUT``, from ``adapter`` and the weights it was trained on.

    ``weights``: folder of the model that was trained; None: the package's. Raises UsageError where ``out`` exists,
    CheckpointError for what does not fit, ExportError where the disk refuses.
    """
    if out.exists():
        raise UsageError(f"{out} exists: merge into a new folder")
    folder = weights or default_weights_dir()
    _check_trained_on(adapter, folder)
    try:
        settings: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_bytes())
        facts: dict[str, Any] = json.loads((folder / "adapter.json").read_bytes())
        scale, rank = float(facts["scale"]), int(settings["r"])
        alpha = float(settings["lora_alpha"]) / (rank**0.5 if settings.get("use_rslora") else rank)
        tensors = combine_factors(
            load_file(folder / "adapter.safetensors"), scale, load_file(adapter / "adapter_model.safetensors"), alpha
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"the LoRA in {adapter} cannot be joined with the embedded model: {error}") from error
    staging = staging_path(out)
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        for name in ("tower.safetensors", "tower.json", "tokenizer.json"):
            shutil.copyfile(folder / name, staging / name)
        save_file(tensors, staging / "adapter.safetensors")
        told = {**facts, "combined_with": {"r": rank, "lora_alpha": settings["lora_alpha"]}}
        (staging / "adapter.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ExportError(f"the model could not be written to {out}: {error.strerror or error}") from error
    NanoModel.load(staging)
    publish(out)
    return out
