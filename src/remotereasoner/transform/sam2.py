"""SAM 2 (Ravi et al. 2024) as segmenter, by transformers' ``Sam2Model``: :class:`Sam2Segmenter`.

All boxes of one image, each with its points, go through the network in one call; the image embedding, which is nearly
all of the cost, is kept for the next question about the same scene. Preparing the image and enlarging the masks are
done here: transformers' own processor for SAM 2 needs torchvision.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import box_window, empty_mask, points_per_box, within
from remotereasoner.transform.sam2_checkpoint import Sam2Checkpoint, load_checkpoint
from remotereasoner.transform.upsample import upsampled_mask
from remotereasoner.types import BoxXyxy, FloatArray, PointXy, UInt8Array

if TYPE_CHECKING:
    import torch

__all__ = ["Sam2Segmenter"]

Float32Array = npt.NDArray[np.float32]

PROMPTS_PER_CALL = 32  # the decoder holds about 40 MB for each; more boxes than this are split


class Sam2Segmenter:
    """Boxes and points to masks by SAM 2; a mask may reach a little out of its box.

    The score is the network's own estimate of the mask's IoU with the object (``iou_scores``), clipped to [0, 1].
    Without points, each box's centre is used, as in the reference.
    """

    def __init__(
        self, model: str, *, revision: str | None = None, device: str | None = None, dtype: str = "float32"
    ) -> None:
        """Load ``model``, a folder or a name on the Hugging Face hub, there at ``revision``.

        Only safetensors are read and no remote code is run. ``device``: as torch names it; None is the accelerator
        where there is one, else the CPU. ``dtype``: ``float32``, ``bfloat16`` or ``float16``. Raises
        :class:`~remotereasoner.errors.ModelNotFoundError`, :class:`~remotereasoner.errors.CheckpointError`,
        :class:`~remotereasoner.errors.UsageError` and, without the extra ``sam``,
        :class:`~remotereasoner.errors.MissingExtraError`.
        """
        self._checkpoint: Sam2Checkpoint = load_checkpoint(model, revision=revision, device=device, dtype=dtype)
        self._last: tuple[weakref.ref[Scene], list[torch.Tensor]] | None = None

    @property
    def name(self) -> str:
        """``sam2:`` with the model's name and its commit on the hub or the hash of its weights."""
        return self._checkpoint.name

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        """See :class:`~remotereasoner.transform.base.Segmenter`. Boxes without a pixel in the scene: empty masks."""
        prompts = [
            own or [((x1 + x2) / 2, (y1 + y2) / 2)]
            for own, (x1, y1, x2, y2) in zip(points_per_box(boxes_xyxy, points_xy), boxes_xyxy, strict=True)
        ]
        masks = [empty_mask() for _ in boxes_xyxy]
        usable = [i for i, box in enumerate(boxes_xyxy) if box_window(box, scene.size_hw) is not None]
        for start in range(0, len(usable), PROMPTS_PER_CALL):
            chosen = usable[start : start + PROMPTS_PER_CALL]
            boxes = [boxes_xyxy[i] for i in chosen]
            logits, scores = self._decode(scene, boxes, [prompts[i] for i in chosen])
            for i, low, score in zip(chosen, logits, scores, strict=True):
                mask = upsampled_mask(low, scene.size_hw, float(np.clip(score, 0.0, 1.0)))
                masks[i] = within(mask, scene.valid)
        return masks

    def _decode(
        self, scene: Scene, boxes: Sequence[BoxXyxy], points: Sequence[Sequence[PointXy]]
    ) -> tuple[Float32Array, FloatArray]:
        """One call for all prompts: logits (N, h, w) and scores (N,)."""
        import torch

        loaded = self._checkpoint
        height, width = scene.size_hw
        scale = np.array([loaded.side_px / width, loaded.side_px / height])
        most = max(len(own) for own in points)
        xy = np.zeros((len(points), most, 2))
        labels = np.full((len(points), most), -10, dtype=np.int64)  # the network's mark of padding
        for i, own in enumerate(points):
            xy[i, : len(own)] = own
            labels[i, : len(own)] = 1
        # The network adds half a pixel, because it takes indices of pixels; ours are continuous positions.
        prompts = {
            "input_boxes": np.asarray(boxes, dtype=np.float64) * np.tile(scale, 2) - 0.5,
            "input_points": xy * scale - 0.5,
        }
        with torch.inference_mode():
            out = loaded.model(
                image_embeddings=self._embedding(scene),
                input_labels=torch.from_numpy(labels)[None].to(loaded.device),
                multimask_output=False,
                **{k: torch.from_numpy(v)[None].to(loaded.device, loaded.dtype) for k, v in prompts.items()},
            )
        return out.pred_masks[0, :, 0].float().cpu().numpy(), out.iou_scores[0, :, 0].double().cpu().numpy()

    def _embedding(self, scene: Scene) -> list[torch.Tensor]:
        """The image embedding of ``scene``; that of the last scene is kept for as long as the scene lives."""
        last = self._last
        if last is not None and last[0]() is scene:
            return last[1]
        import torch

        loaded = self._checkpoint
        pixels = torch.from_numpy(prepare(scene.pixels, loaded.side_px, loaded.mean, loaded.std))
        with torch.inference_mode():
            embedding: list[torch.Tensor] = loaded.model.get_image_embeddings(pixels.to(loaded.device, loaded.dtype))
        self._last = weakref.ref(scene, self._forget), embedding
        return embedding

    def _forget(self, scene: weakref.ref[Scene]) -> None:
        if self._last is not None and self._last[0] is scene:
            self._last = None


def prepare(pixels: UInt8Array, side_px: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Float32Array:
    """(H, W, 3) uint8 to (1, 3, side, side): squeezed to a square as SAM 2 wants it, and normalised."""
    squeezed = Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.BILINEAR)
    scaled = (np.asarray(squeezed, dtype=np.float32) / 255.0 - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
