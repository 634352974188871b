"""EfficientNet-Lite0 (Tan & Le 2019; the "lite" variant: no squeeze-and-excitation, ReLU6) as a feature extractor.

Layer names follow the published TensorFlow port's checkpoints, so that their state dict loads unchanged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FEATURE_CHANNELS", "EfficientNetLite0"]

# repeats, kernel, stride, expansion, output channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_TAPS = {4: 0, 10: 1, 15: 2}  # last block at stride 8, 16, 32 -> index of the feature map
FEATURE_CHANNELS = (40, 112, 320)


class _SamePadConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: asymmetric at stride 2."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name is torch's
        pads: list[int] = []
        for size, kernel, stride in zip(
            reversed(input.shape[-2:]), reversed(self.kernel_size), reversed(self.stride), strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        if pads[0] == pads[1] == pads[2] == pads[3]:
            return F.conv2d(input, self.weight, self.bias, self.stride, pads[0], self.dilation, self.groups)
        return F.conv2d(F.pad(input, pads), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        mid = c_in * expansion
        self.expands = expansion != 1
        self.residual = stride == 1 and c_in == c_out
        if self.expands:
            self._expand_conv = _SamePadConv(c_in, mid, 1, bias=False)
            self._bn0 = _norm(mid)
        self._depthwise_conv = _SamePadConv(mid, mid, kernel, stride, groups=mid, bias=False)
        self._bn1 = _norm(mid)
        self._project_conv = _SamePadConv(mid, c_out, 1, bias=False)
        self._bn2 = _norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        out: Tensor = x + y if self.residual else y
        return out


class EfficientNetLite0(nn.Module):
    """(B, 3, H, W) in [0, 255] RGB -> feature maps at stride 8, 16, 32 with 40, 112, 320 channels."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SamePadConv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks: list[nn.Module] = []
        c_in = 32
        for repeats, kernel, stride, expansion, c_out in _STAGES:
            for i in range(repeats):
                blocks.append(_Block(c_in, c_out, kernel, stride if i == 0 else 1, expansion))
                c_in = c_out
        self._blocks = nn.ModuleList(blocks)

    def frozen_parts(self, up_to_block: int) -> list[nn.Module]:
        """The stem and the blocks below ``up_to_block``."""
        return [self._conv_stem, self._bn0, *list(self._blocks)[:up_to_block]]

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.relu6(self._bn0(self._conv_stem((image - 127.0) / 128.0)))
        taps: list[Tensor] = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in _TAPS:
                taps.append(x)
        return taps


def load_pretrained(backbone: EfficientNetLite0, state: dict[str, Tensor]) -> None:
    """Copy a published ImageNet state dict, leaving out its classifier. Raises KeyError where a tensor is missing."""
    own = backbone.state_dict()
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(state[name])
