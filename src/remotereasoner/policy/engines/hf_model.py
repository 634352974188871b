"""A checkpoint's weights into a transformers model, or a CheckpointError: nothing in between."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from remotereasoner.errors import CheckpointError, EngineError, MissingExtraError, UsageError
from remotereasoner.policy.engines.checkpoint import CheckpointFolder, inspect_checkpoint
from remotereasoner.policy.engines.hf_processor import load_config

__all__ = ["LoadedModel", "load_model"]

_REFUSALS = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError)
_OFFLINE = {"local_files_only": True, "trust_remote_code": False}
_MAX_KEYS_SHOWN = 4


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, on its device."""

    model: Any
    digest: str


def load_model(
    folder: Path, *, dtype: str, device: str | None, quantization: str | None, attention: str | None
) -> LoadedModel:
    """Load the folder. Raises CheckpointError unless every weight of the model is in it, in its right shape.

    ``device`` None leaves the weights where transformers puts them: a trainer moves or shards them.
    """
    checkpoint = inspect_checkpoint(folder)
    placement: dict[str, Any] = {}
    if device is not None:
        placement["device_map"] = "auto" if device == "split" else {"": _device(device)}
    if quantization is not None:
        placement["quantization_config"] = _quantization(quantization)
    if attention is not None:
        placement["attn_implementation"] = attention
    config = load_config(folder)
    if config.model_type not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        raise CheckpointError(f"{folder} holds a model of type {config.model_type!r}, which takes no images with text")
    try:
        _check_size(config, checkpoint)
        loader: Any = AutoModelForImageTextToText
        model, info = loader.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            output_loading_info=True,
            **_OFFLINE,
            **placement,
        )
    except ImportError as error:
        raise EngineError(f"{folder} needs a package that is not installed: {error}") from error
    except (*_REFUSALS, StrictDataclassError) as error:
        raise CheckpointError(f"{folder} cannot be loaded: {error}") from error
    _check_complete(folder, info)
    model.eval()
    return LoadedModel(model, checkpoint.digest)


def _check_size(config: PretrainedConfig, checkpoint: CheckpointFolder) -> None:
    """Refuse a configuration that asks for a larger model than there are weights, before memory is taken for it."""
    if getattr(config, "quantization_config", None) is not None:
        return  # packed weights: several numbers in one element
    maker: Any = AutoModelForImageTextToText
    with torch.device("meta"):
        empty = maker.from_config(config, trust_remote_code=False)
    empty.tie_weights()
    needed = sum(parameter.numel() for parameter in empty.parameters())
    if needed > checkpoint.elements:
        raise CheckpointError(
            f"{checkpoint.path}: its config.json describes a model of {needed:,} weights, and its files hold "
            f"{checkpoint.elements:,}"
        )


def _check_complete(folder: Path, info: dict[str, Any]) -> None:
    """Refuse what transformers only warns of: weights that were not in the files, and so are random numbers."""
    for kind, told in (("missing_keys", "lacks"), ("mismatched_keys", "has in another shape")):
        keys = sorted(str(key) for key in info[kind])
        if keys:
            shown = ", ".join(keys[:_MAX_KEYS_SHOWN]) + (", …" if len(keys) > _MAX_KEYS_SHOWN else "")
            raise CheckpointError(f"{folder} {told} {len(keys)} of the model's weights: {shown}")


def _device(name: str) -> str:
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda:0"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"device is {name!r}; allowed: auto, split, cpu, cuda, cuda:0, mps, …") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device is {name!r}, and torch sees {torch.cuda.device_count()} such devices")
    return name


def _quantization(kind: str) -> Any:
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError("quantize", f"Loading a model in {kind}")
    maker: Any = BitsAndBytesConfig
    if kind == "8bit":
        return maker(load_in_8bit=True)
    return maker(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
