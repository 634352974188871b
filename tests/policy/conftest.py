from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_qwen25(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL checkpoint with random weights. Read only: copy it before changing it."""
    from tiny_checkpoints import make_tiny_qwen2_5_vl

    return make_tiny_qwen2_5_vl(tmp_path_factory.mktemp("tiny") / "tiny-qwen2.5-vl")


@pytest.fixture(scope="session")
def tiny_qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3-VL checkpoint with random weights. Read only: copy it before changing it."""
    from tiny_checkpoints import make_tiny_qwen3_vl

    return make_tiny_qwen3_vl(tmp_path_factory.mktemp("tiny") / "tiny-qwen3-vl")


@pytest.fixture(scope="session")
def tiny_internvl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An InternVL checkpoint with random weights. Read only: copy it before changing it."""
    from tiny_checkpoints import make_tiny_internvl

    return make_tiny_internvl(tmp_path_factory.mktemp("tiny") / "tiny-internvl")
