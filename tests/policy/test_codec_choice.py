"""Which codec a checkpoint, a name or a model's name gets."""

from __future__ import annotations

from typing import Any

import pytest

from remotereasoner.errors import CheckpointError, UsageError
from remotereasoner.policy.codec_choice import CODEC_NAMES, codec_by_name, codec_for_model_name, codec_from_config
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec
from remotereasoner.policy.codec_families import InternVLCodec, Qwen2VLCodec, Qwen3VLCodec, Qwen25VLCodec


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_names(name: str) -> None:
    expected = "qwen2.5-vl" if name == "remotereasoner" else name
    assert codec_by_name(f" {name.upper()} ").name == expected


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"qwen2\.5-vl.*0-1000"):
        codec_by_name("qwen9")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("qwen2.5vl:7b", "qwen2.5-vl"),
        ("/models/qwen2_5_vl", "qwen2.5-vl"),
        ("Qwen/Qwen2-VL-2B", "qwen2-vl"),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", "qwen3-vl"),
        ("qwen3.5-9b", "qwen3-vl"),
        ("OpenGVLab/InternVL3-8B", "internvl"),
        ("1e12Leon/RemoteReasoner", "qwen2.5-vl"),
        ("remotereasoner-nano", "embedded"),
        ("GeoChat-7B", "0-100"),
        ("Qwen/Qwen3-8B", None),
        ("gpt-4o", None),
        ("", None),
    ],
)
def test_guesses(model: str, name: str | None) -> None:
    codec = codec_for_model_name(model)
    assert (None if codec is None else codec.name) == name


def test_the_published_checkpoint_is_guessed_with_its_wording() -> None:
    codec = codec_for_model_name("1e12Leon/RemoteReasoner")
    assert isinstance(codec, Qwen25VLCodec)
    assert (codec.style, codec.max_pixels) == ("lists", 802_816)


@pytest.mark.parametrize(
    ("model", "processor", "expected"),
    [
        ({"model_type": "qwen2_5_vl"}, None, Qwen25VLCodec()),
        ({"model_type": "qwen2_5_vl", "vision_config": {"patch_size": 7}}, None, Qwen25VLCodec(factor=14)),
        ({"model_type": "qwen2_vl"}, None, Qwen2VLCodec()),
        ({"model_type": "qwen3_vl"}, None, Qwen3VLCodec()),
        ({"model_type": "qwen3_vl_moe"}, None, Qwen3VLCodec()),
        ({"model_type": "qwen3_5"}, None, Qwen3VLCodec()),
        ({"model_type": "qwen2_5_vl"}, {}, Qwen25VLCodec(max_pixels=1_003_520)),
        (
            {"model_type": "qwen2_5_vl"},
            {"min_pixels": 100, "max_pixels": 999_999},
            Qwen25VLCodec(factor=28, min_pixels=100, max_pixels=999_999),
        ),
        ({"model_type": "qwen2_5_vl"}, {"max_pixels": 802_816}, Qwen25VLCodec(max_pixels=802_816)),
        (
            {"model_type": "qwen2_5_vl"},
            {"size": {"min_pixels": 50, "max_pixels": 900}},
            Qwen25VLCodec(factor=28, min_pixels=50, max_pixels=900),
        ),
        (
            {"model_type": "qwen3_vl"},
            {"image_processor": {"patch_size": 16, "size": {"shortest_edge": 65_536, "longest_edge": 16_777_216}}},
            Qwen3VLCodec(),
        ),
        ({"model_type": "internvl"}, None, InternVLCodec()),
        (
            {"model_type": "internvl"},
            {"size": {"height": 224, "width": 224}, "max_patches": 6},
            InternVLCodec(tile_hw=(224, 224), max_tiles=6),
        ),
        (
            {"model_type": "internvl"},
            {"size": {"height": 448, "width": 448}, "crop_to_patches": False},
            InternVLCodec(tile_hw=(448, 448), max_tiles=1),
        ),
        ({"model_type": "internvl"}, {}, InternVLCodec(tile_hw=(384, 384), max_tiles=12)),
        (
            {"model_type": "internvl_chat", "force_image_size": 224, "max_dynamic_patch": 6},
            None,
            InternVLCodec(tile_hw=(224, 224), max_tiles=6),
        ),
        (
            {"model_type": "internvl_chat", "dynamic_image_size": False},
            {},
            InternVLCodec(tile_hw=(448, 448), max_tiles=1),
        ),
        ({"model_type": "remotereasoner_nano"}, None, EmbeddedReferenceCodec()),
        ({"model_type": "remotereasoner_nano", "view_hw": [320, 448]}, None, EmbeddedReferenceCodec((320, 448))),
    ],
)
def test_configurations(model: dict[str, Any], processor: dict[str, Any] | None, expected: object) -> None:
    assert codec_from_config(model, processor) == expected


def test_style_is_handed_on() -> None:
    assert codec_from_config({"model_type": "qwen2_5_vl"}, style="lists").style == "lists"


@pytest.mark.parametrize(
    ("model", "processor", "message"),
    [
        ({"model_type": "llava"}, None, "`codec`"),
        ({}, None, "`codec`"),
        ({"model_type": "qwen2_5_vl"}, {"do_resize": False}, "do_resize"),
        ({"model_type": "qwen2_5_vl"}, {"size": 448}, "shortest_edge"),
        ({"model_type": "qwen2_5_vl"}, {"size": {"longest_edge": 5}}, "shortest_edge"),
        ({"model_type": "qwen2_5_vl"}, {"patch_size": "14"}, "patch_size"),
        ({"model_type": "qwen2_5_vl"}, {"max_pixels": 12.5}, "longest_edge"),
        ({"model_type": "qwen2_5_vl"}, {"min_pixels": 10, "max_pixels": 5}, "min_pixels <= max_pixels"),
        ({"model_type": "qwen2_5_vl"}, {"image_processor": 3}, "not a table"),
        ({"model_type": "internvl"}, {"min_patches": 5, "max_patches": 2}, "min <= max"),
        ({"model_type": "remotereasoner_nano", "view_hw": 448}, None, "view_hw"),
    ],
)
def test_configurations_that_are_refused(model: dict[str, Any], processor: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        codec_from_config(model, processor)
