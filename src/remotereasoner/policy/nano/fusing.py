"""Several views of one image as one: what is seen in most of them counts, boxes are averaged.

Weighted boxes fusion (Solovyev et al. 2021) with one box a view: a false alarm of one view loses its weight, and the
mean of several boxes lies closer to the object than the best of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from remotereasoner.types import FloatArray

__all__ = ["Seen", "fuse"]


@dataclass(frozen=True, eq=False)
class Seen:
    """Boxes of things in one view, or fused: in the same frame for all views."""

    boxes_xyxy: FloatArray
    """(N, 4)."""
    probs: FloatArray
    """(N, things): score of every class at this place."""


@dataclass
class _Cluster:
    class_index: int
    boxes: list[FloatArray] = field(default_factory=list)
    probs: list[FloatArray] = field(default_factory=list)
    views: set[int] = field(default_factory=set)

    def add(self, view: int, box: FloatArray, probs: FloatArray) -> FloatArray:
        """Take in one view's box; gives the mean box, weighted by score."""
        self.views.add(view)
        self.boxes.append(box)
        self.probs.append(probs)
        weights = np.array([p[self.class_index] for p in self.probs])
        mean: FloatArray = (np.array(self.boxes) * weights[:, None]).sum(0) / weights.sum()
        return mean


def fuse(views: Sequence[Seen], iou: float = 0.55) -> Seen:
    """One list out of one list a view. The score of a thing is the mean over all views, 0 where it was not seen.

    Boxes of one class that overlap by ``iou`` are one thing; the best are matched first.
    """
    if len(views) == 1:
        return views[0]
    rows = [
        (float(seen.probs[n].max()), view, n) for view, seen in enumerate(views) for n in range(len(seen.boxes_xyxy))
    ]
    rows.sort(key=lambda row: (-row[0], row[1], row[2]))
    clusters: list[_Cluster] = []
    means = np.zeros((len(rows), 4))
    for _, view, n in rows:
        box, probs = views[view].boxes_xyxy[n], views[view].probs[n]
        kind = int(probs.argmax())
        fits = [k for k, c in enumerate(clusters) if c.class_index == kind and view not in c.views]
        overlaps = _iou(means[fits], box)
        if len(fits) and overlaps.max() >= iou:
            chosen = fits[int(overlaps.argmax())]
        else:
            chosen = len(clusters)
            clusters.append(_Cluster(kind))
        means[chosen] = clusters[chosen].add(view, box, probs)
    probs = np.array([np.sum(c.probs, axis=0) / len(views) for c in clusters])
    things = views[0].probs.shape[1]
    return Seen(means[: len(clusters)], probs.reshape(-1, things))


def _iou(boxes: FloatArray, box: FloatArray) -> FloatArray:
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    inter = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    overlap: FloatArray = inter / np.maximum(areas - inter, 1e-9)
    return overlap
