"""The processor of a checkpoint: the stock one; where there is no torchvision, without its video part.

transformers 5 has no video processor without torchvision, and a stock processor of the Qwen-VL, SmolVLM and InternVL
families refuses to load without one, although an image needs none.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoProcessor, PretrainedConfig
from transformers.image_utils import SizeDict
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from remotereasoner.errors import CheckpointError, UsageError

__all__ = ["image_only", "load_config", "load_processor"]

_VIDEO = "video_processor"
_OFFLINE = {"local_files_only": True, "trust_remote_code": False}


def image_only(stock: type[Any]) -> type[Any]:
    """A subclass of a processor class that neither loads nor has a video processor. Everything else is the stock's.

    transformers loads the parts that ``get_attributes`` names and hands them to the constructor by position, so the
    video processor must be the last of them; it is None then.
    """

    def get_attributes(_: type[Any]) -> list[str]:
        return [name for name in stock.get_attributes() if name != _VIDEO]

    return type(stock.__name__, (stock,), {"get_attributes": classmethod(get_attributes), "__module__": __name__})


def load_config(folder: Path) -> PretrainedConfig:
    """The configuration. Raises CheckpointError for one that transformers does not know, or that needs its own code."""
    try:
        config = AutoConfig.from_pretrained(folder, **_OFFLINE)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError) as error:
        raise CheckpointError(f"the configuration of {folder} cannot be used: {error}") from error
    if not isinstance(config, PretrainedConfig):
        raise CheckpointError(f"the configuration of {folder} is not one of a model")
    return config


def load_processor(
    folder: Path, config: PretrainedConfig, *, min_pixels: int | None = None, max_pixels: int | None = None
) -> Any:
    """The processor, padding on the left, with the pixel limits given in place of the checkpoint's.

    Raises UsageError where the checkpoint knows no pixel limits, CheckpointError where it has no processor, no chat
    template, or one that needs code of its own.
    """
    stock: Any = PROCESSOR_MAPPING.get(type(config), AutoProcessor)
    if stock is not AutoProcessor and find_spec("torchvision") is None and stock.get_attributes()[-1:] == [_VIDEO]:
        stock = image_only(stock)
    try:
        processor = stock.from_pretrained(folder, **_OFFLINE)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise CheckpointError(f"the processor of {folder} cannot be loaded: {error}") from error
    tokenizer = getattr(processor, "tokenizer", None)
    image_processor = getattr(processor, "image_processor", None)
    if tokenizer is None or image_processor is None:
        raise CheckpointError(f"{folder} has no processor for images and text together")
    if processor.chat_template is None:
        processor.chat_template = tokenizer.chat_template
    if processor.chat_template is None:
        raise CheckpointError(f"{folder} has no chat template: it is no chat model, or chat_template.jinja is missing")
    tokenizer.padding_side = "left"  # generation appends on the right
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if min_pixels is not None or max_pixels is not None:
        _set_limits(image_processor, min_pixels, max_pixels)
    return processor


def _set_limits(image_processor: Any, min_pixels: int | None, max_pixels: int | None) -> None:
    size = dict(image_processor.size)
    if size.get("shortest_edge") is None or size.get("longest_edge") is None:
        raise UsageError("min_pixels and max_pixels mean nothing to this model: its image size is fixed")
    low = size["shortest_edge"] if min_pixels is None else min_pixels
    high = size["longest_edge"] if max_pixels is None else max_pixels
    if not 1 <= low <= high:
        raise UsageError(f"the pixel limits must be 1 <= min_pixels <= max_pixels, not {low} to {high}")
    image_processor.size = SizeDict(shortest_edge=low, longest_edge=high)
