"""Augmented training crops for the perception tower, drawn with a seeded generator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from remotereasoner.policy.nano.vocabulary import AREAS, THINGS
from remotereasoner.training.nano.overhead import LabelledImage
from remotereasoner.types import FloatArray, UInt8Array

__all__ = ["Crop", "CropSampler"]

_WATER = AREAS.index("water")


class Crop(NamedTuple):
    """One square training crop."""

    pixels: UInt8Array
    boxes_xyxy: FloatArray
    classes: np.ndarray
    negative_weights: FloatArray
    area_targets: FloatArray
    """(areas, side / 8, side / 8): share of each area in the cell."""
    area_weights: FloatArray
    """(areas, side / 8, side / 8): 0 where nothing is known."""
    area_presence: np.ndarray


def _fractal(rng: np.random.Generator, side: int) -> FloatArray:
    """Smooth noise of several octaves, (side, side), zero mean."""
    field = np.zeros((side, side))
    for octave in range(1, 7):
        n = 2**octave + 1
        grid = Image.fromarray(rng.standard_normal((n, n)).astype(np.float32))
        field += np.asarray(grid.resize((side, side), Image.Resampling.BICUBIC)) * 0.55**octave
    centred: FloatArray = field - field.mean()
    return centred


def _water_texture(rng: np.random.Generator, side: int) -> FloatArray:
    """Plausible open, turbid or shallow water from orbit or an aeroplane, (side, side, 3) in [0, 255]."""
    bases = (
        (12, 28, 45),
        (25, 60, 75),
        (40, 75, 80),
        (70, 95, 85),
        (95, 100, 75),
        (20, 45, 40),
        (5, 10, 15),
        (60, 110, 130),
        (90, 120, 125),
        (110, 130, 150),
        (140, 150, 150),
    )
    base = np.array(bases[rng.integers(len(bases))], float) * rng.uniform(0.6, 1.4)
    large = _fractal(rng, side)[..., None] * rng.uniform(0, 14) * rng.uniform(0.5, 1.2, 3)
    ripples = rng.standard_normal((side, side, 1)) * rng.uniform(0, 5)
    water = base + large + ripples
    if rng.random() < 0.3:  # whitecaps and glint
        water[rng.random((side, side)) < rng.uniform(0.0005, 0.01)] += rng.uniform(30, 90)
    return np.clip(water, 0, 255)


class CropSampler:
    """Draws crops of ``side`` pixels; rare classes are drawn more often (repeat factors, Gupta et al. 2019)."""

    def __init__(
        self,
        images: list[LabelledImage],
        side: int,
        seed: int,
        coast_share: float = 0.08,
        world: list[LabelledImage] | None = None,
        world_share: float = 0.08,
    ) -> None:
        self.coast_share = coast_share
        self.world = world or []
        self.world_share = world_share if world else 0.0
        self.images = images
        self.side = side
        self.rng = np.random.default_rng(seed)
        counts = np.zeros(len(THINGS))
        for image in images:
            counts[np.unique(image.classes)] += 1
        rarity = np.sqrt(0.25 * len(images) / np.maximum(counts, 1))
        weights = np.array([max([1.0, *rarity[np.unique(i.classes)]]) for i in images])
        for k, image in enumerate(images):
            if image.source_set == "ucmerced":
                weights[k] = 0.45
            elif image.source_set == "dubai":
                weights[k] = 5.0
            elif image.area_values is not None:
                weights[k] = 1.5
        self.probabilities = weights / weights.sum()
        self.textures = [i for i in images if i.source_set == "ucmerced" and not {"water", "sea"} & set(i.multilabels)]

    def draw(self) -> Crop:
        """One random crop."""
        if self.rng.random() < self.coast_share and self.textures:
            return self._coast()
        if self.world and self.rng.random() < self.world_share:
            return self._augment(self.world[self.rng.integers(len(self.world))])
        image = self.images[self.rng.choice(len(self.images), p=self.probabilities)]
        return self._augment(image)

    def _coast(self) -> Crop:
        """Real land behind a drawn coast line: water is known everywhere, nothing else is."""
        rng, side = self.rng, self.side
        texture = self._fields() if rng.random() < 0.35 else self.textures[rng.integers(len(self.textures))].pixels
        if rng.random() < 0.5:  # as from orbit: fine grain
            small = np.asarray(Image.fromarray(texture).resize((96, 96), Image.Resampling.BOX))
            texture = np.tile(small, (side // 96 + 1, side // 96 + 1, 1))[:side, :side]
        land = np.asarray(Image.fromarray(texture).resize((side, side), Image.Resampling.BILINEAR), float)
        field = _fractal(rng, side)
        water = field < np.quantile(field, rng.uniform(0.1, 0.75))
        pixels = np.where(water[..., None], _water_texture(rng, side), land)
        if rng.random() < 0.4:  # a beach
            strip = (field >= field[water].max()) & (field < np.quantile(field, min(0.95, water.mean() + 0.06)))
            pixels[strip] = np.array((215, 200, 165)) * rng.uniform(0.7, 1.1)
        if rng.random() < 0.5:  # stretched as satellite scenes are
            low, high = np.percentile(pixels, (2, 98), axis=(0, 1))
            pixels = np.clip((pixels - low) / np.maximum(high - low, 1) * 255, 0, 255)
        soft = Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
        cells = side // 8
        targets = np.zeros((len(AREAS), cells, cells))
        targets[_WATER] = water.reshape(cells, 8, cells, 8).mean((1, 3))
        weights = np.repeat(targets[_WATER][None], len(AREAS), axis=0)  # water is nothing else
        weights[_WATER] = 1.0
        empty = np.zeros((0, 4))
        return Crop(
            self._colour(np.asarray(soft)), empty, np.zeros(0, np.int64), np.full(len(THINGS), 0.1), targets, weights,
            np.full(len(AREAS), -1),
        )  # fmt: skip

    def _fields(self) -> UInt8Array:
        """Farmland from orbit: a patchwork of plain colours taken from real images, (256, 256, 3)."""
        rng, size = self.rng, 256
        seeds = rng.uniform(0, size, (int(rng.integers(15, 90)), 2))
        rows, cols = np.mgrid[:size, :size]
        owner = np.argmin((rows[..., None] - seeds[:, 0]) ** 2 + (cols[..., None] - seeds[:, 1]) ** 2, axis=2)
        colours = np.array(
            [self.textures[k].pixels.mean((0, 1)) for k in rng.integers(len(self.textures), size=len(seeds))]
        )
        colours = colours * rng.uniform(0.5, 1.5, (len(seeds), 3))
        fields: UInt8Array = np.clip(colours[owner] + rng.standard_normal((size, size, 1)) * 4, 0, 255).astype(np.uint8)
        return fields

    def _colour(self, pixels: UInt8Array) -> UInt8Array:
        rng = self.rng
        x: FloatArray = pixels.astype(np.float64)
        mean = x.mean((0, 1), keepdims=True)
        x = (x - mean) * rng.uniform(0.75, 1.3) + mean + rng.uniform(-22, 22) + rng.uniform(-10, 10, 3)
        if rng.random() < 0.08:
            x = np.repeat(x.mean(-1, keepdims=True), 3, -1)
        if rng.random() < 0.15:
            x += rng.standard_normal(x.shape) * rng.uniform(2, 8)
        return np.clip(x, 0, 255).astype(np.uint8)

    def _augment(self, image: LabelledImage) -> Crop:
        rng, side = self.rng, self.side
        height, width = image.pixels.shape[:2]
        longest = max(height, width)
        usual = min(1.5, max(1.0, 768 / longest))  # small images are enlarged at inference, too
        zoom = float(np.exp(rng.uniform(np.log(0.5), np.log(1.5)))) * usual
        span = side / zoom
        if len(image.boxes_xyxy) and rng.random() < 0.7:
            box = image.boxes_xyxy[rng.integers(len(image.boxes_xyxy))]
            centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.35, 0.35, 2) * span
        else:
            centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        origin = []
        for c, size in zip(centre, (width, height), strict=True):
            low, high = min(0.0, size - span), max(0.0, size - span)
            origin.append(float(np.clip(c - span / 2, low, high)))
        x0, y0 = origin
        window = (x0, y0, x0 + span, y0 + span)
        picture = Image.fromarray(image.pixels).transform(
            (side, side), Image.Transform.EXTENT, window, Image.Resampling.BILINEAR, fillcolor=(114, 114, 114)
        )
        if zoom < 0.75:  # EXTENT samples points: smooth first, as a real reduction would
            smooth_wh = max(1, round(width * zoom)), max(1, round(height * zoom))
            picture = Image.fromarray(image.pixels).resize(smooth_wh, Image.Resampling.BOX)
            scaled = tuple(v * zoom for v in window)
            picture = picture.transform((side, side), Image.Transform.EXTENT, scaled, fillcolor=(114, 114, 114))
        pixels = np.asarray(picture)
        boxes = (image.boxes_xyxy - [x0, y0, x0, y0]) * zoom
        clipped = np.clip(boxes, 0, side)
        area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-6)
        kept = np.prod(np.maximum(clipped[:, 2:] - clipped[:, :2], 0), axis=1) / area
        keep = (kept > 0.4) & ((clipped[:, 2:] - clipped[:, :2]).min(1, initial=99) > 3)
        boxes, classes = clipped[keep], image.classes[keep]
        cells = side // 8
        targets = np.zeros((len(AREAS), cells, cells))
        weights = np.zeros_like(targets)
        inside = np.asarray(
            Image.new("L", (width, height), 255).transform((cells, cells), Image.Transform.EXTENT, window)
        ) > 0  # fmt: skip
        if image.area_values is not None:
            mask = np.asarray(
                Image.fromarray(image.area_values).transform(
                    (side, side), Image.Transform.EXTENT, window, fillcolor=255
                )
            ).reshape(cells, 8, cells, 8)
            for k in range(len(AREAS)):
                targets[k] = (mask == k + 1).mean((1, 3))
                weights[k] = image.area_known[k] * (mask != 255).mean((1, 3))
        absent = image.area_presence == 0
        weights[absent] = 0.5 * inside
        pixels, boxes, targets, weights = self._dihedral(pixels, boxes, targets, weights)
        return Crop(self._colour(pixels), boxes, classes, image.negative_weights, targets, weights, image.area_presence)

    def _dihedral(
        self, pixels: UInt8Array, boxes: FloatArray, targets: FloatArray, weights: FloatArray
    ) -> tuple[UInt8Array, FloatArray, FloatArray, FloatArray]:
        side = float(self.side)
        if self.rng.random() < 0.5:
            pixels, targets, weights = pixels[:, ::-1], targets[..., ::-1], weights[..., ::-1]
            boxes = np.stack([side - boxes[:, 2], boxes[:, 1], side - boxes[:, 0], boxes[:, 3]], 1)
        for _ in range(int(self.rng.integers(4))):  # quarter turns, anticlockwise
            pixels = np.rot90(pixels)
            targets, weights = np.rot90(targets, axes=(1, 2)), np.rot90(weights, axes=(1, 2))
            boxes = np.stack([boxes[:, 1], side - boxes[:, 2], boxes[:, 3], side - boxes[:, 0]], 1)
        return pixels, boxes, targets, weights
