"""Fragments to objects: :func:`merge_fragments`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from remotereasoner.tiling.looking import Fragment
from remotereasoner.tiling.merge import cut_by_window, group_fragments
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.masks import empty_mask, paste
from remotereasoner.types import BoxXyxy, FloatArray, SizeHw

__all__ = ["MAX_MASK_PX", "Merged", "merge_fragments"]

MAX_MASK_PX = 1 << 28  # of the frame of one object's mask: 256 MiB
_WHOLE_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Merged:
    """One object, in pixels of the level."""

    fragments: tuple[Fragment, ...]
    """What it was made of, in window order."""
    box_xyxy: BoxXyxy
    mask: InstanceMask
    """Empty where the object's frame is larger than :data:`MAX_MASK_PX`: the box still stands."""
    score: float | None
    label: str | None

    @property
    def is_too_large(self) -> bool:
        """True where there would be a mask, but for its size."""
        return not self.mask.mask.size and any(fragment.mask.mask.size for fragment in self.fragments)


def merge_fragments(fragments: Sequence[Fragment], windows_xyxy: FloatArray, size_hw: SizeHw) -> list[Merged]:
    """Objects in the order of their first fragment by window and position in its answer, whatever the order given.

    ``windows_xyxy``: (W, 4) of all windows, by index; ``size_hw``: of the level. An object that a window shows whole is
    taken from there, from the window in whose middle it lies most; one that every window cuts is the union of its
    fragments. Scores are means by area, of the policy and of the segmenter each; the label is the largest fragment's.
    """
    if not fragments:
        return []
    ordered = sorted(fragments, key=lambda fragment: (fragment.window, fragment.number))
    owners = np.array([fragment.window for fragment in ordered])
    outlines = [fragment.outline for fragment in ordered]
    reach = shapely.bounds(np.array(outlines, dtype=object))
    boxes = np.array([fragment.box_xyxy for fragment in ordered])
    reach = np.hstack([np.minimum(reach[:, :2], boxes[:, :2]), np.maximum(reach[:, 2:], boxes[:, 2:])])
    cut = cut_by_window(reach, windows_xyxy[owners], size_hw)
    margin = np.hstack([reach[:, :2] - windows_xyxy[owners, :2], windows_xyxy[owners, 2:] - reach[:, 2:]]).min(axis=1)
    areas = shapely.area(np.array(outlines, dtype=object)).tolist()
    groups = group_fragments(outlines, owners, windows_xyxy, cut)
    is_cut, margins = cut.tolist(), margin.tolist()  # there are many groups of one or two: lists are faster
    merged = []
    for group in groups:
        if len(group) == 1:
            one = ordered[group[0]]
            merged.append(Merged((one,), one.box_xyxy, one.mask, one.score, one.label))
            continue
        parts = tuple(ordered[k] for k in group)
        weights = [areas[k] for k in group]
        whole = [k for k in group if not is_cut[k]]
        best = max(whole, key=lambda k: margins[k], default=None)
        if best is not None and areas[best] >= _WHOLE_SHARE * max(weights):
            merged.append(_taken(parts, ordered[best], weights))
        else:
            merged.append(_united(parts, weights))
    return merged


def _taken(parts: tuple[Fragment, ...], whole: Fragment, area: Sequence[float]) -> Merged:
    mask = InstanceMask(whole.mask.mask, whole.mask.offset_xy, _mean([p.mask.score for p in parts], area) or 0.0)
    return Merged(parts, whole.box_xyxy, mask, _mean([p.score for p in parts], area), whole.label)


def _united(parts: tuple[Fragment, ...], area: Sequence[float]) -> Merged:
    boxes = np.array([part.box_xyxy for part in parts])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    largest = parts[int(np.argmax(area))]
    score = _mean([part.score for part in parts], area)
    return Merged(parts, box, _union([part.mask for part in parts], area), score, largest.label)


def _union(masks: Sequence[InstanceMask], area: Sequence[float]) -> InstanceMask:
    some = [mask for mask in masks if mask.mask.size]
    if not some:
        return empty_mask()
    score = _mean([mask.score for mask in masks], area) or 0.0
    if len(some) == 1:
        return InstanceMask(some[0].mask, some[0].offset_xy, score)
    corners = np.array([mask.offset_xy for mask in some])
    ends = corners + np.array([mask.mask.shape[::-1] for mask in some])
    low, high = corners.min(axis=0), ends.max(axis=0)
    width, height = (int(side) for side in high - low)
    if width * height > MAX_MASK_PX:
        return empty_mask()
    frame = np.zeros((height, width), dtype=np.bool_)
    for mask in some:
        x, y = mask.offset_xy
        paste(InstanceMask(mask.mask, (x - int(low[0]), y - int(low[1])), mask.score), frame)
    return InstanceMask(frame, (int(low[0]), int(low[1])), score)


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Weighted mean of the values that there are."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    if not known:
        return None
    first = known[0][0]
    if all(value == first for value, _ in known):
        return first  # without rounding
    return math.fsum(value * weight for value, weight in known) / math.fsum(weight for _, weight in known)
