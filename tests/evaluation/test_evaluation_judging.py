"""One sample at a time: what it adds to each score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from remotereasoner.data.samples import Sample
from remotereasoner.evaluation.judging import GROUP_ORDER, groups_of, judge
from remotereasoner.evaluation.predictions import Prediction
from remotereasoner.evaluation.protocols import PROTOCOLS
from remotereasoner.scores.boxes import soft_grounding
from remotereasoner.scores.captions import CiderD
from remotereasoner.scores.runs import Runs

BOX = (0.0, 0.0, 10.0, 10.0)
FAR = (50.0, 50.0, 60.0, 60.0)


def sample(**fields: Any) -> Sample:
    return Sample(**{"id": "s", "image": "i.png", "query": "Where?", "boxes": (BOX,), **fields})


def answer(*boxes: tuple[float, float, float, float], status: Any = "answered", **fields: Any) -> Prediction:
    return Prediction("s", status, boxes, image_hw=(64, 64), **fields)


def test_a_right_box() -> None:
    row = judge(sample(), answer(BOX), None)
    assert (row.score, row.correct) == (1.0, True)
    for name in ("acc@0.75", "f1@0.5", "count_exact", "box_recall@0.5", "matched_iou", "status_answered"):
        assert row.parts[name] == (1.0, 1.0), name
    assert row.parts["count_mae"] == (0.0, 1.0)
    assert row.parts["no_target_recall"] == (0.0, 0.0)
    assert "gIoU" not in row.parts


def test_the_score_is_the_training_reward() -> None:
    boxes = ((1.0, 0.0, 11.0, 10.0), FAR)
    row = judge(sample(), answer(*boxes), None)
    assert row.score == soft_grounding(boxes, (BOX,)) == pytest.approx(90 / 110 / 2)
    assert row.parts["acc@0.5"] == (0.0, 1.0)  # two boxes for one target
    assert row.parts["box_precision@0.5"] == (1, 2)
    assert row.parts["count_mae"] == (1, 1.0)
    assert not row.correct


@pytest.mark.parametrize("status", ["unparseable", "truncated", "refused"])
def test_a_failure_scores_nothing_and_stays_in_the_denominator(status: Any) -> None:
    empty = Runs.empty((64, 64))
    for truth in ((), (BOX,)):
        row = judge(sample(boxes=truth), answer(status=status), empty)
        for name in ("grounding", "f1@0.5", "count_exact", "gIoU", "P@0.5", "boundary_f"):
            assert row.parts[name] == (0.0, 1.0), (name, truth)
        assert row.parts["failure_rate"] == (1.0, 1.0)
        assert row.parts["no_target_precision"] == (0.0, 0.0)
        assert not row.correct
    assert judge(sample(), answer(status=status), empty).parts["acc@0.5"] == (0.0, 1.0)
    assert judge(sample(boxes=()), answer(status=status), empty).parts["no_target_recall"] == (0.0, 1.0)


def test_nothing_there() -> None:
    right = judge(sample(boxes=()), answer(status="no_target"), Runs.empty((64, 64)))
    assert right.correct
    assert right.parts["no_target_precision"] == right.parts["no_target_recall"] == (1.0, 1.0)
    assert right.parts["gIoU"] == (1.0, 1.0)
    assert "mIoU" not in right.parts
    alarm = judge(sample(boxes=()), answer(BOX), Runs.empty((64, 64)))
    assert alarm.parts["false_alarm_rate"] == (1.0, 1.0)
    assert alarm.parts["grounding"] == (0.0, 1.0)
    missed = judge(sample(), answer(status="no_target"), None)
    assert missed.parts["missed_as_nothing"] == (1.0, 1.0)
    assert missed.parts["no_target_precision"] == (0.0, 1.0)


def test_masks_outlines_and_other_protocols() -> None:
    mask = np.zeros((64, 64), dtype=np.bool_)
    mask[:10, :10] = True
    shifted = np.roll(mask, 2, axis=1)
    row = judge(
        sample(attributes={"gsd_m": 0.5}),
        answer(BOX, masks=(Runs.of_mask(shifted),)),
        Runs.of_mask(mask),
        protocols=[PROTOCOLS["rmsin"]],
    )
    assert row.parts["cIoU"] == (80, 120)
    assert row.parts["mIoU"][0] == pytest.approx(2 / 3)
    assert row.parts["contour_hausdorff_px"] == (2.0, 1.0)
    assert row.parts["contour_hausdorff_m"] == (1.0, 1.0)
    assert row.parts["rmsin/mIoU"][0] == pytest.approx(2 / 3, abs=0.02)
    from_crs = judge(sample(attributes={"gsd_m": 0.5}), answer(BOX, gsd_m=10.0), Runs.of_mask(shifted))
    assert from_crs.parts["contour_hausdorff_m"] == (20.0, 1.0)
    assert from_crs.parts["gIoU"][0] == pytest.approx(2 / 3)  # without masks the box's pixels stand in


def test_questions() -> None:
    asked = sample(task="vqa", boxes=(), answers=("100",), kind="count")
    exact = judge(asked, Prediction("s", "answered", text="100 ships"), None)
    assert exact.correct
    assert exact.parts["_kind/count"] == (1.0, 1.0)
    near = judge(asked, Prediction("s", "answered", text="about 97"), None)
    assert (near.parts["vqa_exact"][0], near.parts["vqa_tolerant"][0], near.parts["vqa_rsvqa"][0]) == (0.0, 1.0, 1.0)
    words = sample(task="vqa", boxes=(), answers=("rural",))
    assert judge(words, Prediction("s", "answered", text="Rural."), None).parts["vqa_rsvqa"] == (1.0, 1.0)
    cut = judge(words, Prediction("s", "truncated", text="rural"), None)
    assert (cut.parts["vqa_exact"], cut.correct) == ((0.0, 1.0), False)


def test_captions() -> None:
    texts = ("two ships lie in the harbour", "ships beside a pier")
    shown = sample(task="caption", boxes=(), answers=texts)
    cider = CiderD([texts, ("a road through fields",)])
    row = judge(shown, Prediction("s", "answered", text=texts[0]), None, cider=cider)
    assert row.score == 1.0
    assert row.parts["_bleu4"] == (3, 3)
    assert row.parts["_bleu_words"] == (6, 6)
    assert 0 < row.parts["cider_d"][0] <= 10
    assert judge(shown, Prediction("s", "refused"), None, cider=cider).parts["cider_d"] == (0.0, 1.0)


def test_groups() -> None:
    several = sample(boxes=(BOX, FAR, (0.0, 0.0, 40.0, 40.0)), category="ship", kind="direct", source="set")
    found = groups_of(several, answer(gsd_m=5.0))
    assert found == {
        "task": "locate", "category": "ship", "question type": "direct", "source": "set",
        "number of targets": "2–5", "object size": "small", "ground size": "3–10 m",
    }  # fmt: skip
    assert groups_of(sample(boxes=()), answer())["number of targets"] == "0"
    assert groups_of(sample(attributes={"gsd_m": 30}), answer())["ground size"] == "> 10 m"
    assert "ground size" not in groups_of(sample(attributes={"gsd_m": "fine"}), answer())
    for dimension, group in found.items():
        assert group in GROUP_ORDER.get(dimension, (group,))
