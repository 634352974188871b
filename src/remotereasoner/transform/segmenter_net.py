"""The network of the embedded segmenter: image crop, box and points in, mask logits and an expected IoU out (torch).

Encoder: the first eleven blocks of EfficientNet-Lite0 (Tan and Le, 2019; inverted residuals with ReLU6, no squeeze and
excitation), to stride 16. Decoder: top-down with lateral connections, a global context term, and a light branch at the
full resolution of the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = [
    "INPUT_CHANNELS",
    "SegmenterNet",
    "SegmenterOutput",
    "encode_inputs",
    "fuse_batch_norm",
    "to_channels_last",
]

INPUT_CHANNELS = 6  # red, green, blue, box, points, outside the scene
_STEM = 32
# (kernel, stride, expansion, channels): blocks 0 to 10 of EfficientNet-Lite0.
_BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
)
_TAPS = {0: 16, 2: 24, 4: 40, 10: 112}  # block: channels, at strides 2, 4, 8, 16
_POINT_SIGMA = 0.02  # of the view's side


class SegmenterOutput(NamedTuple):
    """``logits`` (B, S, S): the mask where > 0; ``quality`` (B,): logit of the IoU that the network expects."""

    logits: Tensor
    quality: Tensor


def encode_inputs(
    rgb: Tensor, valid: Tensor, boxes_xyxy: Tensor, points_xy: Sequence[Tensor | None] | None = None
) -> Tensor:
    """Network input (B, 6, S, S) float32.

    ``rgb`` (B, 3, S, S) in 0 … 255, ``valid`` (B, S, S) in 0 … 1, ``boxes_xyxy`` (B, 4) in view pixels (corners, y
    down), ``points_xy``: per sample (N, 2) view pixels or None. The box is drawn as the share of each pixel it covers.
    """
    size = rgb.shape[-1]
    edges = torch.arange(size, dtype=torch.float32)
    x1, y1, x2, y2 = boxes_xyxy.float().unbind(1)
    cover_x = (torch.minimum(edges + 1, x2[:, None]) - torch.maximum(edges, x1[:, None])).clamp(0, 1)
    cover_y = (torch.minimum(edges + 1, y2[:, None]) - torch.maximum(edges, y1[:, None])).clamp(0, 1)
    box = cover_y[:, :, None] * cover_x[:, None, :]
    points = torch.zeros_like(box)
    for index, positions in enumerate(points_xy or ()):
        if positions is None or len(positions) == 0:
            continue
        scale = -0.5 / (_POINT_SIGMA * size) ** 2
        across = torch.exp(scale * (edges + 0.5 - positions[:, :1].float()) ** 2)
        down = torch.exp(scale * (edges + 0.5 - positions[:, 1:].float()) ** 2)
        points[index] = (down[:, :, None] * across[:, None, :]).amax(0)
    color = (rgb.float() - 127.0) / 128.0 * valid[:, None]
    return torch.cat([color, box[:, None], points[:, None], 1.0 - valid[:, None]], dim=1)


class _ConvUnit(nn.Module):
    """Convolution, batch norm and ReLU6 (or none). After fusing: convolution with bias."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, depthwise: bool = False, act: bool = True
    ) -> None:
        super().__init__()
        groups = inputs if depthwise else 1
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act: nn.Module = nn.ReLU6(inplace=True) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.norm(self.conv(x)))
        return out


class _Block(nn.Module):
    """Inverted residual: expand, depthwise, project; plus the input where shapes allow."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand: nn.Module = _ConvUnit(inputs, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _ConvUnit(hidden, hidden, kernel, stride=stride, depthwise=True)
        self.project = _ConvUnit(hidden, outputs, 1, act=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class _Merge(nn.Module):
    """Upsample the coarse map by two, add the lateral one, mix."""

    def __init__(self, coarse: int, lateral: int, outputs: int) -> None:
        super().__init__()
        self.reduce = _ConvUnit(coarse, outputs, 1, act=False)
        self.lateral = _ConvUnit(lateral, outputs, 1, act=False)
        self.mix = _ConvUnit(outputs, outputs, 3)

    def forward(self, coarse: Tensor, lateral: Tensor) -> Tensor:
        up = functional.interpolate(self.reduce(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        out: Tensor = self.mix(functional.relu6(up + self.lateral(lateral), inplace=True))
        return out


class SegmenterNet(nn.Module):
    """(B, 6, S, S) float32, S a multiple of 16, to :class:`SegmenterOutput`. Some 0.9 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvUnit(INPUT_CHANNELS, _STEM, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = _STEM
        for kernel, stride, expansion, outputs in _BLOCKS:
            blocks.append(_Block(channels, kernel, stride, expansion, outputs))
            channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.context = nn.Linear(_TAPS[10], 96)
        self.top = _ConvUnit(_TAPS[10], 96, 1, act=False)
        self.top_mix = _ConvUnit(96, 96, 3)
        self.merge8 = _Merge(96, _TAPS[4], 64)
        self.merge4 = _Merge(64, _TAPS[2], 48)
        self.merge2 = _Merge(48, _TAPS[0], 32)
        self.detail = _ConvUnit(INPUT_CHANNELS, 12, 3)
        self.merge1 = _Merge(32, 12, 16)
        self.head = nn.Conv2d(16, 1, 1)
        self.quality = nn.Sequential(nn.Linear(96 + 32 + 2, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x: Tensor) -> SegmenterOutput:
        taps: dict[int, Tensor] = {}
        features = self.stem(x)
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in _TAPS:
                taps[index] = features
        context = self.context(features.mean((2, 3)))
        top = self.top_mix(functional.relu6(self.top(features) + context[:, :, None, None], inplace=True))
        fine = self.merge2(self.merge4(self.merge8(top, taps[4]), taps[2]), taps[0])
        logits = self.head(self.merge1(fine, self.detail(x)))[:, 0]
        return SegmenterOutput(logits, self._expected_iou(top, fine, logits))

    def _expected_iou(self, top: Tensor, fine: Tensor, logits: Tensor) -> Tensor:
        """The quality head reads the mask but must not bend it: its gradient stops here."""
        inside = torch.sigmoid(logits.detach())
        weight = functional.avg_pool2d(inside[:, None], 2)
        pooled = (fine.detach() * weight).sum((2, 3)) / (weight.sum((2, 3)) + 1e-3)
        area = inside.mean((1, 2))
        doubt = (inside * (1 - inside)).mean((1, 2)) / (area + 1e-3)
        stats = torch.stack([area, doubt], dim=1)
        quality: Tensor = self.quality(torch.cat([top.detach().mean((2, 3)), pooled, stats], dim=1))
        return quality[:, 0]


def fuse_batch_norm(net: SegmenterNet) -> SegmenterNet:
    """Fold every batch norm into its convolution, in place: w' = w g / sqrt(v + e), b' = b - m g / sqrt(v + e)."""
    for unit in net.modules():
        if not isinstance(unit, _ConvUnit) or not isinstance(unit.norm, nn.BatchNorm2d):
            continue
        conv, norm = unit.conv, unit.norm
        if norm.running_mean is None or norm.running_var is None:
            continue
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        with torch.no_grad():
            conv.weight.mul_(scale[:, None, None, None])
            conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        unit.norm = nn.Identity()
    return net


def to_channels_last(net: SegmenterNet) -> SegmenterNet:
    """Store every kernel channels last, in place: on CPUs that is twice as fast for this network."""
    for value in net.parameters():
        if value.dim() == 4:
            value.data = value.data.contiguous(memory_format=torch.channels_last)
    return net
