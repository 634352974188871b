"""Two embedded models on the same questions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="training needs the extra train")

from remotereasoner.errors import UsageError
from remotereasoner.training.nano import compare_models
from remotereasoner.training.nano.compare_models import differences, figures

BOX, OTHER = [10.0, 10.0, 50.0, 40.0], [200.0, 200.0, 240.0, 260.0]


def row(number: int, right: bool, **changes: Any) -> dict[str, Any]:
    told = "<|obj_0|>" if right else "<|obj_1|>"
    facts = {
        "id": str(number), "image": f"{number % 20}.jpg", "query": f"q{number}", "task": "locate", "kind": "relation",
        "boxes": [BOX], "attributes": {"style": None}, "references": [BOX, OTHER], "image_hw": [300, 400],
        "status": "answered", "predicted": [BOX if right else OTHER],
        "completion": f"<think>So it is.</think>\n<answer>{told}</answer>",
    }  # fmt: skip
    return facts | changes


def test_figures_of_one_answer() -> None:
    right, wrong = figures(row(0, right=True)), figures(row(0, right=False))
    assert right == {"reward": pytest.approx(1.3), "giou": 1.0, "f1@0.5": 1.0, "acc@0.5": 1.0}
    assert wrong["giou"] == wrong["f1@0.5"] == wrong["acc@0.5"] == 0.0
    assert 0 < wrong["reward"] < 0.5  # its form is paid
    nothing = row(0, right=True, boxes=[], predicted=[], status="no_target", kind="absent")
    nothing["completion"] = "<think>None is visible.</think>\n<answer>[]</answer>"
    assert figures(nothing) == {"reward": pytest.approx(1.3), "giou": 1.0, "f1@0.5": 1.0}
    unread = row(0, right=True, predicted=[], status="unparseable", completion="I do not know")
    assert figures(unread) == {"reward": pytest.approx(0, abs=0.11), "giou": 0.0, "f1@0.5": 0.0, "acc@0.5": 0.0}


def test_differences_are_paired() -> None:
    first = [row(n, right=n % 2 == 0) for n in range(40)]
    second = [row(n, right=n % 2 == 0 or n < 20, attributes={"style": "plain"}) for n in range(40)]
    report = differences(first, second)["all"]["acc@0.5"]
    assert (report["first"], report["second"]) == (0.5, 0.75)
    assert report["difference"]["mean"] == 0.25
    assert report["difference"]["low"] > 0
    same = differences(first, first)["all"]["reward"]["difference"]
    assert (same["low"], same["mean"], same["high"]) == (0, 0, 0)


def test_other_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="same questions"):
        differences([row(0, True)], [row(1, True)])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a.jsonl", "b.jsonl"]
    for name, right in zip(names, (False, True), strict=True):
        (tmp_path / name).write_text("".join(json.dumps(row(n, right)) + "\n" for n in range(4)))
    monkeypatch.setattr(sys, "argv", ["compare", *(str(tmp_path / name) for name in names)])
    compare_models.main()
    report = json.loads(capsys.readouterr().out)
    assert report["relation"]["acc@0.5"]["difference"]["mean"] == 1.0
