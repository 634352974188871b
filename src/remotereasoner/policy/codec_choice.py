"""Which codec fits: by a checkpoint's configuration, by a name that the user gives, or guessed from a model's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from remotereasoner.errors import CheckpointError, UsageError
from remotereasoner.policy.codec import CoordinateCodec, PromptStyle
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.codec_families import (
    HUB_MAX_PIXELS,
    HUB_MIN_PIXELS,
    QWEN3_MAX_PIXELS,
    QWEN3_MIN_PIXELS,
    InternVLCodec,
    NormalisedCodec,
    PercentCodec,
    PixelCodec,
    Qwen2VLCodec,
    Qwen3VLCodec,
    Qwen25VLCodec,
    UnitCodec,
)

__all__ = ["CODEC_NAMES", "codec_by_name", "codec_for_model_name", "codec_from_config"]

REMOTEREASONER_MAX_PIXELS = 802_816  # 1,024 tokens of 28 x 28: what the published checkpoint was trained with

_NAMED: dict[str, Callable[[], CoordinateCodec]] = {
    "qwen2-vl": Qwen2VLCodec,
    "qwen2.5-vl": Qwen25VLCodec,
    "qwen3-vl": Qwen3VLCodec,
    "internvl": InternVLCodec,
    "remotereasoner": lambda: Qwen25VLCodec(style="lists", max_pixels=REMOTEREASONER_MAX_PIXELS),
    "embedded": EmbeddedReferenceCodec,
    "pixels": PixelCodec,
    "0-1": UnitCodec,
    "0-100": PercentCodec,
    "0-1000": NormalisedCodec,
}
CODEC_NAMES = tuple(_NAMED)

# What a lower-case model name contains -> codec name; the first that matches.
_GUESSES = (
    (re.compile(r"remotereasoner[-_]?nano"), "embedded"),
    (re.compile(r"remotereasoner"), "remotereasoner"),
    (re.compile(r"qwen[-_.]?2[-_.]?5[-_.]?vl"), "qwen2.5-vl"),
    (re.compile(r"qwen[-_.]?2[-_.]?vl"), "qwen2-vl"),
    (re.compile(r"qwen[-_.]?3[-_.]?vl|qwen[-_.]?3[_.][5-9]"), "qwen3-vl"),
    (re.compile(r"internvl"), "internvl"),
    (re.compile(r"geochat"), "0-100"),
)

_CLASS_MIN_PIXELS, _CLASS_MAX_PIXELS = 3_136, 1_003_520  # transformers >= 5: Qwen2VLImageProcessor without any setting

_QWEN_LIMITS = {  # model_type -> patch size, limits of the published processors
    "qwen2_vl": (14, HUB_MIN_PIXELS, HUB_MAX_PIXELS),
    "qwen2_5_vl": (14, HUB_MIN_PIXELS, HUB_MAX_PIXELS),
    "qwen3_vl": (16, QWEN3_MIN_PIXELS, QWEN3_MAX_PIXELS),
    "qwen3_vl_moe": (16, QWEN3_MIN_PIXELS, QWEN3_MAX_PIXELS),
    "qwen3_5": (16, QWEN3_MIN_PIXELS, QWEN3_MAX_PIXELS),
    "qwen3_5_moe": (16, QWEN3_MIN_PIXELS, QWEN3_MAX_PIXELS),
}


def codec_by_name(name: str) -> CoordinateCodec:
    """The codec called ``name``, one of :data:`CODEC_NAMES`, with the limits of the published processors.

    Raises :class:`~remotereasoner.errors.UsageError` for another name.
    """
    key = name.strip().lower()
    if key not in _NAMED:
        raise UsageError(f"unknown coordinates {name!r}: give one of {', '.join(CODEC_NAMES)}")
    return _NAMED[key]()


def codec_for_model_name(model: str) -> CoordinateCodec | None:
    """The codec that a model's name points to (``Qwen/Qwen2.5-VL-7B-Instruct``), or None where it says nothing."""
    for pattern, name in _GUESSES:
        if pattern.search(model.lower()):
            return codec_by_name(name)
    return None


def codec_from_config(
    model_config: Mapping[str, Any],
    preprocessor_config: Mapping[str, Any] | None = None,
    *,
    style: PromptStyle = "json",
) -> CoordinateCodec:
    """The codec of a checkpoint: its ``config.json`` and ``preprocessor_config.json`` (or ``processor_config.json``).

    Without a processor's settings, those of the family's published checkpoints are assumed; with settings that leave
    the limits out, the processor class's own defaults hold, as in transformers. ``style`` ``lists`` is the wording of
    the published RemoteReasoner checkpoint.

    Raises :class:`~remotereasoner.errors.CheckpointError` for an unknown family and for settings that cannot be used.
    """
    model_type = model_config.get("model_type")
    settings = None if preprocessor_config is None else preprocessor_config.get("image_processor", preprocessor_config)
    if settings is not None and not isinstance(settings, Mapping):
        raise CheckpointError("the processor's configuration is not a table of settings")
    try:
        if model_type in _QWEN_LIMITS:
            return _qwen(str(model_type), model_config, settings, style)
        if model_type in ("internvl", "internvl_chat"):
            return _internvl(str(model_type), model_config, settings, style)
        if model_type == "remotereasoner_nano":
            return EmbeddedReferenceCodec(view_hw=_size_hw(model_config.get("view_hw")))
    except UsageError as error:
        raise CheckpointError(f"the checkpoint's image settings cannot be used: {error}") from error
    raise CheckpointError(
        f"how a model of type {model_type!r} writes coordinates is not known: "
        f"set `codec` to one of {', '.join(CODEC_NAMES)}"
    )


def _qwen(
    model_type: str, model_config: Mapping[str, Any], settings: Mapping[str, Any] | None, style: PromptStyle
) -> CoordinateCodec:
    patch, min_pixels, max_pixels = _QWEN_LIMITS[model_type]
    if settings is None:
        vision = model_config.get("vision_config")
        vision = vision if isinstance(vision, Mapping) else {}
        factor = _whole(vision, "patch_size", patch) * _whole(vision, "spatial_merge_size", 2)
    else:
        if settings.get("do_resize", True) is not True:
            raise CheckpointError("the processor does not resize (do_resize): set `codec` to pixels or 0-1000")
        factor = _whole(settings, "patch_size", 14) * _whole(settings, "merge_size", 2)
        min_pixels, max_pixels = _pixel_limits(settings)
    if model_type == "qwen2_5_vl":
        return Qwen25VLCodec(style=style, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)
    family = Qwen2VLCodec if model_type == "qwen2_vl" else Qwen3VLCodec
    return family(style=style, factor=factor, min_pixels=min_pixels, max_pixels=max_pixels)


def _pixel_limits(settings: Mapping[str, Any]) -> tuple[int, int]:
    """``min_pixels`` and ``max_pixels`` win over ``size``; a ``size`` must have both ends, as the processor demands."""
    size = settings.get("size")
    if size is None:
        size = {"shortest_edge": _CLASS_MIN_PIXELS, "longest_edge": _CLASS_MAX_PIXELS}
    if not isinstance(size, Mapping):
        raise CheckpointError(f"the processor's size must be a table with shortest_edge and longest_edge, not {size!r}")
    merged = dict(size)
    for old, new in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
        value = settings.get(old)
        if value is None:
            value = merged.get(old)
        if value is not None:
            merged[new] = value
    if merged.get("shortest_edge") is None or merged.get("longest_edge") is None:
        raise CheckpointError(f"the processor's size must have shortest_edge and longest_edge, not {dict(size)!r}")
    return _whole(merged, "shortest_edge", 0), _whole(merged, "longest_edge", 0)


def _internvl(
    model_type: str, model_config: Mapping[str, Any], settings: Mapping[str, Any] | None, style: PromptStyle
) -> CoordinateCodec:
    if model_type == "internvl_chat":  # the publisher's own format: everything is in config.json
        tile = _whole(model_config, "force_image_size", 448)
        most = _whole(model_config, "max_dynamic_patch", 12) if model_config.get("dynamic_image_size", True) else 1
        least = _whole(model_config, "min_dynamic_patch", 1) if most > 1 else 1
        return InternVLCodec(style=style, tile_hw=(tile, tile), min_tiles=least, max_tiles=most)
    settings = settings if settings is not None else {"size": {"height": 448, "width": 448}}
    size = settings.get("size")
    if not isinstance(size, Mapping):
        size = {"height": 384, "width": 384}  # the processor class's own default
    tile_hw = (_whole(size, "height", 384), _whole(size, "width", 384))
    # InternVLProcessor asks for tiles unless the image processor's settings say otherwise.
    if settings.get("crop_to_patches") is False:
        return InternVLCodec(style=style, tile_hw=tile_hw, min_tiles=1, max_tiles=1)
    least, most = _whole(settings, "min_patches", 1), _whole(settings, "max_patches", 12)
    return InternVLCodec(style=style, tile_hw=tile_hw, min_tiles=least, max_tiles=most)


def _size_hw(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise CheckpointError(f"view_hw must be [height, width], not {value!r}")
    pair = {"height": value[0], "width": value[1]}
    return _whole(pair, "height", 0), _whole(pair, "width", 0)


def _whole(settings: Mapping[str, Any], key: str, default: int) -> int:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CheckpointError(f"the checkpoint's {key} must be a positive whole number, not {value!r}")
    return value
