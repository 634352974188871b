"""How masks are counted: the canonical protocol, and what other projects' harnesses do, defects included.

The same masks give other figures under other protocols: at what size masks are compared, what an empty mask of an empty
truth is worth, what becomes of answers that could not be read. A published figure is comparable under its own protocol
only; these presets reproduce the protocols' arithmetic, as read from their public code:

===============  =======================  ===========  ====================  ===================================  =====
protocol         masks compared at        empty–empty  boxes where there is  no readable answer                   P@K
                                                       nothing, in cIoU
===============  =======================  ===========  ====================  ===================================  =====
canonical        the image's own size     1            union grows           IoU 0, truth joins the union         ≥
think2seg        squashed to 840²         1            add nothing           IoU 0, truth joins the union; not    ≥
                                                                             in P@K at all
segearth         1024², letter-boxed      1            union grows           an empty mask                        >
rmsin            squashed to 480²         0            union grows           an empty mask                        ≥
visionreasoner   the image's own size     0            union grows           IoU 0, adds nothing to cIoU          –
===============  =======================  ===========  ====================  ===================================  =====

In the canonical protocol an answer that cannot be read scores 0 even where the truth is empty: it did not say so.
Models of the SegEarth and RMSIN kind always draw a mask; an empty one is the nearest thing to none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from remotereasoner.errors import UsageError
from remotereasoner.scores.boxes import Boxes, as_boxes, pairwise_iou
from remotereasoner.scores.masks import PRECISION_AT, overlap, squashed
from remotereasoner.scores.runs import Runs
from remotereasoner.types import SizeHw

__all__ = ["PROTOCOLS", "Judged", "Parts", "Protocol", "letter_boxed", "protocol_named"]

Parts = dict[str, tuple[float, float]]
"""Name of a score to (numerator, denominator) of one sample: the score is Σ numerators / Σ denominators."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One sample as a protocol sees it."""

    predicted: Runs
    truth: Runs
    failed: bool
    """The answer could not be read; ``predicted`` is empty."""
    boxes: Boxes
    true_boxes: Boxes


@dataclass(frozen=True)
class Protocol:
    """One way to count."""

    name: str
    title: str
    parts: Callable[[Judged], Parts]


def _precisions(iou: float, *, strict: bool, counted: bool = True) -> Parts:
    return {
        f"P@{level}": (float((iou > level if strict else iou >= level) and counted), float(counted))
        for level in PRECISION_AT
    }


def _canonical(one: Judged) -> Parts:
    shared, union = overlap(one.predicted, one.truth)
    iou = 0.0 if one.failed else shared / union if union else 1.0
    parts: Parts = {"gIoU": (iou, 1.0), "cIoU": (shared, union)}
    if one.truth.edges.size:
        parts["mIoU"] = (iou, 1.0)
    return parts | _precisions(iou, strict=False)


def _think2seg(one: Judged) -> Parts:
    predicted, truth = squashed(one.predicted, (840, 840)), squashed(one.truth, (840, 840))
    if one.failed:
        parts: Parts = {"gIoU": (0.0, 1.0), "cIoU": (0.0, truth.area_px)}
        return parts | _precisions(0.0, strict=False, counted=False)
    if not truth.area_px:
        # Whatever was drawn is replaced by an empty mask before it is summed up.
        iou = float(not len(as_boxes(one.boxes)))
        return {"gIoU": (iou, 1.0), "cIoU": (0.0, 0.0)} | _precisions(iou, strict=False)
    shared, union = overlap(predicted, truth)
    return {"gIoU": (shared / union, 1.0), "cIoU": (shared, union)} | _precisions(shared / union, strict=False)


def letter_boxed(mask: Runs, side: int) -> Runs:
    """The longer side scaled to ``side``; the padding holds nothing and is left out."""
    height, width = mask.size_hw
    scale = side / max(height, width)
    size_hw: SizeHw = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
    return squashed(mask, size_hw)


def _segearth(one: Judged) -> Parts:
    shared, union = overlap(letter_boxed(one.predicted, 1024), letter_boxed(one.truth, 1024))
    iou = shared / (union + 1e-5) if union else 1.0
    return {"gIoU": (iou, 1.0), "cIoU": (shared, union)} | _precisions(iou, strict=True)


def _rmsin(one: Judged) -> Parts:
    shared, union = overlap(squashed(one.predicted, (480, 480)), squashed(one.truth, (480, 480)))
    iou = shared / union if union else 0.0
    return {"mIoU": (iou, 1.0), "oIoU": (shared, union)} | _precisions(iou, strict=False)


def _visionreasoner(one: Judged) -> Parts:
    shared, union = (0, 0) if one.failed else overlap(one.predicted, one.truth)
    found, wanted = as_boxes(one.boxes), as_boxes(one.true_boxes)
    hit = len(found) > 0 and len(wanted) > 0 and float(pairwise_iou(found, wanted).max()) > 0.5
    return {
        "gIoU": (shared / union if union else 0.0, 1.0),
        "cIoU": (shared, union),
        "bbox_AP": (float(hit), 1.0),
    }


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("canonical", "original size, empty–empty = 1, failures count", _canonical),
        Protocol("think2seg", "as Think2Seg-RS counts: squashed to 840²", _think2seg),
        Protocol("segearth", "as SegEarth-R1 counts (LISA style): letter-boxed to 1024²", _segearth),
        Protocol("rmsin", "as RMSIN counts: squashed to 480²", _rmsin),
        Protocol("visionreasoner", "as VisionReasoner counts: original size, empty–empty = 0", _visionreasoner),
    )
}


def protocol_named(name: str) -> Protocol:
    """Raises :class:`~remotereasoner.errors.UsageError` for a name that is none of :data:`PROTOCOLS`."""
    if name not in PROTOCOLS:
        raise UsageError(f"there is no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
