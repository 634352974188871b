"""GrabCut inside each box (Rother et al. 2004), by OpenCV: no weights, but weak on overhead images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from remotereasoner.errors import MissingExtraError
from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import box_window, empty_mask, points_per_box, trim, within
from remotereasoner.types import BoolArray, BoxXyxy, PointXy, UInt8Array, WindowPx

__all__ = ["FALLBACK_SCORE", "GrabCutSegmenter"]

FALLBACK_SCORE = 0.5
MARGIN = 0.5  # of the box's side, on each side: the pixels that background is learnt from
LEAST_PX = 16  # fewer pixels inside or around the box teach GrabCut's two mixtures of five Gaussians nothing
WORKING_PX = 512  # larger crops are segmented at a reduced size, for time: it grows with the number of pixels
SEED = 0


class GrabCutSegmenter:
    """Background is what surrounds the box, the object is what is unlike it in the box.

    The box itself is the mask, with the score :data:`FALLBACK_SCORE`, where GrabCut cannot work: next to nothing around
    the box (it covers the whole image), a box of a few pixels, or nothing left of the object. Else the score is 1:
    GrabCut has no measure of its own. Positive points are taken as certainly the object's. Boxes that are with their
    surroundings over 512 px long are segmented at reduced size, and their masks have steps accordingly. Sets OpenCV's
    random seed, so that results repeat.
    """

    def __init__(self, iterations: int = 5) -> None:
        try:
            import cv2
        except ImportError as error:
            raise MissingExtraError("grabcut", "the segmenter 'grabcut'") from error
        self._iterations = iterations
        self._version: str = cv2.__version__

    @property
    def name(self) -> str:
        """``grabcut`` with OpenCV's version."""
        return f"grabcut (OpenCV {self._version})"

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        """See :class:`~remotereasoner.transform.base.Segmenter`."""
        masks = []
        for box, points in zip(boxes_xyxy, points_per_box(boxes_xyxy, points_xy), strict=True):
            window = box_window(box, scene.size_hw)
            masks.append(
                empty_mask() if window is None else within(self._one(scene.pixels, window, points), scene.valid)
            )
        return masks

    def _one(self, pixels: UInt8Array, box: WindowPx, points_xy: Sequence[PointXy]) -> InstanceMask:
        crop, inside = _with_margin(box, pixels.shape[:2])
        sure = _points_in(points_xy, crop)
        mask = self._grabcut(
            pixels[crop.row_off : crop.row_off + crop.height, crop.col_off : crop.col_off + crop.width], inside, sure
        )
        if mask is None or not mask.any():
            return InstanceMask(np.ones((box.height, box.width), np.bool_), (box.col_off, box.row_off), FALLBACK_SCORE)
        return trim(mask, (box.col_off, box.row_off), 1.0)

    def _grabcut(self, crop: UInt8Array, inside: WindowPx, sure_xy: Sequence[tuple[int, int]]) -> BoolArray | None:
        """The object's pixels in the box, (h, w) bool, or None where GrabCut has nothing to go by."""
        import cv2

        height, width = crop.shape[:2]
        scale = min(1.0, WORKING_PX / max(height, width))
        size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
        x1, y1 = int(inside.col_off * scale), int(inside.row_off * scale)
        x2, y2 = math.ceil((inside.col_off + inside.width) * scale), math.ceil((inside.row_off + inside.height) * scale)
        labels = np.full(size_wh[::-1], cv2.GC_BGD, dtype=np.uint8)
        labels[y1:y2, x1:x2] = cv2.GC_PR_FGD
        for x, y in sure_xy:
            labels[min(int(y * scale), size_wh[1] - 1), min(int(x * scale), size_wh[0] - 1)] = cv2.GC_FGD
        background = int((labels == cv2.GC_BGD).sum())
        if min(background, labels.size - background) < LEAST_PX:
            return None
        image = cv2.resize(crop, size_wh, interpolation=cv2.INTER_AREA) if scale < 1.0 else np.ascontiguousarray(crop)
        cv2.setRNGSeed(SEED)
        background_model, object_model = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(
            image, labels, (0, 0, 1, 1), background_model, object_model, self._iterations, cv2.GC_INIT_WITH_MASK
        )
        found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
        if scale < 1.0:
            found = cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST)
        rows = slice(inside.row_off, inside.row_off + inside.height)
        mask: BoolArray = found[rows, inside.col_off : inside.col_off + inside.width].astype(np.bool_)
        return mask


def _with_margin(box: WindowPx, size_hw: tuple[int, ...]) -> tuple[WindowPx, WindowPx]:
    """The box with a margin, cut to the image, and the box in the pixels of that."""
    margin_x, margin_y = max(8, int(box.width * MARGIN)), max(8, int(box.height * MARGIN))
    x1, y1 = max(0, box.col_off - margin_x), max(0, box.row_off - margin_y)
    x2, y2 = min(size_hw[1], box.col_off + box.width + margin_x), min(size_hw[0], box.row_off + box.height + margin_y)
    return WindowPx(x1, y1, x2 - x1, y2 - y1), WindowPx(box.col_off - x1, box.row_off - y1, box.width, box.height)


def _points_in(points_xy: Sequence[PointXy], crop: WindowPx) -> list[tuple[int, int]]:
    """The pixels of ``crop`` that points lie in; points outside are left out."""
    found = ((math.floor(x) - crop.col_off, math.floor(y) - crop.row_off) for x, y in points_xy)
    return [(x, y) for x, y in found if 0 <= x < crop.width and 0 <= y < crop.height]
