from __future__ import annotations

import numpy as np
import pytest

from remotereasoner.transform import upsample
from remotereasoner.transform.masks import union
from remotereasoner.transform.upsample import upsampled_mask


@pytest.mark.parametrize("size_hw", [(37, 53), (200, 90), (8, 8), (5, 300), (1, 1), (16, 3)])
@pytest.mark.parametrize("strip_px", [1 << 22, 200])
def test_it_is_what_torch_interpolates(size_hw, strip_px, monkeypatch) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")
    monkeypatch.setattr(upsample, "STRIP_PX", strip_px)
    rng = np.random.default_rng(0)
    for trial in range(12):
        logits = rng.normal(-trial / 4, 1.0, size=(8, 8)).astype(np.float32)
        stretched = torch.nn.functional.interpolate(
            torch.from_numpy(logits)[None, None], size_hw, mode="bilinear", align_corners=False
        )[0, 0].numpy()
        mask = upsampled_mask(logits, size_hw, 0.5)
        ours = union([mask], size_hw)
        clear = np.abs(stretched) > 1e-5  # rounding may decide the rest
        assert np.array_equal(ours[clear], (stretched > 0)[clear])
        assert clear.mean() > 0.99 or stretched.size < 200


def test_nothing_above_zero_is_no_object() -> None:
    mask = upsampled_mask(np.full((4, 4), -1.0, dtype=np.float32), (40, 40), 0.9)
    assert mask.mask.shape == (0, 0)
    assert mask.score == 0.0


def test_a_small_object_in_a_huge_scene_costs_its_own_size() -> None:
    logits = np.full((256, 256), -5.0, dtype=np.float32)
    logits[100:102, 30:32] = 5.0
    mask = upsampled_mask(logits, (100_000, 100_000), 0.9)
    assert mask.mask.shape == (781, 781)
    assert mask.score == 0.9
