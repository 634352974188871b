"""The families of scenes, and the ground sizes that each can be drawn at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from remotereasoner.data.synth.canvas import Canvas
from remotereasoner.data.synth.families import (
    airport,
    bridges,
    coast,
    dam,
    farmland,
    forest,
    harbor,
    housing,
    mine,
    overpasses,
    parking,
    river,
    roads,
    sports,
    tanks,
    wind,
)

__all__ = ["FAMILIES", "GROUND_SIZES", "Family"]

GROUND_SIZES: tuple[float, ...] = (0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0)
"""Metres a pixel."""


@dataclass(frozen=True)
class Family:
    """How one kind of scene is drawn."""

    draw: Callable[[Canvas], None]
    bases: tuple[str, ...]
    """Materials of the ground below all else."""
    finest: float
    coarsest: float
    weight: float = 1.0
    setting: str = ""
    """``an airport``: the words of a caption."""

    @property
    def ground_sizes(self) -> tuple[float, ...]:
        """Those of :data:`GROUND_SIZES` that fit."""
        return tuple(g for g in GROUND_SIZES if self.finest <= g <= self.coarsest)


FAMILIES: dict[str, Family] = {
    "airport": Family(airport.draw, airport.BASES, 0.3, 5.0, 1.5, "an airport"),
    "harbor": Family(harbor.draw, harbor.BASES, 0.2, 10.0, 1.5, "a port"),
    "tank_farm": Family(tanks.draw, tanks.BASES, 0.3, 3.0, 1.0, "a tank farm"),
    "sports": Family(sports.draw, sports.BASES, 0.1, 1.5, 1.5, "sports grounds"),
    "housing": Family(housing.draw, housing.BASES, 0.1, 1.0, 1.5, "a residential area"),
    "roads": Family(roads.draw, roads.BASES, 0.1, 1.0, 1.0, "roads"),
    "parking": Family(parking.draw, parking.BASES, 0.1, 0.5, 1.0, "a shopping area"),
    "bridge": Family(bridges.draw, bridges.BASES, 0.3, 10.0, 1.0, "a river crossing"),
    "overpass": Family(overpasses.draw, overpasses.BASES, 0.2, 3.0, 1.0, "a motorway junction"),
    "farmland": Family(farmland.draw, farmland.BASES, 1.0, 30.0, 1.0, "farmland"),
    "forest": Family(forest.draw, forest.BASES, 0.3, 30.0, 0.5, "a forest"),
    "river": Family(river.draw, river.BASES, 1.0, 30.0, 0.7, "a river valley"),
    "coast": Family(coast.draw, coast.BASES, 0.5, 30.0, 0.8, "a coast"),
    "dam": Family(dam.draw, dam.BASES, 0.5, 10.0, 0.8, "a dam and its reservoir"),
    "wind_farm": Family(wind.draw, wind.BASES, 0.5, 5.0, 0.8, "a wind farm"),
    "mine": Family(mine.draw, mine.BASES, 1.0, 15.0, 0.8, "an open-pit mine"),
}
