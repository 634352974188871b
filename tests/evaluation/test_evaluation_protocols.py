"""Five samples counted by hand under every protocol."""

from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.errors import UsageError
from remotereasoner.evaluation.protocols import PROTOCOLS, Judged, letter_boxed, protocol_named
from remotereasoner.scores.runs import Runs


def bar(side: int, start: int, stop: int) -> Runs:
    """Columns ``start`` to ``stop`` of a square image."""
    mask = np.zeros((side, side), dtype=np.bool_)
    mask[:, start:stop] = True
    return Runs.of_mask(mask)


def box(side: int, start: int, stop: int) -> tuple[float, float, float, float]:
    return (float(start), 0.0, float(stop), float(side))


# As shares of the image: what is drawn, what is true, what both share.
SAMPLES = [
    # 8²: drawn 1/4, true 1/2, shared 1/4: IoU 1/2
    Judged(bar(8, 0, 2), bar(8, 0, 4), False, [box(8, 0, 2)], [box(8, 0, 4)]),
    # 16²: drawn 1/2, true 1/2, shared 1/4: IoU 1/3
    Judged(bar(16, 4, 12), bar(16, 0, 8), False, [box(16, 4, 12)], [box(16, 0, 8)]),
    # 8²: nothing there, nothing drawn
    Judged(bar(8, 0, 0), bar(8, 0, 0), False, [], []),
    # 8²: nothing there, half of it drawn
    Judged(bar(8, 0, 4), bar(8, 0, 0), False, [box(8, 0, 4)], []),
    # 16²: half of it is true, the answer cannot be read
    Judged(bar(16, 0, 0), bar(16, 0, 8), True, [], [box(16, 0, 8)]),
]


def totals(name: str, samples: list[Judged] = SAMPLES) -> dict[str, float]:
    sums: dict[str, list[float]] = {}
    for sample in samples:
        for score, part in PROTOCOLS[name].parts(sample).items():
            both = sums.setdefault(score, [0.0, 0.0])
            both[0] += part[0]
            both[1] += part[1]
    return {score: a / b for score, (a, b) in sums.items() if b}


def test_canonical() -> None:
    found = totals("canonical")
    assert found["gIoU"] == pytest.approx((1 / 2 + 1 / 3 + 1 + 0 + 0) / 5)
    # In pixels: shared 16 + 64, union 32 + 192 + 0 + 32 + 128.
    assert found["cIoU"] == pytest.approx(80 / 384)
    assert found["mIoU"] == pytest.approx((1 / 2 + 1 / 3 + 0) / 3)
    assert found["P@0.5"] == pytest.approx(2 / 5)
    assert found["P@0.6"] == pytest.approx(1 / 5)


def test_think2seg_squashes_forgives_false_alarms_and_drops_failures_from_precision() -> None:
    found = totals("think2seg")
    assert found["gIoU"] == pytest.approx((1 / 2 + 1 / 3 + 1 + 0 + 0) / 5)
    # All images weigh the same; the false alarm adds nothing, the failure its truth.
    assert found["cIoU"] == pytest.approx((1 / 4 + 1 / 4) / (1 / 2 + 3 / 4 + 0 + 0 + 1 / 2))
    assert found["P@0.5"] == pytest.approx(2 / 4)


def test_segearth_letter_boxes_and_is_strict() -> None:
    found = totals("segearth")
    assert found["gIoU"] == pytest.approx((1 / 2 + 1 / 3 + 1 + 0 + 0) / 5, abs=1e-9)
    assert found["cIoU"] == pytest.approx((1 / 4 + 1 / 4) / (1 / 2 + 3 / 4 + 0 + 1 / 2 + 1 / 2))
    assert found["P@0.5"] == pytest.approx(1 / 5)  # an IoU of one half is not above it


def test_rmsin_gives_nothing_for_an_empty_truth() -> None:
    found = totals("rmsin")
    assert found["mIoU"] == pytest.approx((1 / 2 + 1 / 3) / 5)
    assert found["oIoU"] == pytest.approx((1 / 4 + 1 / 4) / (1 / 2 + 3 / 4 + 0 + 1 / 2 + 1 / 2))
    assert found["P@0.5"] == pytest.approx(1 / 5)


def test_visionreasoner_leaves_failures_out_of_ciou() -> None:
    found = totals("visionreasoner")
    assert found["gIoU"] == pytest.approx((1 / 2 + 1 / 3) / 5)
    assert found["cIoU"] == pytest.approx(80 / (32 + 192 + 0 + 32))
    assert found["bbox_AP"] == 0.0  # IoU 1/2 is not above one half
    right = Judged(bar(8, 0, 4), bar(8, 0, 4), False, [box(8, 5, 8), box(8, 0, 4)], [box(8, 0, 4)])
    assert totals("visionreasoner", [*SAMPLES, right])["bbox_AP"] == pytest.approx(1 / 6)


def test_an_unreadable_answer_is_not_nothing_there() -> None:
    silent = Judged(bar(8, 0, 0), bar(8, 0, 0), True, [], [])
    assert totals("canonical", [silent])["gIoU"] == 0.0
    assert totals("think2seg", [silent])["gIoU"] == 0.0
    assert totals("segearth", [silent])["gIoU"] == 1.0  # such a model always draws: an empty mask is its "nothing"


def test_letter_box_keeps_the_aspect() -> None:
    mask = Runs.of_mask(np.ones((10, 20), dtype=np.bool_))
    assert letter_boxed(mask, 1024).size_hw == (512, 1024)


def test_an_unknown_name() -> None:
    assert protocol_named("rmsin").name == "rmsin"
    with pytest.raises(UsageError, match="there are canonical, think2seg"):
        protocol_named("lisa")
