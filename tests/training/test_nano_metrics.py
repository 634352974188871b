from __future__ import annotations

from remotereasoner.training.nano.metrics import interval


def test_an_interval_resamples_images_not_questions() -> None:
    lone = interval([("a", 1.0), ("a", 0.0)] * 50)
    assert (lone["mean"], lone["low"], lone["high"], lone["n"]) == (0.5, 0.5, 0.5, 100)
    many = interval([(str(k), float(k % 2)) for k in range(100)])
    assert many["mean"] == 0.5
    assert 0.36 < many["low"] < 0.44
    assert 0.56 < many["high"] < 0.64
    assert many == interval([(str(k), float(k % 2)) for k in range(100)])


def test_the_mean_counts_every_question_once() -> None:
    rows = [("a", 1.0)] * 3 + [("b", 0.0)]
    assert interval(rows)["mean"] == 0.75
