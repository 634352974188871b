"""What completions are worth: the rewards of a run, and the figures of a validation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from remotereasoner.errors import UsageError
from remotereasoner.policy.answer import Answer
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.rewards.base import Reward
from remotereasoner.scores.boxes import Boxes, as_boxes, set_f1
from remotereasoner.training.data_sets import Row
from remotereasoner.training.greedy import Drawn
from remotereasoner.training.nearest import did_you_mean
from remotereasoner.training.policies import answer_of_row
from remotereasoner.training.view import STATUSES
from remotereasoner.types import FloatArray

__all__ = ["Judge", "Scored", "boxes_iou", "reward_rows", "weighted"]

_CHUNK = 32


@dataclass(frozen=True)
class Scored:
    """Rewards of completions."""

    totals: list[float | None]
    """Weighted sums; None where no reward judged."""
    by_name: dict[str, list[float | None]]


def weighted(functions: Sequence[Reward], weights: Sequence[float], chosen: Mapping[str, float]) -> list[float]:
    """The weights, those in ``chosen`` in place of the preset's. Raises UsageError for a name that is no reward's."""
    names = [function.__name__ for function in functions]
    for name in chosen:
        if name not in names:
            raise UsageError(f"rewards.weights.{name} is no reward of this preset{did_you_mean(name, names)}")
    return [float(chosen.get(name, weight)) for name, weight in zip(names, weights, strict=True)]


class Judge:
    """Rewards with their weights, and the codec that reads the answers."""

    def __init__(self, functions: Sequence[Reward], weights: Sequence[float], codec: CoordinateCodec) -> None:
        self.functions = list(functions)
        self.weights = list(weights)
        self.names = [function.__name__ for function in functions]
        self.codec = codec

    def answer(self, row: Row, text: str, *, truncated: bool) -> Answer:
        return answer_of_row(text, row, self.codec, truncated=truncated)

    def status(self, row: Row, text: str, *, truncated: bool) -> str:
        return self.answer(row, text, truncated=truncated).status

    def rewards(self, rows: Sequence[Row], drawn: Sequence[Drawn]) -> Scored:
        """As TRL calls and sums them: None is left out of the sum."""
        seen = reward_rows(rows)
        columns: dict[str, list[Any]] = {name: [row[name] for row in seen] for name in seen[0] if name != "prompt"}
        given: dict[str, Any] = {
            "prompts": [row["prompt"] for row in rows],
            "completions": [[{"role": "assistant", "content": one.text}] for one in drawn],
            "completion_ids": [list(one.ids) for one in drawn],
        }
        by_name = {
            name: function(**given, **columns) for name, function in zip(self.names, self.functions, strict=True)
        }
        totals: list[float | None] = []
        for position in range(len(rows)):
            judged = [
                (weight, value)
                for weight, values in zip(self.weights, by_name.values(), strict=True)
                if (value := values[position]) is not None
            ]
            totals.append(sum(weight * value for weight, value in judged) if judged else None)
        return Scored(totals, by_name)

    def figures(self, rows: Sequence[Row], drawn: Sequence[Drawn]) -> dict[str, float]:
        """``reward`` and each reward's mean, ``giou`` and ``f1`` of questions for places, status rates, mean length.

        ``giou``: mean IoU of the union of predicted with the union of true boxes, 1 for two empty sets; ``f1``: mean
        F1@0.5 of box sets. An answer that cannot be read counts as no box, and as 0 where nothing was to be found.
        """
        found: dict[str, list[float]] = defaultdict(list)
        statuses: Counter[str] = Counter()
        for first in range(0, len(rows), _CHUNK):
            some = [rows[index] for index in range(first, min(first + _CHUNK, len(rows)))]
            written = drawn[first : first + len(some)]
            scored = self.rewards(some, written)
            found["reward"] += _known(scored.totals)
            for name, values in scored.by_name.items():
                found[f"rewards/{name}/mean"] += _known(values)
            for row, one in zip(some, written, strict=True):
                answer = self.answer(row, one.text, truncated=one.truncated)
                statuses[answer.status] += 1
                if row["task"] == "locate":
                    readable = answer.status in ("answered", "no_target")
                    found["giou"].append(boxes_iou(answer.boxes_xyxy, row["boxes"]) if readable else 0.0)
                    found["f1"].append(set_f1(answer.boxes_xyxy, row["boxes"]) if readable else 0.0)
        figures = {name: fmean(values) for name, values in found.items() if values}
        figures |= {f"status/{status}": statuses[status] / len(drawn) for status in STATUSES}
        figures["completions/mean_length"] = fmean(one.tokens for one in drawn)
        return figures


def reward_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows for the rewards: ``image`` is the file's path, since the policy's view of it has another size."""
    return [{**row, "image": row["image_path"]} if "image_path" in row else dict(row) for row in rows]


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def boxes_iou(first: Boxes, second: Boxes) -> float:
    """IoU of the areas that two sets of boxes cover; 1 for two empty sets.

    Exact: the plane is cut along all edges, and each cell lies wholly in a set or wholly outside.
    """
    a, b = as_boxes(first), as_boxes(second)
    if len(a) == 0 and len(b) == 0:
        return 1.0
    both = np.concatenate([a, b])
    xs, ys = np.unique(both[:, [0, 2]]), np.unique(both[:, [1, 3]])
    cells = np.diff(ys)[:, None] * np.diff(xs)[None, :]
    in_a, in_b = _covered(a, xs, ys), _covered(b, xs, ys)
    union = float(cells[in_a | in_b].sum())
    return float(cells[in_a & in_b].sum()) / union if union > 0 else 0.0


def _covered(boxes: FloatArray, xs: FloatArray, ys: FloatArray) -> Any:
    covered = np.zeros((len(ys) - 1, len(xs) - 1), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        left, right = np.searchsorted(xs, [x1, x2])
        top, bottom = np.searchsorted(ys, [y1, y2])
        covered[top:bottom, left:right] = True
    return covered
