"""Turn, shift, recolour and spoil crops, a batch at a time (torch): what the network is shown while it trains."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from remotereasoner.training.segmenter_data import COUNTED, CROP_SIZE, DIRECTIONS, TARGET, VALID, CropCache
from remotereasoner.transform.segmenter_net import encode_inputs
from remotereasoner.transform.segmenter_views import MARGIN, MIN_ASPECT

__all__ = ["Batch", "make_batch", "view_windows"]


class Batch(NamedTuple):
    """``inputs`` (B, 6, S, S), ``target`` and ``counted`` (B, S, S) in 0 … 1, all float32."""

    inputs: Tensor
    target: Tensor
    counted: Tensor


def view_windows(boxes_xyxy: Tensor) -> Tensor:
    """The rule of :func:`~remotereasoner.transform.segmenter_views.view_window` for (B, 4) boxes."""
    center = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    sides = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) * (1 + 2 * MARGIN)
    half = torch.maximum(sides, MIN_ASPECT * sides.amax(1, keepdim=True)) / 2
    return torch.cat([center - half, center + half], dim=1)


def make_batch(
    cache: CropCache, chosen: np.ndarray[tuple[int], np.dtype[np.int64]], size: int, rng: np.random.Generator
) -> Batch:
    """Cut, turn and spoil the chosen crops; ``size`` is the view's side. Seeded by ``rng`` alone."""
    count = len(chosen)
    quarter = rng.random(count) < 0.5
    turn = np.where(quarter, rng.integers(4, size=count) * (DIRECTIONS // 4), rng.integers(DIRECTIONS, size=count))
    flip = rng.random(count) < 0.5
    boxes = torch.from_numpy(_turned_boxes(cache.support[chosen], turn, flip))
    boxes = _jittered(boxes, rng)
    windows = view_windows(boxes)
    grid = functional.affine_grid(_matrices(windows, turn, flip), [count, 1, size, size], align_corners=False)

    rgb = torch.from_numpy(cache.rgb[chosen]).float()
    bits = torch.from_numpy(cache.planes[chosen])
    planes = torch.stack([((bits & bit) > 0).float() for bit in (TARGET, COUNTED, VALID)], dim=1)
    stacked = functional.grid_sample(
        torch.cat([rgb, planes], 1), grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    # Beyond the crop the picture is only a reflection: shown, as something to see, but not counted.
    within = (grid.abs() <= 1).all(-1).float()
    valid = (stacked[:, 5] > 0.5).float()
    target = (stacked[:, 3] > 0.5).float()
    counted = (stacked[:, 4] > 0.5).float() * within * valid

    color = _spoiled(_recoloured(stacked[:, :3], rng), rng)
    scale = size / (windows[:, 2:] - windows[:, :2])
    in_view = torch.cat([(boxes[:, :2] - windows[:, :2]) * scale, (boxes[:, 2:] - windows[:, :2]) * scale], 1)
    points = _points(target * counted, rng)
    return Batch(encode_inputs(color, valid, in_view, points), target, counted)


def _turned_boxes(
    support: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    turn: np.ndarray[tuple[int], np.dtype[np.int64]],
    flip: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Tight boxes, relative to the crop's centre, of targets mirrored in x (where ``flip``) and then turned.

    A point p goes to R F p, so the reach along a unit vector e is the support in the direction F R^T e.
    """
    sides = []
    for direction, sign in ((180, -1), (270, -1), (0, 1), (90, 1)):
        index = direction * DIRECTIONS // 360 - turn
        index = np.where(flip, DIRECTIONS // 2 - index, index) % DIRECTIONS
        sides.append(sign * support[np.arange(len(support)), index])
    return np.stack(sides, 1).astype(np.float32)


def _matrices(
    windows: Tensor, turn: np.ndarray[tuple[int], np.dtype[np.int64]], flip: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Tensor:
    """(B, 2, 3): from view coordinates in -1 … 1 to crop coordinates in -1 … 1, that is F R^T of the window."""
    angle = torch.from_numpy(turn * (2 * math.pi / DIRECTIONS)).float()
    mirror = torch.from_numpy(np.where(flip, -1.0, 1.0)).float()
    cosine, sine = torch.cos(angle), torch.sin(angle)
    back = torch.stack(
        [torch.stack([mirror * cosine, mirror * sine], 1), torch.stack([-sine, cosine], 1)], dim=1
    )  # (B, 2, 2)
    half = (windows[:, 2:] - windows[:, :2]) / 2
    center = (windows[:, 2:] + windows[:, :2]) / 2
    linear = back * half[:, None, :]
    shift = (back @ center[:, :, None])[:, :, 0]
    return torch.cat([linear, shift[:, :, None]], dim=2) / (CROP_SIZE / 2)


def _jittered(boxes: Tensor, rng: np.random.Generator) -> Tensor:
    """Every side moved by up to 15 % of the box's width or height; a third of the boxes stay as they are."""
    count = len(boxes)
    amount = np.clip(rng.normal(0, 0.06, (count, 4)), -0.15, 0.15) * (rng.random((count, 1)) > 0.33)
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp_min(2.0)
    return boxes + torch.from_numpy(amount.astype(np.float32)) * torch.cat([sides, sides], 1)


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))


def _where(rng: np.random.Generator, share: float, changed: Tensor, kept: Tensor) -> Tensor:
    return torch.where(torch.from_numpy(rng.random((len(kept), 1, 1, 1)) < share), changed, kept)


def _recoloured(color: Tensor, rng: np.random.Generator) -> Tensor:
    """Gain, offset and gamma per image and channel, grey, swapped channels, a harsh stretch; (B, 3, S, S) 0 … 255."""
    count = len(color)
    mean = color.mean((1, 2, 3), keepdim=True)
    shared = torch.exp(_uniform(rng, -0.4, 0.4, count, 1, 1, 1))
    each = torch.exp(_uniform(rng, -0.15, 0.15, count, 3, 1, 1))
    changed = (color - mean) * shared * each + mean + _uniform(rng, -30, 30, count, 1, 1, 1)
    changed = changed + _uniform(rng, -12, 12, count, 3, 1, 1)
    color = _where(rng, 0.8, changed, color).clamp(0, 255)
    gamma = torch.exp(_uniform(rng, -0.5, 0.5, count, 1, 1, 1))
    color = _where(rng, 0.3, 255 * (color / 255).clamp_min(1e-4) ** gamma, color)
    order = torch.from_numpy(np.stack([rng.permutation(3) for _ in range(count)]))
    swapped = torch.gather(color, 1, order[:, :, None, None].expand_as(color))
    color = _where(rng, 0.15, swapped, color)
    color = _where(rng, 0.1, color.mean(1, keepdim=True).expand_as(color), color)
    low, high = color.amin((1, 2, 3), keepdim=True), color.amax((1, 2, 3), keepdim=True)
    cut = (high - low) * _uniform(rng, 0.0, 0.25, count, 1, 1, 1)
    stretched = 255 * (color - low - cut) / (high - low - 2 * cut + 1)
    return _where(rng, 0.15, stretched, color).clamp(0, 255)


def _spoiled(color: Tensor, rng: np.random.Generator) -> Tensor:
    """Coarser resolution, blur, noise, JPEG blocks, each for a share of the images."""
    size = color.shape[-1]
    small = functional.interpolate(color, size=size // 2, mode="area")
    color = _where(rng, 0.12, functional.interpolate(small, size=size, mode="bilinear", align_corners=False), color)
    padded = functional.pad(color, (1, 1, 1, 1), mode="replicate")
    color = _where(rng, 0.15, functional.avg_pool2d(padded, 3, 1), color)
    noise = torch.from_numpy(rng.standard_normal(color.shape, dtype=np.float32))
    color = _where(rng, 0.25, color + noise * _uniform(rng, 1, 10, len(color), 1, 1, 1), color)
    return _where(rng, 0.15, _jpeg(color, _uniform(rng, 8, 40, len(color), 1, 1, 1)), color).clamp(0, 255)


def _jpeg(color: Tensor, step: Tensor) -> Tensor:
    """Coefficients of 8 x 8 cosine blocks rounded to steps that grow with frequency, as JPEG does (per channel)."""
    k = torch.arange(8, dtype=torch.float32)
    basis = torch.cos(math.pi / 8 * (k[None, :] + 0.5) * k[:, None]) * 0.5
    basis[0] /= math.sqrt(2)
    batch, channels, size, _ = color.shape
    blocks = color.reshape(batch, channels, size // 8, 8, size // 8, 8).transpose(3, 4)
    coefficients = basis @ blocks @ basis.T
    quantum = step[..., None, None] * (0.4 + (k[:, None] + k[None, :]) / 8)
    blocks = basis.T @ (torch.round(coefficients / quantum) * quantum) @ basis
    return blocks.transpose(3, 4).reshape(batch, channels, size, size)


def _points(inside: Tensor, rng: np.random.Generator) -> list[Tensor | None]:
    """For 45 % of the samples, one to three points of the target, in view pixels."""
    points: list[Tensor | None] = []
    size = inside.shape[-1]
    for plane in inside:
        where = np.flatnonzero(plane.numpy()) if rng.random() < 0.45 else np.empty(0, np.int64)
        if len(where) == 0:
            points.append(None)
            continue
        picked = rng.choice(where, int(rng.integers(1, 4)))
        xy = np.stack([picked % size, picked // size], 1) + 0.5
        points.append(torch.from_numpy(xy.astype(np.float32)))
    return points
