"""Warnings that TRL and PEFT cause by names that transformers has changed: nothing that a user could act on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_renaming_warnings"]


@contextmanager
def without_renaming_warnings() -> Iterator[None]:
    """TRL 1.16 and PEFT 0.21 use what transformers 5.23 calls activation checkpointing by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=r"`\w*gradient_checkpointing\w*` is deprecated", category=FutureWarning
        )
        yield
