"""Agreement as confidence, and its calibration by hand."""

from __future__ import annotations

import pytest

from remotereasoner.evaluation.consistency import Reliability, agreement
from remotereasoner.evaluation.predictions import Prediction, Vote

BOX = (0.0, 0.0, 10.0, 10.0)
FAR = (50.0, 50.0, 60.0, 60.0)


def test_agreement_of_places() -> None:
    said = Prediction("s", "answered", (BOX,))
    votes = [Vote("answered", (BOX,)), Vote("answered", (FAR,)), Vote("unparseable"), Vote("answered", (BOX, FAR))]
    assert agreement(said, votes, "locate") == pytest.approx((1 + 0 + 0 + 0.5) / 4)
    assert agreement(Prediction("s", "no_target"), [Vote("no_target"), Vote("truncated")], "locate") == 0.5
    assert agreement(Prediction("s", "refused"), [Vote("refused")], "locate") == 0.0
    assert agreement(said, [], "locate") is None


def test_agreement_of_words() -> None:
    said = Prediction("s", "answered", text="Two.")
    votes = [Vote("answered", text="2"), Vote("answered", text="three"), Vote("answered")]
    assert agreement(said, votes, "vqa") == pytest.approx(1 / 3)
    told = Prediction("s", "answered", text="ships in a harbour")
    assert agreement(told, [Vote("answered", text="ships in a harbour")], "caption") == 1.0


def test_calibration_by_hand() -> None:
    found = Reliability()
    for confidence, correct in ((0.95, True), (1.0, True), (0.91, False), (0.25, False), (0.22, True)):
        found.add(confidence, correct)
    # Last bin: mean 0.9533, right 2/3; third bin: mean 0.235, right 1/2.
    assert found.ece() == pytest.approx((3 * abs(2.86 / 3 - 2 / 3) + 2 * abs(0.235 - 0.5)) / 5)
    document = found.to_dict()
    assert [(one["from"], one["n"]) for one in document["bins"]] == [(0.2, 2), (0.9, 3)]
    assert document["accuracy"] == pytest.approx(3 / 5)
    assert Reliability().ece() is None
    assert Reliability().to_dict()["confidence"] is None
