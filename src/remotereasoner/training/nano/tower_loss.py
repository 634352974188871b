"""Losses of the perception tower: quality focal loss and GIoU for things, weighted BCE for areas."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from remotereasoner.policy.nano.tower import STRIDES, TowerOutput

__all__ = ["area_loss", "thing_loss"]

_RANGES_PX = ((0.0, 56.0), (40.0, 150.0), (110.0, 1e9))  # longest side of a box that a level is for; they overlap


def _flatten(output: TowerOutput) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(B, L, things) logits, (B, L, 4) ltrb, (L, 2) cell centres in px, (L,) level index."""
    logits = torch.cat([x.flatten(2).transpose(1, 2) for x in output.class_logits], 1)
    ltrb = torch.cat([x.flatten(2).transpose(1, 2) for x in output.ltrb_px], 1)
    centres, levels = [], []
    for level, x in enumerate(output.class_logits):
        height, width = x.shape[-2:]
        ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centres.append((torch.stack([xs.flatten(), ys.flatten()], 1) + 0.5) * STRIDES[level])
        levels.append(torch.full((height * width,), level))
    return logits, ltrb, torch.cat(centres), torch.cat(levels)


def _assign(boxes: Tensor, centres: Tensor, levels: Tensor) -> Tensor:
    """Index of the box that each cell is for, -1 for none; the smallest box wins. (L,)."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(1).values
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    stride = torch.tensor(STRIDES)[levels].float()
    radius = torch.maximum(stride[:, None] * 1.5, torch.zeros(1))
    delta = (centres[:, None] - middle[None]).abs()  # L, N, 2
    near = (delta <= torch.minimum(radius[..., None].expand_as(delta), sides[None] / 2)).all(-1)
    nearest = (delta.max(-1).values <= stride[:, None] / 2) & (levels[:, None] == 0)  # tiny boxes keep one cell
    ranges = torch.tensor(_RANGES_PX)[levels]
    fits = (longest[None] >= ranges[:, :1]) & (longest[None] < ranges[:, 1:])
    candidate = (near | nearest) & fits
    area = sides.prod(1)[None].expand(len(centres), -1).masked_fill(~candidate, float("inf"))
    best, index = area.min(1)
    return torch.where(torch.isfinite(best), index, torch.full_like(index, -1))


def _giou(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of (N, 4) xyxy pairs."""
    lt, rb = torch.maximum(p[:, :2], t[:, :2]), torch.minimum(p[:, 2:], t[:, 2:])
    inter = (rb - lt).clamp(min=0).prod(1)
    union = (p[:, 2:] - p[:, :2]).prod(1) + (t[:, 2:] - t[:, :2]).prod(1) - inter
    hull = (torch.maximum(p[:, 2:], t[:, 2:]) - torch.minimum(p[:, :2], t[:, :2])).prod(1)
    iou = inter / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


def thing_loss(
    output: TowerOutput, boxes: list[Tensor], classes: list[Tensor], negative_weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Class and box loss of a batch; boxes in input pixels. ``negative_weights`` (B, things)."""
    logits, ltrb, centres, levels = _flatten(output)
    class_sum = logits.new_zeros(())
    box_sum = logits.new_zeros(())
    positives = 0
    for b in range(len(boxes)):
        target = torch.zeros_like(logits[b])
        weight = negative_weights[b][None].expand_as(target).clone()
        if len(boxes[b]):
            index = _assign(boxes[b], centres, levels)
            cells = (index >= 0).nonzero()[:, 0]
            if len(cells):
                truth = boxes[b][index[cells]]
                c = centres[cells]
                predicted = torch.cat([c - ltrb[b, cells, :2], c + ltrb[b, cells, 2:]], 1)
                iou, giou = _giou(predicted, truth)
                names = classes[b][index[cells]]
                quality = iou.detach().clamp(0.05, 1)
                target[cells, names] = quality
                weight[cells] = 1.0  # what is one thing is no other, labelled exhaustively or not
                box_sum = box_sum + (1 - giou).sum()
                positives += len(cells)
        p = logits[b].sigmoid().detach()
        focus = (target - p).abs().pow(2) * weight
        class_sum = class_sum + (F.binary_cross_entropy_with_logits(logits[b], target, reduction="none") * focus).sum()
    scale = max(positives, 8)
    return class_sum / scale, box_sum / scale


def area_loss(logits: Tensor, targets: Tensor, weights: Tensor, presence: Tensor) -> Tensor:
    """Per-pixel BCE where known, and for areas merely known to occur the most likely fifth of the pixels is pulled up.

    ``logits``, ``targets``, ``weights`` (B, areas, h, w); ``presence`` (B, areas): 1, 0 or -1 unknown.
    """
    dense = F.binary_cross_entropy_with_logits(logits, targets, reduction="none") * weights
    loss = dense.sum() / weights.sum().clamp(min=200.0)
    weak = (presence == 1) & (weights.sum((2, 3)) == 0)
    if weak.any():
        flat = logits[weak].flatten(1)
        top = flat.topk(flat.shape[1] // 5, dim=1).values
        loss = loss + 0.3 * F.softplus(-top).mean()
    return loss
