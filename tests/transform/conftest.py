from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from remotereasoner.scene.scene import Rendering, Scene
from remotereasoner.types import WindowPx


def make_scene(
    height: int, width: int, *, transform: Affine | None = None, crs: str | None = None, seed: int = 0
) -> Scene:
    """Noise with one bright disc, so that segmenters have something to see."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(40, 90, size=(height, width, 3), dtype=np.uint8)
    rows, columns = np.ogrid[:height, :width]
    pixels[(rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(height, width) / 4) ** 2] = (220, 210, 90)
    rendering = Rendering(
        source="drawn.tif",
        driver="GTiff",
        bands=(1, 2, 3),
        band_names=(None, None, None),
        dtype="uint8",
        stretch="none",
        limits=((0.0, 255.0),) * 3,
        percentiles=None,
        window=WindowPx(0, 0, width, height),
        source_hw=(height, width),
    )
    return Scene(
        pixels=pixels,
        valid=np.ones((height, width), dtype=np.bool_),
        transform=transform or Affine.identity(),
        crs=None if crs is None else CRS(crs),
        rendering=rendering,
    )


@pytest.fixture(name="make_scene")
def _make_scene():
    return make_scene


def save_tiny_sam2(folder: Path, **config) -> None:
    """A SAM 2 of 0.3 M random parameters that sees 128 x 128 px, as a checkpoint in ``folder``."""
    import torch
    from transformers import Sam2Config, Sam2Model

    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "image_size": [128, 128],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "window_size_per_stage": [8, 4, 8, 4],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    }
    parts = {
        "vision_config": {
            "backbone_config": backbone,
            "backbone_channel_list": [128, 64, 32, 16],
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
            "fpn_hidden_size": 32,
        },
        "prompt_encoder_config": {"hidden_size": 32, "image_size": 128},
        "mask_decoder_config": {
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
            **config,
        },
    }
    torch.manual_seed(0)
    model = Sam2Model(Sam2Config(**parts))
    with torch.no_grad():  # random weights of the usual size answer the same everywhere: give the prompts more to say
        for parameter in model.parameters():
            parameter.mul_(4.0)
    model.save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_sam2(tmp_path_factory) -> Path:
    pytest.importorskip("transformers", reason="needs the extra 'sam'")
    folder = tmp_path_factory.mktemp("sam2") / "tiny-sam2"
    save_tiny_sam2(folder)
    return folder
