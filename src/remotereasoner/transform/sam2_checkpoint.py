"""Loading a SAM 2 checkpoint, or saying why not: :func:`load_checkpoint`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remotereasoner.errors import CheckpointError, MissingExtraError, ModelNotFoundError, UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["Sam2Checkpoint", "load_checkpoint"]

DTYPES = ("float32", "bfloat16", "float16")
MODEL_TYPES = ("sam2", "sam2_video")  # the published checkpoints are the video model's, which holds the image model
PARTS = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class Sam2Checkpoint:
    """A loaded SAM 2 with what it takes to feed it."""

    model: Any
    """``transformers.Sam2Model`` in evaluation mode; transformers is not imported before it is needed."""
    name: str
    side_px: int
    """The network sees a square image of this side."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: torch.device
    dtype: torch.dtype


def load_checkpoint(name: str, *, revision: str | None, device: str | None, dtype: str) -> Sam2Checkpoint:
    """See :class:`~remotereasoner.transform.sam2.Sam2Segmenter`."""
    if dtype not in DTYPES:
        raise UsageError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import Sam2Config, Sam2Model
    except ImportError as error:
        raise MissingExtraError("sam", "the segmenter 'sam2'") from error
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = Path(name)
    if folder.is_dir() and not any(folder.glob("*.safetensors")):
        raise CheckpointError(f"{folder.name} holds no .safetensors file; weights in other formats are refused")
    config = _config(name, revision)
    commit = config.get("_commit_hash")
    number = getattr(torch, dtype)
    pretrained: Any = Sam2Model  # its annotations know nothing of output_loading_info
    try:
        model, report = pretrained.from_pretrained(
            name,
            config=Sam2Config(**{part: config[part] for part in PARTS if part in config}),
            revision=commit or revision or "main",  # the very commit that the configuration came from
            dtype=number,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except OSError as error:
        raise ModelNotFoundError(f"there are no safetensors weights of {name}: {_first_line(error)}") from error
    except (RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"the weights of {name} do not fit SAM 2: {_first_line(error)}") from error
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise CheckpointError(f"the weights of {name} lack {len(missing)} tensors, among them {missing[0]}")
    mean, std = _normalisation(name, commit or revision)
    return Sam2Checkpoint(
        model=model.to(device).eval(),
        name=f"sam2:{folder.name if folder.is_dir() else name}@{commit or revision or _digest(folder)}",
        side_px=int(model.config.prompt_encoder_config.image_size),
        mean=mean,
        std=std,
        device=torch.device(device),
        dtype=number,
    )


def _config(name: str, revision: str | None) -> dict[str, Any]:
    from transformers import Sam2Config

    try:
        config: dict[str, Any] = Sam2Config.get_config_dict(name, revision=revision)[0]
    except OSError as error:
        raise ModelNotFoundError(
            f"{name} is neither a folder with a SAM 2 checkpoint nor a model that can be pulled: {_first_line(error)}"
        ) from error
    if config.get("model_type") not in MODEL_TYPES:
        raise CheckpointError(f"{name} is a checkpoint of type {config.get('model_type')!r}, not of SAM 2")
    return config


def _normalisation(name: str, revision: str | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of RGB in [0, 1], from the checkpoint; ImageNet's, as SAM 2 was trained, without."""
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        stated: dict[str, Any] = ImageProcessingMixin.get_image_processor_dict(name, revision=revision)[0]
    except OSError:  # a checkpoint may come without the file
        return IMAGENET_MEAN, IMAGENET_STD
    return tuple(stated.get("image_mean", IMAGENET_MEAN)), tuple(stated.get("image_std", IMAGENET_STD))


def _digest(folder: Path) -> str:
    """The first 12 digits of the SHA-256 of the folder's weights."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()[:12]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
