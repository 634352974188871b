"""One scene: from a seed and a number to a picture with its labels."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.data.synth.areas import area_regions
from remotereasoner.data.synth.canvas import Canvas
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.families import FAMILIES
from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.thing import Thing
from remotereasoner.data.synth.vocabulary import ALL_CLASSES
from remotereasoner.types import UInt8Array

__all__ = ["DrawnScene", "draw_scene"]


@dataclass(frozen=True, eq=False)
class DrawnScene:
    """A drawn scene before the sensor. North is up."""

    number: int
    family: str
    gsd_m: float
    pixels: UInt8Array
    """(side, side, 4): blue, green, red, near infrared."""
    objects: tuple[Thing, ...]
    """Things in the order in which they were placed, then connected regions of road, water, vegetation and land."""
    exhaustive_for: tuple[str, ...]
    """Classes of which every visible instance is among the objects."""

    @property
    def side(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[0])


def draw_scene(options: WorldOptions, number: int) -> DrawnScene:
    """Scene ``number`` of the world; depends on nothing else than ``options`` and ``number``."""
    dice = Dice(f"remotereasoner/{options.seed}/{number}")
    names = options.families or tuple(FAMILIES)
    family = dice.weighted([(name, FAMILIES[name].weight) for name in names])
    sizes = options.ground_sizes(FAMILIES[family].ground_sizes)
    if not sizes:  # this family cannot be drawn at the ground sizes asked for: one of those that can
        fitting = [n for n in names if options.ground_sizes(FAMILIES[n].ground_sizes)]
        family = dice.pick(fitting)
        sizes = options.ground_sizes(FAMILIES[family].ground_sizes)
    gsd = dice.pick(sizes)
    canvas = Canvas(options.side, gsd, dice, dice.pick(FAMILIES[family].bases))
    FAMILIES[family].draw(canvas)
    objects = (*canvas.things, *area_regions(canvas.areas()))
    exhaustive = tuple(name for name in ALL_CLASSES if name not in canvas.unlabelled)
    return DrawnScene(number, family, gsd, canvas.render(), objects, exhaustive)
