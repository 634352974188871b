"""Results without a model: what tests of files, pictures and commands start from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from remotereasoner.policy.answer import Answer
from remotereasoner.policy.base import Completion, PolicyIdentity, Sampling
from remotereasoner.provenance import Provenance
from remotereasoner.result import Result
from remotereasoner.scene.scene import Scene
from remotereasoner.transform.base import InstanceMask
from remotereasoner.transform.findings import build_findings
from remotereasoner.transform.masks import trim
from remotereasoner.types import BoolArray

UTM_18N = CRS.from_epsg(32618)
MakeResult = Callable[..., Result]
MakeScene = Callable[..., Scene]


def disc(size_hw: tuple[int, int], centre_xy: tuple[float, float], radius: float, hole: float = 0.0) -> BoolArray:
    """(H, W) bool: a disc, with a round hole in it."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    distance = np.hypot(x + 0.5 - centre_xy[0], y + 0.5 - centre_xy[1])
    return (distance < radius) & (distance >= hole)


@pytest.fixture
def make_scene() -> MakeScene:
    """A scene of noise; UTM with 10 m pixels unless told otherwise, ``crs=None`` for no place at all."""

    def make(
        size_hw: tuple[int, int] = (120, 160), *, crs: CRS | None = UTM_18N, transform: Affine | None = None
    ) -> Scene:
        rng = np.random.default_rng(5)
        pixels = rng.integers(30, 200, (*size_hw, 3), dtype=np.uint8)
        place = transform or (Affine(10, 0, 400_000, 0, -10, 4_200_000) if crs is not None else None)
        return Scene.from_array(pixels, transform=place, crs=crs, source="noise.tif")

    return make


@pytest.fixture
def make_result() -> MakeResult:
    """A result over ``scene`` with the given full-frame masks; a box around each."""

    def make(scene: Scene, frames: Sequence[BoolArray] = (), **changes: Any) -> Result:
        masks = [trim(frame, (0, 0), 0.9 - 0.001 * number) for number, frame in enumerate(frames)]
        fields: dict[str, Any] = {
            "status": "answered" if frames else "no_target",
            "task": "locate",
            "reasoning": "Round shapes with a dark centre are tanks.",
            "boxes_xyxy": tuple(_box(mask) for mask in masks),
            "labels": tuple(f"tank {number}" for number in range(len(masks))),
        }
        question = changes.pop("question", "Where is oil stored?")
        answer = Answer(**{**fields, **changes})
        findings = build_findings(scene, answer, masks)
        return Result(
            question=question,
            answer=answer,
            findings=findings,
            grid=scene.grid,
            rendering=scene.rendering,
            completion=Completion("<think>…</think><answer>[]</answer>", "stop", scene.size_hw, seconds=0.25),
            provenance=provenance(),
            pixels=scene.pixels,
        )

    return make


def provenance() -> Provenance:
    return Provenance(
        model=PolicyIdentity("scripted", "a script", revision="abc"),
        codec="pixels",
        segmenter="box",
        prompt_system="system",
        prompt_user="user",
        prompt_sha256="0" * 64,
        sampling=Sampling(seed=7),
        started_utc="2026-01-31T12:00:00.000Z",
        finished_utc="2026-01-31T12:00:01.000Z",
        seconds={"total": 1.0},
        versions={"python": "3.11.7"},
    )


def _box(mask: InstanceMask) -> tuple[float, float, float, float]:
    (x, y), (height, width) = mask.offset_xy, mask.mask.shape
    return float(x), float(y), float(x + max(width, 1)), float(y + max(height, 1))
