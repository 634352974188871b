"""The plain segmenter: the object is its box. Needs no weights; a floor for the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import box_window, empty_mask, points_per_box
from remotereasoner.types import BoxXyxy, PointXy

__all__ = ["BoxSegmenter"]


class BoxSegmenter:
    """Fills the box: every pixel whose centre lies in it (see :func:`~remotereasoner.transform.masks.box_window`).

    The score is 1 where there are pixels, 0 where there are none; points are not looked at.
    """

    @property
    def name(self) -> str:
        """``box``."""
        return "box"

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        """See :class:`~remotereasoner.transform.base.Segmenter`."""
        points_per_box(boxes_xyxy, points_xy)  # refuses what every segmenter refuses
        masks = []
        for box in boxes_xyxy:
            window = box_window(box, scene.size_hw)
            if window is None:
                masks.append(empty_mask())
                continue
            filled = np.ones((window.height, window.width), dtype=np.bool_)
            masks.append(InstanceMask(filled, (window.col_off, window.row_off), 1.0))
        return masks
