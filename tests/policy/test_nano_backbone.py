from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from remotereasoner.policy.nano.backbone import FEATURE_CHANNELS, EfficientNetLite0, _SamePadConv, load_pretrained


@pytest.fixture(scope="module")
def backbone() -> EfficientNetLite0:
    torch.manual_seed(0)
    return EfficientNetLite0().eval()


@pytest.mark.parametrize("size_hw", [(32, 32), (32, 96), (160, 64)])
def test_feature_maps_lie_at_strides_8_16_32(backbone: EfficientNetLite0, size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    with torch.inference_mode():
        maps = backbone(torch.rand(2, 3, height, width) * 255)
    shapes = [tuple(m.shape) for m in maps]
    assert shapes == [(2, c, height // s, width // s) for c, s in zip(FEATURE_CHANNELS, (8, 16, 32), strict=True)]


def test_pixels_are_centred_before_the_stem(backbone: EfficientNetLite0) -> None:
    """A picture of 127 everywhere is zero to the network: the stem answers with its normalisation alone."""
    seen: list[torch.Tensor] = []
    handle = backbone._conv_stem.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    with torch.inference_mode():
        backbone(torch.full((1, 3, 32, 32), 127.0))
        backbone(torch.full((1, 3, 32, 32), 255.0))
    handle.remove()
    assert seen[0].abs().max() == 0
    assert torch.allclose(seen[1], torch.ones(1))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size_hw", [(8, 8), (7, 10), (9, 5)])
def test_padding_is_tensorflows_same(kernel: int, stride: int, size_hw: tuple[int, int]) -> None:
    """By definition: output ceil(n / stride); the window of output i starts at i * stride - floor(total / 2)."""
    torch.manual_seed(kernel * 10 + stride)
    conv = _SamePadConv(3, 4, kernel, stride)
    x = torch.rand(1, 3, *size_hw)
    with torch.no_grad():
        got = conv(x)
    rows, cols = (-(-n // stride) for n in size_hw)
    assert got.shape == (1, 4, rows, cols)
    before = [max((out - 1) * stride + kernel - n, 0) // 2 for out, n in zip((rows, cols), size_hw, strict=True)]
    roomy = F.pad(x, (8, 8, 8, 8))
    for r in range(rows):
        for c in range(cols):
            top, left = r * stride - before[0] + 8, c * stride - before[1] + 8
            window = roomy[0, :, top : top + kernel, left : left + kernel]
            expected = (conv.weight * window).sum((1, 2, 3)) + conv.bias
            assert torch.allclose(got[0, :, r, c], expected, atol=1e-5)


def test_stride_2_over_an_even_side_pads_behind_only() -> None:
    conv = _SamePadConv(1, 1, 3, 2, bias=False)
    x = torch.rand(1, 1, 6, 6)
    with torch.no_grad():
        expected = F.conv2d(F.pad(x, (0, 1, 0, 1)), conv.weight, stride=2)
        assert torch.allclose(conv(x), expected, atol=1e-6)


def test_a_published_state_is_copied_without_its_classifier(backbone: EfficientNetLite0) -> None:
    torch.manual_seed(1)
    other = EfficientNetLite0()
    state = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    state |= {"_fc.weight": torch.zeros(3), "_conv_head.weight": torch.zeros(3)}
    load_pretrained(other, state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.state_dict().items())


def test_a_missing_tensor_is_named(backbone: EfficientNetLite0) -> None:
    state = dict(backbone.state_dict())
    del state["_blocks.3._bn1.weight"]
    with pytest.raises(KeyError, match=r"_blocks\.3\._bn1\.weight"):
        load_pretrained(EfficientNetLite0(), state)


def test_frozen_parts_are_the_stem_and_the_first_blocks(backbone: EfficientNetLite0) -> None:
    parts = backbone.frozen_parts(5)
    assert len(parts) == 7
    assert parts[0] is backbone._conv_stem
    assert parts[-1] is backbone._blocks[4]
    assert backbone._blocks[5] not in parts
