"""How a scene is observed: bands, optics, air, noise, and how the picture is stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from remotereasoner.data.synth._cv2 import cv2
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.geometry import blob
from remotereasoner.data.synth.options import Picture
from remotereasoner.data.synth.texture import crop
from remotereasoner.types import UInt8Array

__all__ = ["SENSORS", "Sensor", "encode", "observe", "sensor_of"]

SENSORS: dict[str, float] = {"rgb": 0.86, "cir": 0.09, "rgb16": 0.05}
"""Name to how often: natural colour, colour infrared (near infrared, red, green shown as red, green, blue), 16 bits."""
_DEEP_SCALE = 12
"""Grey level to sample of 12 bits, which fill the upper bits of 16, as many sensors' products have it."""


@dataclass(frozen=True)
class Sensor:
    """One observation."""

    kind: str
    blur_px: float
    """Standard deviation of the point spread."""
    haze: float
    """Share of the light that the air has scattered in, 0 to 0.45."""
    cloud_shadow: bool
    gain: float
    gamma: float
    noise: float
    """Standard deviation in grey levels."""
    jpeg_quality: int | None

    def to_dict(self) -> dict[str, Any]:
        """For the labels."""
        return asdict(self)


def sensor_of(dice: Dice, kinds: tuple[str, ...], picture: Picture) -> Sensor:
    """A sensor by chance; ``kinds`` (): any."""
    kind = dice.weighted([(k, w) for k, w in SENSORS.items() if not kinds or k in kinds])
    return Sensor(
        kind=kind,
        blur_px=round(dice.uniform(0.45, 0.75) if dice.chance(0.85) else dice.uniform(0.9, 1.6), 2),
        haze=round(dice.uniform(0.1, 0.45), 2) if dice.chance(0.2) else round(dice.uniform(0.0, 0.06), 2),
        cloud_shadow=dice.chance(0.06),
        gain=round(dice.uniform(0.88, 1.15), 3),
        gamma=round(dice.uniform(0.85, 1.12), 3),
        noise=round(dice.uniform(0.5, 3.0) if dice.chance(0.85) else dice.uniform(4, 8), 2),
        jpeg_quality=dice.integer(55, 95) if picture == "jpeg" and kind != "rgb16" else None,
    )


def observe(pixels: UInt8Array, sensor: Sensor, dice: Dice) -> UInt8Array:
    """(H, W, 4) uint8 BGRN as the sensor saw it."""
    height, width = pixels.shape[:2]
    image = cv2.GaussianBlur(pixels, (0, 0), sensor.blur_px) if sensor.blur_px >= 0.85 else cv2.GaussianBlur(
        pixels, (3, 3), sensor.blur_px
    )  # fmt: skip
    if sensor.cloud_shadow:
        small = np.full((64, 64), 128, np.uint8)
        outline = blob(dice, dice.uniform(0, 64), dice.uniform(0, 64), dice.uniform(14, 30), 0.4)
        cv2.fillPoly(small, [outline.astype(np.int32)], 74)
        shade = cv2.resize(cv2.blur(small, (7, 7)), (width, height), interpolation=cv2.INTER_LINEAR)
        image = cv2.multiply(image, cv2.merge([shade] * 4), scale=1 / 128)
    levels = np.arange(256) / 255
    table = np.empty((256, 1, 4))
    for channel, (air, share) in enumerate(((0.86, 1.0), (0.82, 0.86), (0.77, 0.72), (0.6, 0.25))):
        seen = levels**sensor.gamma * sensor.gain
        hazy = sensor.haze * share
        table[:, 0, channel] = seen * (1 - hazy) + air * hazy
    image = cv2.LUT(image, np.clip(np.round(table * 255), 0, 255).astype(np.uint8).reshape(1, 256, 4))
    grain = crop("sensor", height, width, dice)
    scale = sensor.noise / 24
    noise = cv2.convertScaleAbs(np.ascontiguousarray(grain), alpha=scale, beta=128 - 128 * scale)
    return np.asarray(cv2.addWeighted(image, 1.0, cv2.merge([noise] * 4), 1.0, -128))


def bands_of(image: UInt8Array, kind: str, dice: Dice) -> np.ndarray:
    """(H, W, 3) as stored, red first in meaning but last in memory (OpenCV's order); uint8, or uint16 for ``rgb16``."""
    if kind == "cir":
        return np.ascontiguousarray(image[..., 1:4])
    rgb = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
    return deepen(rgb, dice) if kind == "rgb16" else rgb


def deepen(image: UInt8Array, dice: Dice) -> np.ndarray:
    """uint8 of any number of channels to uint16, the levels in between filled with noise."""
    height, width = image.shape[:2]
    fine = crop("sensor", height, width, dice).astype(np.uint16) % np.uint16(_DEEP_SCALE)
    return (image.astype(np.uint16) * np.uint16(_DEEP_SCALE) + fine[..., None]) << np.uint16(4)


def encode(image: UInt8Array, sensor: Sensor, dice: Dice) -> tuple[str, bytes]:
    """File suffix and content: JPEG where the sensor has a quality, else PNG."""
    stored = bands_of(image, sensor.kind, dice)
    if sensor.jpeg_quality is not None:
        _, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg_quality])
        return ".jpg", data.tobytes()
    _, data = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, 3])
    return ".png", data.tobytes()
