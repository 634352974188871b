from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2.5-VL checkpoint with random weights. Read only."""
    from policy.tiny_checkpoints import make_tiny_qwen2_5_vl

    return make_tiny_qwen2_5_vl(tmp_path_factory.mktemp("tiny") / "tiny-qwen2.5-vl")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample file of eight questions, its images beside it. Read only."""
    from train_parts import make_data

    return make_data(tmp_path_factory.mktemp("samples"))
