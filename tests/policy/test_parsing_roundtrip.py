"""Boxes written as each family would write them, and read back: the same boxes to within one step of its grid."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from remotereasoner.policy.base import Completion
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec, write_references
from remotereasoner.policy.parsing import parse_completion
from remotereasoner.policy.prompts import compose_completion

Rows = list[list[float]]


def _json(rows: Rows) -> str:
    return json.dumps([{"bbox_2d": row, "label": f"no {i}"} for i, row in enumerate(rows)])


def _qwen2(rows: Rows) -> str:
    return "".join(f"<|box_start|>({a},{b}),({c},{d})<|box_end|>" for a, b, c, d in rows)


def _decoded_qwen2(rows: Rows) -> str:
    """The same after ``skip_special_tokens``."""
    return "\n".join(f"ship({a},{b}),({c},{d})" for a, b, c, d in rows)


def _internvl(rows: Rows) -> str:
    return f"<ref>ship</ref><box>{rows}</box>"


def _geochat(rows: Rows) -> str:
    return "<p>ship</p> " + "<delim>".join(f"{{<{a}><{b}><{c}><{d}>|<0>}}" for a, b, c, d in rows)


def _fenced(rows: Rows) -> str:
    return f"```json\n{_json(rows)}\n```"


# name of the codec, decimals written, writer, size of one step in model coordinates
FAMILIES: list[tuple[str, int, Callable[[Rows], str], float]] = [
    ("qwen2.5-vl", 0, _json, 1),
    ("qwen2.5-vl", 0, _fenced, 1),
    ("qwen2.5-vl", 1, str, 0.1),
    ("remotereasoner", 0, str, 1),
    ("qwen2-vl", 0, _qwen2, 1),
    ("qwen2-vl", 0, _decoded_qwen2, 1),
    ("qwen3-vl", 0, _json, 1),
    ("internvl", 0, _internvl, 1),
    ("pixels", 0, _json, 1),
    ("0-1", 3, _json, 0.001),
    ("0-100", 0, _geochat, 1),
    ("0-1000", 0, str, 1),
]
SIZES = [(400, 600), (1024, 1024), (600, 3000), (7617, 7617), (123, 123), (37, 411), (2000, 900)]


def _boxes(size_hw: tuple[int, int], n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 4) boxes with sides of at least 3 % of the image, no two alike."""
    centre, half = rng.uniform(0, 1, (n, 2)), rng.uniform(0.02, 0.3, (n, 2))
    corners = np.concatenate([np.clip(centre - half, 0, 0.97), np.clip(centre + half, 0.03, 1)], axis=1)
    return corners * np.tile([size_hw[1], size_hw[0]], 2)


@pytest.mark.parametrize(("name", "decimals", "write", "step"), FAMILIES)
@pytest.mark.parametrize("image_hw", SIZES)
def test_what_a_family_writes_is_read_back(
    name: str, decimals: int, write: Callable[[Rows], str], step: float, image_hw: tuple[int, int]
) -> None:
    codec = codec_by_name(name)
    grid_hw = codec.grid_hw(image_hw)
    rng = np.random.default_rng(7)
    one_step = codec.decode_xy(np.array([[step, step]]), grid_hw=grid_hw, image_hw=image_hw)[0]
    for n in (1, 2, 9):
        boxes = _boxes(image_hw, n, rng)
        grid = codec.encode_xy(boxes.reshape(-1, 2), grid_hw=grid_hw, image_hw=image_hw).reshape(-1, 4)
        rows = [[round(v, decimals) if decimals else round(v) for v in row] for row in grid.tolist()]
        text = compose_completion("because", write(rows))
        read = parse_completion(Completion(text, "stop", grid_hw), task="locate", codec=codec, image_hw=image_hw)
        assert read.status == "answered", read.reason
        assert read.reasoning == "because"
        assert (len(read.boxes_xyxy), read.clipped) == (n, 0)
        # Half a step of rounding, one at most.
        assert (np.abs(np.array(read.boxes_xyxy) - boxes) <= np.tile(one_step, 2)).all()


@pytest.mark.parametrize("image_hw", SIZES)
@pytest.mark.parametrize("view_hw", [None, (448, 448), (320, 512)])
def test_references_are_read_back_exactly(image_hw: tuple[int, int], view_hw: tuple[int, int] | None) -> None:
    codec = EmbeddedReferenceCodec(view_hw)
    grid_hw = codec.grid_hw(image_hw)
    boxes = _boxes(image_hw, 12, np.random.default_rng(8))
    grid = codec.encode_xy(boxes.reshape(-1, 2), grid_hw=grid_hw, image_hw=image_hw).reshape(-1, 4)
    references = tuple((a, b, c, d) for a, b, c, d in grid.tolist())
    for wanted in ([], [0], [11], [2, 3, 4, 5, 9], list(range(12))):
        completion = Completion(
            compose_completion("r", write_references(wanted)), "stop", grid_hw, references=references
        )
        read = parse_completion(completion, task="locate", codec=codec, image_hw=image_hw)
        assert read.status == ("answered" if wanted else "no_target")
        assert not read.repaired
        np.testing.assert_allclose(np.array(read.boxes_xyxy).reshape(-1, 4), boxes[wanted], atol=1e-9)
