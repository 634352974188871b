"""Codecs against the resizes of the processors themselves, size by size."""

from __future__ import annotations

import numpy as np
import pytest
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import (
    GotOcr2ImageProcessorPil,
    get_optimal_tiled_canvas,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize as theirs

from remotereasoner.errors import CoordinateError, UsageError
from remotereasoner.policy.codec_choice import CODEC_NAMES, codec_by_name, codec_from_config
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec, reference, write_references
from remotereasoner.policy.codec_families import (
    InternVLCodec,
    NormalisedCodec,
    PercentCodec,
    PixelCodec,
    Qwen2VLCodec,
    Qwen3VLCodec,
    Qwen25VLCodec,
    UnitCodec,
)

QWEN = {
    "qwen2_vl": (28, 3_136, 12_845_056),
    "qwen2_5_vl, hub": (28, 3_136, 12_845_056),
    "qwen2_5_vl, class": (28, 3_136, 1_003_520),
    "qwen2_5_vl, RemoteReasoner": (28, 3_136, 802_816),
    "qwen3_vl": (32, 65_536, 16_777_216),
}


def _sizes(n: int, most: int, seed: int) -> list[tuple[int, int]]:
    """``n`` sizes (height, width), log-uniform, with aspect ratios up to 200 and the neighbours of multiples."""
    rng = np.random.default_rng(seed)
    sizes: list[tuple[int, int]] = [(1, 1), (1, 200), (200, 1), (14, 42), (27, 28), (29, 28), (42, 70), (896, 896)]
    while len(sizes) < n:
        h, w = np.exp(rng.uniform(0, np.log(most), 2)).astype(int) + 1
        if max(h, w) <= 200 * min(h, w):
            sizes.append((int(h), int(w)))
    return sizes


@pytest.mark.parametrize("family", QWEN)
def test_qwen_grid_is_smart_resize(family: str) -> None:
    factor, least, most = QWEN[family]
    kind = {"qwen2_vl": Qwen2VLCodec, "qwen3_vl": Qwen3VLCodec}.get(family, Qwen25VLCodec)
    codec = kind(factor=factor, min_pixels=least, max_pixels=most)
    sizes = _sizes(700, 20_000, 1)
    assert [codec.grid_hw(size) for size in sizes] == [theirs(*size, factor, least, most) for size in sizes]


@pytest.mark.parametrize(
    ("model_type", "settings"),
    [
        ("qwen2_vl", {"min_pixels": 3_136, "max_pixels": 12_000}),
        ("qwen2_5_vl", {"size": {"shortest_edge": 6_000, "longest_edge": 14_000}}),
        ("qwen2_5_vl", {"size": {"shortest_edge": 1, "longest_edge": 2}, "min_pixels": 5_000, "max_pixels": 9_000}),
        ("qwen3_vl", {"size": {"shortest_edge": 4_096, "longest_edge": 16_000}, "patch_size": 16, "merge_size": 2}),
    ],
)
def test_qwen_grid_is_what_the_processor_makes(model_type: str, settings: dict[str, object]) -> None:
    processor = Qwen2VLImageProcessorPil(**settings)
    codec = codec_from_config({"model_type": model_type}, settings)
    sizes = [size for size in _sizes(560, 200, 2) if size[0] * size[1] < 20_000][:500]
    assert len(sizes) == 500
    for height, width in sizes:
        image = np.zeros((height, width, 3), dtype=np.uint8)
        grid = processor(image, do_rescale=False, do_normalize=False, input_data_format="channels_last")
        _, rows, columns = np.asarray(grid["image_grid_thw"]).reshape(3)
        expected = rows * processor.patch_size, columns * processor.patch_size
        assert codec.grid_hw((height, width)) == expected, (height, width)


TABLE = {  # original -> RemoteReasoner, class default, hub, Qwen3-VL
    (123, 123): ((112, 112), (112, 112), (112, 112), (256, 256)),
    (512, 512): ((504, 504), (504, 504), (504, 504), (512, 512)),
    (800, 800): ((812, 812), (812, 812), (812, 812), (800, 800)),
    (840, 840): ((840, 840), (840, 840), (840, 840), (832, 832)),
    (1024, 1024): ((896, 896), (980, 980), (1036, 1036), (1024, 1024)),
    (600, 3000): ((392, 1988), (420, 2240), (588, 2996), (608, 3008)),
    (7617, 7617): ((896, 896), (980, 980), (3584, 3584), (4096, 4096)),
    (10, 10): ((56, 56), (56, 56), (56, 56), (256, 256)),
}


@pytest.mark.parametrize("size", TABLE)
def test_published_sizes(size: tuple[int, int]) -> None:
    config = {"model_type": "qwen2_5_vl"}
    codecs = (
        codec_by_name("remotereasoner"),
        codec_from_config(config, {}),  # settings without limits: the class's own
        codec_from_config(config, None),  # no settings: the hub's
        codec_from_config({"model_type": "qwen3_vl"}),
    )
    assert tuple(codec.grid_hw(size) for codec in codecs) == TABLE[size]


def test_class_default_agrees_with_the_class() -> None:
    defaults = Qwen2VLImageProcessorPil()
    codec = codec_from_config({"model_type": "qwen2_5_vl"}, {})
    assert isinstance(codec, Qwen25VLCodec)
    assert (codec.min_pixels, codec.max_pixels) == (defaults.size["shortest_edge"], defaults.size["longest_edge"])
    assert codec.factor == defaults.patch_size * defaults.merge_size


@pytest.mark.parametrize(("least", "most"), [(1, 12), (1, 6), (2, 9), (1, 1)])
def test_internvl_grid_is_the_tiled_canvas(least: int, most: int) -> None:
    codec = InternVLCodec(min_tiles=least, max_tiles=most)
    processor = GotOcr2ImageProcessorPil(
        size={"height": 448, "width": 448}, crop_to_patches=True, min_patches=least, max_patches=most
    )
    for size in _sizes(600, 9_000, 3):
        columns, rows = get_optimal_tiled_canvas(size, (448, 448), least, most)
        assert codec.grid_hw(size) == (448 * rows, 448 * columns)
        tiles = columns * rows
        assert processor.get_number_of_image_patches(*size) == (tiles + 1 if tiles > 1 else 1)


@pytest.mark.parametrize("size", [(1, 201), (201, 1), (10, 2_001), (0, 10), (10, 0), (-1, 5)])
def test_sizes_that_are_refused(size: tuple[int, int]) -> None:
    for codec in (Qwen25VLCodec(), Qwen2VLCodec(), Qwen3VLCodec()):
        with pytest.raises(CoordinateError):
            codec.grid_hw(size)


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_round_trip(name: str) -> None:
    codec = codec_by_name(name)
    rng = np.random.default_rng(4)
    for image_hw in _sizes(500, 9_000, 5):
        grid_hw = codec.grid_hw(image_hw)
        points = rng.uniform(-0.1, 1.1, (8, 2)) * [image_hw[1], image_hw[0]]
        there = codec.encode_xy(points, grid_hw=grid_hw, image_hw=image_hw)
        back = codec.decode_xy(there, grid_hw=grid_hw, image_hw=image_hw)
        np.testing.assert_allclose(back, points, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("codec", "corner"),
    [
        (Qwen25VLCodec(), (2996.0, 588.0)),
        (PixelCodec(), (3000.0, 600.0)),
        (Qwen2VLCodec(), (1000.0, 1000.0)),
        (Qwen3VLCodec(), (1000.0, 1000.0)),
        (InternVLCodec(), (1000.0, 1000.0)),
        (NormalisedCodec(), (1000.0, 1000.0)),
        (UnitCodec(), (1.0, 1.0)),
        (PercentCodec(), (100.0, 100.0)),
        (EmbeddedReferenceCodec((448, 448)), (448.0, 448.0)),
        (EmbeddedReferenceCodec(), (3000.0, 600.0)),
    ],
)
def test_the_far_corner(codec: PixelCodec, corner: tuple[float, float]) -> None:
    grid_hw = codec.grid_hw((600, 3000))
    far = codec.encode_xy(np.array([[3000.0, 600.0], [0.0, 0.0]]), grid_hw=grid_hw, image_hw=(600, 3000))
    np.testing.assert_allclose(far, [corner, (0.0, 0.0)])


def test_a_grid_reported_by_the_engine_wins() -> None:
    """An engine whose processor had other limits says so in the completion; decoding follows it."""
    decoded = Qwen25VLCodec().decode_xy(np.array([[448.0, 448.0]]), grid_hw=(896, 896), image_hw=(7617, 7617))
    np.testing.assert_allclose(decoded, [[3808.5, 3808.5]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Qwen25VLCodec(factor=0),
        lambda: Qwen2VLCodec(min_pixels=10, max_pixels=5),
        lambda: Qwen3VLCodec(min_pixels=0),
        lambda: InternVLCodec(min_tiles=3, max_tiles=2),
        lambda: NormalisedCodec(scale=0),
        lambda: NormalisedCodec(scale=float("inf")),
        lambda: reference(-1),
    ],
)
def test_settings_that_make_no_sense(make: object) -> None:
    with pytest.raises(UsageError):
        make()


@pytest.mark.parametrize(
    ("indices", "text"),
    [
        ([], "[]"),
        ([3], "<|obj_3|>"),
        ([3, 4], "<|obj_3|>-<|obj_4|>"),
        ([5, 4, 3], "<|obj_3|>-<|obj_5|>"),
        ([7, 1, 2, 3, 9, 9], "<|obj_1|>-<|obj_3|> <|obj_7|> <|obj_9|>"),
    ],
)
def test_references_are_written_short(indices: list[int], text: str) -> None:
    assert write_references(indices) == text
