"""The perception tower: image -> feature pyramid -> class-named boxes of things and maps of areas.

Backbone EfficientNet-Lite0, a three-level pyramid (Lin et al. 2017), a shared anchor-free head in the manner of FCOS
(Tian et al. 2019) whose class score is trained to be the IoU of its box (quality focal loss, Li et al. 2020), and a
per-pixel head for areas at stride 8.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from remotereasoner.policy.nano.backbone import FEATURE_CHANNELS, EfficientNetLite0
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS

__all__ = ["STRIDES", "PerceptionTower", "TowerOutput", "load_tower"]

STRIDES = (8, 16, 32)


class TowerOutput(NamedTuple):
    """Dense outputs; lists have one entry per level of stride 8, 16, 32."""

    class_logits: list[Tensor]
    """(B, things, h, w)."""
    ltrb_px: list[Tensor]
    """(B, 4, h, w): distances from the cell's centre to the left, top, right, bottom of the box, in input pixels."""
    area_logits: Tensor
    """(B, areas, H / 8, W / 8)."""
    pyramid: list[Tensor]
    """(B, width, h, w)."""


def _conv(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.GroupNorm(8, c_out), nn.ReLU(inplace=True)
    )


class PerceptionTower(nn.Module):
    """(B, 3, H, W) RGB in [0, 255], H and W multiples of 32 -> :class:`TowerOutput`."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.width = width
        self.backbone = EfficientNetLite0()
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1) for c in FEATURE_CHANNELS)
        self.smooths = nn.ModuleList(_conv(width, width) for _ in FEATURE_CHANNELS)
        self.class_tower = nn.Sequential(_conv(width, width), _conv(width, width))
        self.box_tower = nn.Sequential(_conv(width, width))
        self.class_head = nn.Conv2d(width, len(THINGS), 3, padding=1)
        self.box_head = nn.Conv2d(width, 4, 3, padding=1)
        self.scales = nn.Parameter(torch.zeros(len(STRIDES)))
        self.area_head = nn.Sequential(_conv(width, 64), nn.Conv2d(64, len(AREAS), 1))
        for head, prior in (
            (self.class_head, -4.6),
            (self.box_head, 0.5),
        ):  # -4.6: probability 0.01, for the focal loss
            nn.init.normal_(head.weight, std=0.01)
            head.bias = nn.Parameter(torch.full((head.out_channels,), prior))

    def forward(self, image: Tensor) -> TowerOutput:
        taps = self.backbone(image)
        x: Tensor | None = None
        pyramid: list[Tensor] = []
        for tap, lateral, smooth in zip(reversed(taps), reversed(self.laterals), reversed(self.smooths), strict=True):
            side = lateral(tap)
            x = side if x is None else side + F.interpolate(x, size=side.shape[-2:], mode="nearest")
            pyramid.insert(0, smooth(x))
        logits, ltrb = [], []
        for level, feature in enumerate(pyramid):
            logits.append(self.class_head(self.class_tower(feature)))
            raw = self.box_head(self.box_tower(feature))
            ltrb.append(F.softplus(raw + self.scales[level]) * (STRIDES[level] * 2.0))
        size = pyramid[0].shape[-2:]
        context = pyramid[0] + F.interpolate(pyramid[2], size=size, mode="bilinear", align_corners=False)
        return TowerOutput(logits, ltrb, self.area_head(context), pyramid)


def load_tower(path: Path, width: int) -> PerceptionTower:
    """A tower from its fp16 safetensors, in fp32 and ready to run. Raises what torch and safetensors raise."""
    tower = PerceptionTower(width)
    tower.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tower.eval()
    return tower
