"""Images and true masks for the rewards that look at pixels, the last few of each kept: :class:`ScenePool`."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rasterio.features import rasterize

from remotereasoner.errors import UsageError
from remotereasoner.scene.opening import open_scene
from remotereasoner.scene.scene import Scene
from remotereasoner.types import BoolArray, SizeHw

__all__ = ["ScenePool", "true_mask"]

Rings = Sequence[Sequence[Sequence[float]]]


@dataclass(frozen=True, eq=False)
class ScenePool:
    """Scenes by their image, the last ``kept`` of them: the same image is the same object, so that a segmenter which
    keeps a scene's embedding computes it once.
    """

    root: Path | None = None
    """Folder that paths are relative to."""
    kept: int = 16
    _scenes: OrderedDict[str, Scene] = field(default_factory=OrderedDict, repr=False)
    _masks: OrderedDict[str, BoolArray] = field(default_factory=OrderedDict, repr=False)

    def key(self, image: Any) -> str:
        """What tells images apart: the path, or a digest of the pixels."""
        if isinstance(image, str):
            return f"path:{image}"
        pixels = _pixels(image)
        return f"{pixels.shape}:{hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest()}"

    def scene(self, key: str, image: Any) -> Scene:
        """The scene of ``image``: a path below the root, a PIL image or an array (H, W, 3) of uint8."""
        if (known := self._scenes.get(key)) is not None:
            self._scenes.move_to_end(key)
            return known
        scene = open_scene(self._path(image)) if isinstance(image, str) else Scene.from_array(_pixels(image))
        self._scenes[key] = scene
        if len(self._scenes) > self.kept:
            self._scenes.popitem(last=False)
        return scene

    def mask(self, path: str, size_hw: SizeHw) -> BoolArray:
        """(H, W) bool, True where the 8-bit picture at ``path`` is above 0."""
        if path not in self._masks:
            pixels = open_scene(self._path(path), stretch="none").pixels
            self._masks[path] = np.asarray(pixels.any(axis=2), dtype=np.bool_)
            if len(self._masks) > self.kept:
                self._masks.popitem(last=False)
        mask = self._masks[path]
        if mask.shape != size_hw:
            raise UsageError(f"the mask {path} is {mask.shape}, its image {size_hw} (height, width)")
        return mask

    def _path(self, relative: str) -> Path:
        if self.root is None:
            raise UsageError(f"{relative!r} is a path: give the root of the sample file")
        path = self.root / relative  # an absolute one stands as it is
        if ".." in path.parts or not path.is_relative_to(self.root):
            raise UsageError(f"{relative!r} leads out of the root of the sample file, {self.root}")
        return path


def _pixels(image: Any) -> Any:
    if isinstance(image, np.ndarray):
        return image
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    raise UsageError(f"image must be a path, a PIL image or an array, not {type(image).__name__}")


def true_mask(polygons: Sequence[Rings], size_hw: SizeHw) -> BoolArray:
    """(H, W) bool: pixels whose centres lie in any object; an object's rings cut holes by the even-odd rule."""
    frame = np.zeros(size_hw, dtype=np.bool_)
    for rings in polygons:
        own = np.zeros(size_hw, dtype=np.bool_)
        for ring in rings:
            shape = {"type": "Polygon", "coordinates": [[tuple(point) for point in [*ring, ring[0]]]]}
            own ^= rasterize([shape], out_shape=size_hw, dtype=np.uint8).astype(np.bool_)
        frame |= own
    return frame
