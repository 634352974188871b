"""A policy and a segmenter without error: they answer from the colours of the window that they are shown.

A pixel's colour is the number of its object, 0 is ground. What a window shows of an object may be in several pieces;
each is then an object of its own for this policy, as it would be for any that cannot see what lies outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, label

from remotereasoner import InstanceMask, Reasoner, Scene
from remotereasoner.policy.base import Completion, PolicyIdentity, Prompt
from remotereasoner.policy.codec import CoordinateCodec
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.types import BoxXyxy, PointXy, UInt8Array

Ids = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]


def colours(ids: Ids) -> UInt8Array:
    """(H, W) numbers below 2**24 to (H, W, 3) uint8."""
    return np.stack([ids >> 16 & 255, ids >> 8 & 255, ids & 255], axis=2).astype(np.uint8)


def numbers(pixels: UInt8Array) -> Ids:
    wide = pixels.astype(np.int64)
    return wide[:, :, 0] << 16 | wide[:, :, 1] << 8 | wide[:, :, 2]


def components(ids: Ids) -> tuple[npt.NDArray[np.int32], list[tuple[slice, slice]]]:
    """(H, W) 4-connected pieces of one number each, from 1, ground 0; and the frame of each piece."""
    fine = np.zeros((2 * ids.shape[0] - 1, 2 * ids.shape[1] - 1), dtype=np.bool_)
    fine[::2, ::2] = ids > 0  # and between two pixels, whether they hold together
    fine[::2, 1::2] = (ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] > 0)
    fine[1::2, ::2] = (ids[1:] == ids[:-1]) & (ids[1:] > 0)
    pieces = label(fine)[0][::2, ::2]
    return pieces, find_objects(pieces)


def boxes_of(frames: Sequence[tuple[slice, slice]]) -> list[Box]:
    return [(x.start, y.start, x.stop, y.stop) for y, x in frames]


class ExactEngine:
    """Boxes of all pieces in the picture it is given; ``seen`` counts pictures, ``sizes`` are theirs."""

    def __init__(
        self, answer: Callable[[UInt8Array], Sequence[Sequence[float]]] | None = None, codec: str = "pixels"
    ) -> None:
        self._codec = codec_by_name(codec)
        self._answer = answer or (lambda pixels: boxes_of(components(numbers(pixels))[1]))
        self.seen = 0
        self.sizes: set[tuple[int, int]] = set()

    @property
    def identity(self) -> PolicyIdentity:
        return PolicyIdentity("scripted", "exact")

    @property
    def codec(self) -> CoordinateCodec:
        return self._codec

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        return [self._complete(prompt) for prompt in prompts]

    def _complete(self, prompt: Prompt) -> Completion:
        self.seen += 1
        size_hw = (prompt.image.shape[0], prompt.image.shape[1])
        self.sizes.add(size_hw)
        grid_hw = self.codec.grid_hw(size_hw)
        boxes = self._written(self._answer(prompt.image), size_hw, grid_hw)
        # Numbered, because pieces may have the same box: the parser would take these for one box said twice.
        listed = [{"bbox_2d": box, "label": str(k)} for k, box in enumerate(boxes)]
        return Completion(f"<think>By colour.</think><answer>{json.dumps(listed)}</answer>", "stop", grid_hw)

    def _written(
        self, boxes: Sequence[Sequence[float]], size_hw: tuple[int, int], grid_hw: tuple[int, int]
    ) -> list[list[float]]:
        """In the codec's coordinates, whole numbers as models write them."""
        if self.codec.name == "pixels" or not len(boxes):
            return [list(box) for box in boxes]
        corners = np.array(boxes, dtype=np.float64).reshape(-1, 2)
        encoded = self.codec.encode_xy(corners, grid_hw=grid_hw, image_hw=size_hw)
        return np.round(encoded).astype(int).reshape(-1, 4).tolist()


class ExactSegmenter:
    """The piece that each box is the frame of, to half a pixel: codecs round."""

    name = "exact"

    def segment(
        self,
        scene: Scene,
        boxes_xyxy: Sequence[BoxXyxy],
        points_xy: Sequence[Sequence[PointXy]] | None = None,
    ) -> list[InstanceMask]:
        pieces, frames = components(numbers(scene.pixels))
        assert [tuple(map(round, box)) for box in boxes_xyxy] == boxes_of(frames)
        return [
            InstanceMask(pieces[frame] == number, (frame[1].start, frame[0].start), 1.0)
            for number, frame in enumerate(frames, start=1)
        ]


def exact_reasoner(codec: str = "pixels") -> tuple[Reasoner, ExactEngine]:
    engine = ExactEngine(codec=codec)
    return Reasoner(engine, ExactSegmenter()), engine
