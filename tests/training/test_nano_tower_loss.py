from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nano_parts import ChosenTower
from remotereasoner.policy.nano.tower import PerceptionTower, TowerOutput
from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.training.nano.tower_loss import _assign, _flatten, area_loss, thing_loss

SHIP, TREE = THINGS.index("ship"), THINGS.index("tree")


def square(centre: float, side: float) -> list[float]:
    return [centre - side / 2, centre - side / 2, centre + side / 2, centre + side / 2]


def cells_of(boxes: list[list[float]], side: int = 384) -> tuple[Tensor, Tensor, Tensor]:
    """(index of the box per cell, centres, levels)."""
    _, _, centres, levels = _flatten(ChosenTower()(torch.zeros(1, 3, side, side)))
    return _assign(torch.tensor(boxes), centres, levels), centres, levels


@pytest.mark.parametrize(
    ("box", "per_level"),
    [
        (square(100, 32), [9, 0, 0]),  # centres 92, 100, 108 within 1.5 strides
        (square(100, 50), [9, 9, 0]),  # both levels are for 40 … 56 px
        (square(100, 56), [0, 9, 0]),
        (square(128, 130), [0, 16, 16]),
        (square(128, 200), [0, 0, 16]),
        (square(100, 8), [1, 0, 0]),
        (square(101, 4), [1, 0, 0]),  # a tiny box keeps the cell whose centre is nearest
        (square(104, 2), [4, 0, 0]),  # or the four that share its corner
        ([60.0, 94.0, 140.0, 102.0], [0, 0, 0]),  # too flat for the cells of its level: 80 px long, between rows
        ([60.0, 100.0, 140.0, 124.0], [0, 6, 0]),
    ],
)
def test_which_cells_are_for_a_box(box: list[float], per_level: list[int]) -> None:
    index, _, levels = cells_of([box])
    assert [int(((index == 0) & (levels == n)).sum()) for n in range(3)] == per_level


def test_cells_lie_inside_their_box_and_near_its_middle() -> None:
    box = [100.0, 50.0, 300.0, 90.0]
    index, centres, levels = cells_of([box])
    mine = centres[index == 0]
    assert len(mine) > 0
    assert set(levels[index == 0].tolist()) == {2}
    assert ((mine[:, 0] > 100) & (mine[:, 0] < 300) & (mine[:, 1] > 50) & (mine[:, 1] < 90)).all()
    assert (mine - torch.tensor([200.0, 70.0])).abs().max() <= 48


def test_the_smaller_box_wins_a_cell() -> None:
    large, small = square(100, 54), square(100, 20)
    for boxes, number in (([large, small], 1), ([small, large], 0)):
        index, centres, levels = cells_of(boxes)
        at = (centres == 100).all(1) & (levels == 0)
        assert index[at].tolist() == [number]
        assert set(index[levels == 0].tolist()) == {-1, number}  # the same 3 x 3 cells are for both


def output_with(box: list[float], name: int, score_logit: float) -> TowerOutput:
    return ChosenTower([(THINGS[name], float(torch.tensor(score_logit).sigmoid()), tuple(box))])(
        torch.zeros(1, 3, 256, 256)
    )


def losses(output: TowerOutput, boxes: list[list[float]], names: list[int], weight: float = 1.0) -> tuple[float, float]:
    weights = torch.full((1, len(THINGS)), weight)
    classes, box = thing_loss(
        output, [torch.tensor(boxes).reshape(-1, 4)], [torch.tensor(names, dtype=torch.long)], weights
    )
    return float(classes), float(box)


TINY = square(100, 8)  # one cell is for it


def test_the_right_box_costs_nothing() -> None:
    assert losses(output_with(TINY, SHIP, 8.0), [TINY], [SHIP])[1] == pytest.approx(0, abs=1e-5)
    assert losses(output_with(TINY, SHIP, 8.0), [TINY], [SHIP])[0] < 1e-3


def test_a_shifted_box_costs_its_giou() -> None:
    shifted = [98.0, 96.0, 106.0, 104.0]  # IoU 0.6, hull 10 × 8 of which nothing is empty
    assert losses(output_with(shifted, SHIP, 8.0), [TINY], [SHIP])[1] == pytest.approx((1 - 0.6) / 8, abs=1e-4)


def test_a_score_is_to_be_the_iou_of_its_box() -> None:
    shifted = [98.0, 96.0, 106.0, 104.0]
    costs = {s: losses(output_with(shifted, SHIP, math.log(s / (1 - s))), [TINY], [SHIP])[0] for s in (0.3, 0.6, 0.9)}
    assert costs[0.6] < costs[0.3]
    assert costs[0.6] < costs[0.9]


def test_the_wrong_class_costs_twice() -> None:
    right, wrong = (losses(output_with(TINY, name, 3.0), [TINY], [SHIP])[0] for name in (SHIP, TREE))
    assert wrong > 10 * right


def test_a_false_alarm_costs_as_much_as_its_negatives_weigh() -> None:
    alarm = output_with(TINY, SHIP, 2.0)
    full = losses(alarm, [], [])[0]
    p = float(torch.tensor(2.0).sigmoid())
    assert full == pytest.approx(-math.log(1 - p) * p**2 / 8, rel=1e-3)
    assert losses(alarm, [], [], 0.25)[0] == pytest.approx(full / 4, rel=1e-3)
    assert losses(alarm, [], [], 0.0) == (0, 0)


def test_a_labelled_thing_is_no_other_thing_whatever_the_weights() -> None:
    assert losses(output_with(TINY, TREE, 3.0), [TINY], [SHIP], weight=0.0)[0] > 0.1


def area_tensors(value: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    shape = (2, len(AREAS), 20, 20)
    return torch.full(shape, value), torch.zeros(shape), torch.zeros(shape), torch.full(shape[:2], -1)


def test_area_loss_is_mean_entropy_where_known() -> None:
    logits, targets, weights, presence = area_tensors()
    weights[0, 1] = 1
    assert float(area_loss(logits, targets, weights, presence)) == pytest.approx(math.log(2))
    weights[0, 1] = 0
    weights[0, 1, :5] = 1  # 100 cells count as 200
    assert float(area_loss(logits, targets, weights, presence)) == pytest.approx(math.log(2) / 2)
    assert float(area_loss(*area_tensors()[:3], presence)) == 0


def test_an_area_that_merely_occurs_is_pulled_up_in_its_likeliest_fifth() -> None:
    logits, targets, weights, presence = area_tensors(-1.0)
    presence[1, 2] = 1
    logits[1, 2, :4] = 1.0
    logits.requires_grad_(True)
    loss = area_loss(logits, targets, weights, presence)
    assert float(loss.detach()) == pytest.approx(0.3 * math.log(1 + math.exp(-1)), rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    pulled = logits.grad != 0
    assert int(pulled.sum()) == 80
    assert pulled[1, 2, :4].all()
    assert (logits.grad[pulled] < 0).all()


def test_presence_says_nothing_where_a_mask_does() -> None:
    logits, targets, weights, presence = area_tensors(-1.0)
    weights[1, 2] = 1
    without = float(area_loss(logits, targets, weights, presence))
    presence[1, 2] = 1
    assert float(area_loss(logits, targets, weights, presence)) == without


def test_a_few_steps_on_one_batch_help() -> None:
    torch.manual_seed(0)
    tower = PerceptionTower(16).eval()
    x = torch.rand(2, 3, 96, 96) * 255
    boxes = [torch.tensor([square(40, 30)]), torch.tensor([square(50, 44), [10.0, 60.0, 34.0, 80.0]])]
    names = [torch.tensor([SHIP]), torch.tensor([TREE, SHIP])]
    targets = torch.zeros(2, len(AREAS), 12, 12)
    targets[:, 1, 6:] = 1
    weights, presence = torch.ones_like(targets), torch.full((2, len(AREAS)), -1)
    optimizer = torch.optim.Adam(tower.parameters(), lr=2e-3)
    history: list[list[float]] = []
    for _ in range(8):
        output = tower(x)
        parts = (
            *thing_loss(output, boxes, names, torch.ones(2, len(THINGS))),
            area_loss(output.area_logits, targets, weights, presence),
        )
        optimizer.zero_grad()
        sum(parts[1:], parts[0]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        history.append([float(p.detach()) for p in parts])
    first, last = history[0], history[-1]
    assert all(b < 0.9 * a for a, b in zip(first[1:], last[1:], strict=True))
    assert sum(last) < 0.8 * sum(first)
