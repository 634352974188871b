"""What a scene is drawn on: ground, then markings, shadows and bodies; with the mask of each object that is drawn.

Every outline is rasterised once more for the label, by the same call with the same coordinates, so that an object's
mask is exactly the pixels that were painted. Objects keep out of each other's way by *layers*: an object is not drawn
where a layer that it avoids is taken, so that nothing labelled is ever hidden behind another thing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.geometry import Frame
from remotereasoner.data.synth.materials import MATERIALS, Bgrn, Material, shade
from remotereasoner.data.synth.texture import crop, rows
from remotereasoner.data.synth.thing import Thing
from remotereasoner.types import FloatArray, UInt8Array

__all__ = ["DECK", "FLAT", "MIN_AREA_PX", "MIN_SIDE_PX", "ROAD", "SOLID", "Canvas", "Part"]

SOLID, FLAT, ROAD, DECK = 1, 2, 4, 8
"""Layers: things that stand (buildings, vehicles), things painted on the ground, roads, and roads above roads."""
MIN_SIDE_PX, MIN_AREA_PX = 3, 12
"""Of what is drawn: smaller things are not seen and not drawn."""
Part = tuple[FloatArray, Bgrn]
_SHIFT = 4
_CUTS = frozenset(
    [
        "airplane",
        "ship",
        "storage_tank",
        "baseball_diamond",
        "tennis_court",
        "basketball_court",
        "building",
        "swimming_pool",
        "harbor",
        "dam",
    ]
)


def _fixed(points: FloatArray, x: int, y: int) -> np.ndarray:
    moved = points - (x, y) if x or y else points
    return np.rint(moved * (1 << _SHIFT)).astype(np.int32)


class Canvas:
    """A square scene of ``side`` pixels, ``gsd`` metres each."""

    def __init__(self, side: int, gsd: float, dice: Dice, base: str) -> None:
        self.side, self.gsd, self.dice = side, gsd, dice
        self.things: list[Thing] = []
        self.unlabelled: set[str] = set()
        """Classes of which something is drawn that is not labelled."""
        elevation, azimuth = math.radians(dice.uniform(32, 65)), dice.uniform(-2.6, -0.5)
        self.sun = (math.cos(azimuth) / math.tan(elevation), math.sin(azimuth) / math.tan(elevation))
        """How far the shadow of 1 m of height reaches along x and y, in metres."""
        self._codes: dict[Material, int] = {}
        self._materials: list[Material] = []
        self._ground = np.full((side, side), self._code(base), np.uint8)
        self._taken = np.zeros((side, side), np.uint8)
        self._shadow = np.zeros((side, side), np.uint8)
        self._marks: list[tuple[np.ndarray, Bgrn, int]] = []
        self._bodies: list[tuple[np.ndarray, Bgrn, int, int, int, int]] = []

    # --- places

    @property
    def extent_m(self) -> float:
        """Length of a side on the ground."""
        return self.side * self.gsd

    def frame(self, x_share: float, y_share: float, angle: float = 0.0) -> Frame:
        """A frame in metres with its origin at shares of the side."""
        return Frame(x_share * self.side, y_share * self.side, angle, 1 / self.gsd)

    def sees(self, at: Frame, radius_m: float) -> bool:
        """Whether a disc around the frame's origin reaches into the scene: else drawing there is lost work."""
        r = radius_m / self.gsd
        return -r < at.x_px < self.side + r and -r < at.y_px < self.side + r

    def resolves(self, metres: float, pixels: float = MIN_SIDE_PX) -> bool:
        """Whether this length spans so many pixels."""
        return metres / self.gsd >= pixels

    def _window(self, outlines: Sequence[FloatArray]) -> tuple[int, int, int, int] | None:
        points = outlines[0] if len(outlines) == 1 else np.concatenate(outlines)
        xs, ys = points.T.tolist()  # outlines are short: Python's min is three times faster than numpy's
        x1, y1 = max(0, math.floor(min(xs)) - 1), max(0, math.floor(min(ys)) - 1)
        x2, y2 = min(self.side, math.ceil(max(xs)) + 2), min(self.side, math.ceil(max(ys)) + 2)
        return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def is_free(self, outline: FloatArray, layers: int) -> bool:
        """Whether nothing of these layers lies under the outline; outside the frame all is free."""
        window = self._window([outline])
        if window is None:
            return True
        x1, y1, x2, y2 = window
        taken = self._taken[y1:y2, x1:x2] & layers
        if not taken.any():
            return True
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.fillPoly(mask, [_fixed(outline, x1, y1)], layers, shift=_SHIFT)
        return not (mask & taken).any()

    def take(self, outline: FloatArray, layer: int) -> None:
        """Mark a place as taken."""
        window = self._window([outline])
        if window is not None:
            self._take(outline, layer, window)

    def _take(self, outline: FloatArray, layer: int, window: tuple[int, int, int, int]) -> None:
        x1, y1, x2, y2 = window
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.fillPoly(mask, [_fixed(outline, x1, y1)], layer, shift=_SHIFT)
        self._taken[y1:y2, x1:x2] |= mask

    def ground_is(self, outline: FloatArray, names: Sequence[str]) -> bool:
        """Whether the outline, as far as it is in the frame, lies on these materials only."""
        window = self._window([outline])
        if window is None:
            return False
        x1, y1, x2, y2 = window
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.fillPoly(mask, [_fixed(outline, x1, y1)], 1, shift=_SHIFT)
        codes = [self._codes[MATERIALS[n]] for n in names if MATERIALS[n] in self._codes]
        return bool(np.isin(self._ground[y1:y2, x1:x2][mask > 0], codes).all())

    # --- drawing

    def _code(self, material: str | Material) -> int:
        found = MATERIALS[material] if isinstance(material, str) else material
        if found not in self._codes:
            self._codes[found] = len(self._materials)
            self._materials.append(found)
        return self._codes[found]

    def ground(self, material: str | Material, *outlines: FloatArray, layer: int = 0) -> None:
        """Lay a material; each outline on its own."""
        code = self._code(material)
        for outline in outlines:
            cv2.fillPoly(self._ground, [_fixed(outline, 0, 0)], code, shift=_SHIFT)
            if layer:
                self.take(outline, layer)

    def mark(self, outline: FloatArray, colour: Bgrn) -> None:
        """Paint a flat marking."""
        self._marks.append((_fixed(outline, 0, 0), colour, 0))

    def line(self, points: FloatArray, colour: Bgrn, width_m: float, *, closed: bool = False) -> None:
        """Paint a line, at least one pixel wide; thinner ones fade with their width, and vanish below a fifth."""
        width = width_m / self.gsd
        if width < 0.2:
            return
        fixed = _fixed(points, 0, 0)
        self._marks.append((fixed, colour, max(1, round(width)) if closed else -max(1, round(width))))

    def shadow(self, outline: FloatArray, height_m: float, base_m: float = 0.0) -> None:
        """The shadow of a body: of its outline swept along the sun's direction from ``base_m`` to ``height_m``."""
        per_m = np.array(self.sun) / self.gsd
        if height_m * np.hypot(*per_m) < 0.4:
            return
        window = self._window([np.concatenate((outline, outline + per_m * height_m))])
        if window is None:
            return
        foot, top = outline + per_m * base_m, outline + per_m * height_m
        cast = cv2.convexHull(np.concatenate((foot, top)).astype(np.float32))[:, 0] if base_m == 0 else top
        x1, y1, x2, y2 = window
        cv2.fillPoly(self._shadow[y1:y2, x1:x2], [_fixed(cast.astype(np.float64), x1, y1)], 255, shift=_SHIFT)

    def light(self, outline: FloatArray) -> None:
        """Take the shadow away again: from the top of what has cast it."""
        cv2.fillPoly(self._shadow, [_fixed(outline, 0, 0)], 0, shift=_SHIFT)

    def shade_polygon(self, outline: FloatArray, *, outside: FloatArray | None = None) -> None:
        """Darken the ground under an outline, or the part of it that is outside another one."""
        window = self._window([outline])
        if window is None:
            return
        x1, y1, x2, y2 = window
        if outside is None:
            cv2.fillPoly(self._shadow[y1:y2, x1:x2], [_fixed(outline, x1, y1)], 255, shift=_SHIFT)
            return
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.fillPoly(mask, [_fixed(outline, x1, y1)], 170, shift=_SHIFT)
        cv2.fillPoly(mask, [_fixed(outside, x1, y1)], 0, shift=_SHIFT)
        self._shadow[y1:y2, x1:x2] |= mask

    def body(self, outline: FloatArray, colour: Bgrn) -> None:
        """Paint a body that carries no label; the caller looks after classes that are no longer exhaustive."""
        window = self._window([outline])
        if window is not None:
            x1, y1, x2, y2 = window
            self._bodies.append((_fixed(outline, x1, y1), colour, x1, y1, x2, y2))

    def thing(
        self,
        category: str,
        parts: Sequence[Part],
        *,
        outline: FloatArray | None = None,
        details: Sequence[Part] = (),
        height_m: float = 0.0,
        avoid: int = SOLID,
        claim: int = SOLID,
        flat: bool = False,
        min_visible: float = 0.4,
        painted: bool = True,
    ) -> Thing | None:
        """Draw and label an object, or do neither: where its place is taken, or too little of it would be seen.

        ``parts`` together are the object; ``details`` are painted on them and may not reach beyond. ``outline`` is what
        it keeps free around itself (default: each part). ``flat``: painted on the ground, below shadows.
        ``painted`` False: the label of something whose picture the caller lays on the ground itself.
        """
        shapes = [p for p, _ in parts]
        points = shapes[0] if len(shapes) == 1 else np.concatenate(shapes)
        window = self._window([points])
        if window is None:
            return None
        x1, y1, x2, y2 = window
        if avoid and not all(self.is_free(p, avoid) for p in ([outline] if outline is not None else shapes)):
            return None
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        for shape in shapes:
            cv2.fillPoly(mask, [_fixed(shape, x1, y1)], 255, shift=_SHIFT)
        x, y, w, h = cv2.boundingRect(mask)
        width, height = points.max(0) - points.min(0)
        whole = max(float(width * height), 1e-9)
        if min(w, h) < MIN_SIDE_PX or w * h < min_visible * whole:
            return None
        mask = np.ascontiguousarray(mask[y : y + h, x : x + w])
        area = cv2.countNonZero(mask)
        if area < MIN_AREA_PX:
            return None
        thing = Thing(category, x1 + x, y1 + y, mask, area)
        self.things.append(thing)
        if claim:
            for shape in [outline] if outline is not None else shapes:
                self.take(shape, claim)
        if height_m:
            for shape in shapes:
                self.shadow(shape, height_m)
            if flat:  # its own shadow falls beside it, not on it
                self._shadow[thing.y : thing.y + h, thing.x : thing.x + w][mask > 0] = 0
        if painted:
            self._paint(parts, details, window, flat=flat)
        return thing

    def _paint(
        self, parts: Sequence[Part], details: Sequence[Part], window: tuple[int, int, int, int], *, flat: bool
    ) -> None:
        for points, colour in (*parts, *details):
            if flat:
                self._marks.append((_fixed(points, 0, 0), colour, 0))
            else:
                self._bodies.append((_fixed(points, window[0], window[1]), colour, *window))

    # --- the picture

    def render(self) -> UInt8Array:
        """(side, side, 4) uint8: blue, green, red, near infrared, before the sensor."""
        side, dice = self.side, self.dice
        tint = [dice.jitter(1.0, 0.05) for _ in range(4)]
        table = np.zeros((256, 4), np.uint8)
        texture = np.full((side, side), 128, np.uint8)
        for code, material in enumerate(self._materials):
            colour = shade(material.colour, dice.jitter(1.0, material.varies))
            table[code] = np.clip([v * t for v, t in zip(colour, tint, strict=True)], 0, 255)
            self._lay_texture(texture, code, material)
        image = np.take(table.view(np.uint32)[:, 0], self._ground).view(np.uint8).reshape(side, side, 4)
        image = cv2.multiply(image, cv2.merge([texture] * 4), scale=1 / 128)
        for fixed, colour, width in self._marks:
            if width == 0:
                cv2.fillPoly(image, [fixed], colour, shift=_SHIFT)
            else:
                cv2.polylines(image, [fixed], width > 0, colour, abs(width), cv2.LINE_AA, _SHIFT)
        if self._shadow.any():
            soft = cv2.blur(self._shadow, (3, 3))
            dark = np.empty((256, 4), np.uint8)
            for channel, least in enumerate((0.56, 0.5, 0.46, 0.4)):
                dark[:, channel] = np.round(128 * (1 - (1 - least) * np.arange(256) / 255))
            factor = np.take(dark.view(np.uint32)[:, 0], soft).view(np.uint8).reshape(side, side, 4)
            image = cv2.multiply(image, factor, scale=1 / 128)
        for fixed, colour, x1, y1, x2, y2 in self._bodies:
            cv2.fillPoly(image[y1:y2, x1:x2], [fixed], colour, shift=_SHIFT)
        return np.asarray(image)

    def _lay_texture(self, texture: UInt8Array, code: int, material: Material) -> None:
        mask = cv2.compare(self._ground, code, cv2.CMP_EQ)
        x, y, w, h = cv2.boundingRect(mask)
        if not w:
            return
        tile = crop(material.texture, h, w, self.dice)
        if material.texture.startswith("crowns"):  # stands of other age and kind
            tile = cv2.multiply(
                np.ascontiguousarray(tile), np.ascontiguousarray(crop("soft", h, w, self.dice)), scale=1 / 128
            )
        if material.rows is not None:
            tile = cv2.multiply(rows(h, w, *material.rows), np.ascontiguousarray(tile), scale=1 / 128)
        part = texture[y : y + h, x : x + w]
        np.copyto(part, tile, where=mask[y : y + h, x : x + w] > 0)

    def areas(self) -> dict[str, UInt8Array]:
        """Area class to its mask (0, 255): the ground, less what stands on it; vehicles and trees leave it whole."""
        cut = np.zeros((self.side, self.side), np.uint8)
        for thing in self.things:
            if thing.category in _CUTS:
                x1, y1, x2, y2 = thing.box
                cut[y1:y2, x1:x2] |= thing.mask
        found = {}
        for name in ("road", "water", "vegetation", "land"):
            table = np.zeros(256, np.uint8)
            for code, material in enumerate(self._materials):
                table[code] = 255 if material.area == name else 0
            if table.any():
                found[name] = cv2.bitwise_and(cv2.LUT(self._ground, table), cv2.bitwise_not(cut))
        return found
