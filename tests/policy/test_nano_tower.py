from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from remotereasoner.policy.nano.tower import STRIDES, PerceptionTower, load_tower
from remotereasoner.policy.nano.vocabulary import AREAS, CLASSES, PLURALS, SINGULARS, THINGS

WIDTH = 8


@pytest.fixture(scope="module")
def tower() -> PerceptionTower:
    torch.manual_seed(0)
    return PerceptionTower(WIDTH).eval()


def test_every_level_has_its_maps(tower: PerceptionTower) -> None:
    with torch.inference_mode():
        output = tower(torch.rand(2, 3, 64, 96) * 255)
    grids = [(64 // s, 96 // s) for s in STRIDES]
    assert [tuple(x.shape) for x in output.class_logits] == [(2, len(THINGS), *g) for g in grids]
    assert [tuple(x.shape) for x in output.ltrb_px] == [(2, 4, *g) for g in grids]
    assert [tuple(x.shape) for x in output.pyramid] == [(2, WIDTH, *g) for g in grids]
    assert output.area_logits.shape == (2, len(AREAS), 8, 12)


def test_distances_are_positive_and_grow_with_the_stride(tower: PerceptionTower) -> None:
    with torch.inference_mode():
        output = tower(torch.rand(1, 3, 64, 64) * 255)
    assert all((x > 0).all() for x in output.ltrb_px)
    means = [float(x.mean()) for x in output.ltrb_px]
    assert means[0] < means[1] < means[2]


def test_a_fresh_head_expects_nothing(tower: PerceptionTower) -> None:
    """The focal loss needs a start at a probability of about one in a hundred."""
    with torch.inference_mode():
        output = tower(torch.rand(1, 3, 64, 64) * 255)
    assert all((x.sigmoid() < 0.05).all() for x in output.class_logits)


def test_images_of_a_batch_do_not_touch_each_other(tower: PerceptionTower) -> None:
    torch.manual_seed(3)
    x = torch.rand(2, 3, 32, 64) * 255
    with torch.inference_mode():
        both, alone = tower(x), tower(x[1:])
    for a, b in zip(both.class_logits, alone.class_logits, strict=True):
        assert torch.allclose(a[1:], b, atol=1e-4)
    assert torch.allclose(both.area_logits[1:], alone.area_logits, atol=1e-4)


def test_half_precision_weights_come_back_in_full_and_ready(tower: PerceptionTower, tmp_path: Path) -> None:
    path = tmp_path / "tower.safetensors"
    save_file({k: v.half() if v.is_floating_point() else v for k, v in tower.state_dict().items()}, path)
    loaded = load_tower(path, WIDTH)
    assert not loaded.training
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    for name, tensor in loaded.state_dict().items():
        assert torch.allclose(tensor.float(), tower.state_dict()[name].float(), atol=2e-3, rtol=2e-3), name


def test_weights_of_another_width_are_refused(tower: PerceptionTower, tmp_path: Path) -> None:
    path = tmp_path / "tower.safetensors"
    save_file(tower.state_dict(), path)
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_tower(path, 2 * WIDTH)


def test_every_class_has_a_name_for_one_and_for_many() -> None:
    assert len(set(CLASSES)) == len(THINGS) + len(AREAS)
    assert set(SINGULARS) == set(PLURALS) == set(CLASSES)
    assert all(SINGULARS[c] != PLURALS[c] or c == "land" for c in CLASSES)
    assert len(set(PLURALS.values())) == len(CLASSES)
