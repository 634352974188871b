"""The default segmenter: a small class-agnostic network of ours, prompted with boxes and points."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from remotereasoner.errors import CheckpointError, MissingExtraError, ModelNotFoundError, UsageError
from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, trim
from remotereasoner.transform.segmenter_views import crop_view, iter_upsampled, view_window
from remotereasoner.types import BoolArray, BoxXyxy, PointXy

if TYPE_CHECKING:
    from remotereasoner.transform.segmenter_net import SegmenterNet

__all__ = ["DEFAULT_WEIGHTS", "EmbeddedSegmenter"]

DEFAULT_WEIGHTS = Path(__file__).parent.parent / "weights" / "segmenter.safetensors"
_REACH = 0.05  # the mask may leave its box by this part of the box's sides


@dataclass(frozen=True)
class _Prompt:
    """One box that has pixels: its place among the boxes, itself, its window, its points."""

    index: int
    box_xyxy: BoxXyxy
    window_xyxy: BoxXyxy
    points_xy: Sequence[PointXy]


class EmbeddedSegmenter:
    """Boxes (and points, where given) to masks with the network in the package.

    The score of a mask is the IoU that the network expects of it, in [0, 1]. Without points the box alone prompts:
    the network was trained both ways. A mask may leave its box by 5 % of the box's sides, never the scene or its
    valid part.
    """

    def __init__(self, weights: Path | None = None, *, batch_size: int = 16) -> None:
        """Load ``weights`` (a ``.safetensors`` file with its ``.json`` beside it); None: those in the package.

        Raises :class:`ModelNotFoundError` where a file is missing, :class:`CheckpointError` where the weights are not
        those described, :class:`MissingExtraError` without torch.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, not {batch_size}")
        self._batch_size = batch_size
        self._net, self._size, self._name = _load(weights or DEFAULT_WEIGHTS)

    @property
    def name(self) -> str:
        """Such as ``embedded-segmenter/1 sha256:0123456789ab``."""
        return self._name

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        """One mask per box, in order; boxes and points in pixels of the scene.

        A box without area inside the scene or with a number that is not finite, and one in which the network finds
        nothing, has an empty mask; the score is then 0. Points that are not finite are left out. Raises
        :class:`UsageError` where points and boxes differ in number.
        """
        if points_xy is not None and len(points_xy) != len(boxes_xyxy):
            raise UsageError(f"{len(points_xy)} lists of points for {len(boxes_xyxy)} boxes: give one list per box")
        masks = [empty_mask() for _ in boxes_xyxy]
        prompts = []
        for index, box in enumerate(boxes_xyxy):
            clipped = _clip(box, scene.size_hw)
            if clipped is not None:
                points = [point for point in points_xy[index] if all(map(math.isfinite, point))] if points_xy else []
                prompts.append(_Prompt(index, clipped, view_window(clipped), points))
        for first in range(0, len(prompts), self._batch_size):
            chunk = prompts[first : first + self._batch_size]
            logits, scores = self._infer(scene, chunk)
            for prompt, plane, score in zip(chunk, logits, scores, strict=True):
                masks[prompt.index] = _restore(scene.valid, prompt, plane, float(score))
        return masks

    def _infer(
        self, scene: Scene, prompts: Sequence[_Prompt]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits (B, S, S) over the windows and scores (B,) in [0, 1]."""
        import torch

        from remotereasoner.transform.segmenter_net import encode_inputs

        size = self._size
        views = [crop_view(scene.pixels, scene.valid, prompt.window_xyxy, size) for prompt in prompts]
        rgb = torch.from_numpy(np.stack([color for color, _ in views])).permute(0, 3, 1, 2)
        valid = torch.from_numpy(np.stack([inside for _, inside in views])).float() / 255
        boxes = torch.tensor([_to_view(prompt.box_xyxy, prompt.window_xyxy, size) for prompt in prompts])
        points = [
            torch.tensor([_to_view(point, prompt.window_xyxy, size) for point in prompt.points_xy]).reshape(-1, 2)
            for prompt in prompts
        ]
        with torch.inference_mode():
            inputs = encode_inputs(rgb, valid, boxes, points)
            output = self._net(inputs.contiguous(memory_format=torch.channels_last))
            return output.logits.numpy(), torch.sigmoid(output.quality).numpy()


def _load(path: Path) -> tuple[SegmenterNet, int, str]:
    """Network in eval mode, side of its view, name for provenance."""
    try:
        import torch  # noqa: F401  named first, so that its absence is told as such
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError as error:
        raise MissingExtraError("embedded", "the embedded segmenter") from error
    from remotereasoner.transform.segmenter_net import SegmenterNet, fuse_batch_norm, to_channels_last

    try:
        content = path.read_bytes()
        described = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        version, size, expected = str(described["version"]), int(described["view_size"]), str(described["sha256"])
    except OSError as error:
        raise ModelNotFoundError(f"segmenter weights could not be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path.with_suffix('.json')} does not describe segmenter weights: {error!r}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise CheckpointError(f"{path} has sha256 {found}, its description says {expected}: fetch both files again")
    net = fuse_batch_norm(SegmenterNet().eval())
    try:
        net.load_state_dict({name: value.float() for name, value in load(content).items()})
    except (RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{path} does not hold the weights of this network: {error}") from error
    return to_channels_last(net), size, f"embedded-segmenter/{version} sha256:{found[:12]}"


def _clip(box_xyxy: BoxXyxy, size_hw: tuple[int, int]) -> BoxXyxy | None:
    if not all(map(math.isfinite, box_xyxy)):
        return None
    x1, y1 = max(box_xyxy[0], 0.0), max(box_xyxy[1], 0.0)
    x2, y2 = min(box_xyxy[2], float(size_hw[1])), min(box_xyxy[3], float(size_hw[0]))
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _to_view(values: Sequence[float], window_xyxy: BoxXyxy, size: int) -> list[float]:
    """Alternating x and y of the scene to pixels of the view."""
    x1, y1, x2, y2 = window_xyxy
    scale = (size / (x2 - x1), size / (y2 - y1))
    low = (x1, y1)
    return [(value - low[axis % 2]) * scale[axis % 2] for axis, value in enumerate(values)]


def _restore(valid: BoolArray, prompt: _Prompt, logits: npt.NDArray[np.float32], score: float) -> InstanceMask:
    """Threshold at full resolution, within reach of the box and the valid part of the scene, cropped to what is set."""
    x1, y1, x2, y2 = prompt.box_xyxy
    reach_x, reach_y = _REACH * (x2 - x1), _REACH * (y2 - y1)
    left, top = max(0, math.floor(x1 - reach_x)), max(0, math.floor(y1 - reach_y))
    right, bottom = min(valid.shape[1], math.ceil(x2 + reach_x)), min(valid.shape[0], math.ceil(y2 + reach_y))
    mask = np.empty((bottom - top, right - left), bool)
    for first, values in iter_upsampled(logits, prompt.window_xyxy, (left, top, right, bottom)):
        mask[first : first + len(values)] = values > 0
    mask &= valid[top:bottom, left:right]
    return trim(mask, (left, top), score)
