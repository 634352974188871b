"""What the synthetic world draws and labels: the product's classes and a few that only it knows."""

from __future__ import annotations

from remotereasoner.policy.nano.vocabulary import AREAS, CLASSES, PLURALS, SINGULARS

__all__ = ["ALL_CLASSES", "AREA_CLASSES", "NEW_CLASSES", "plural_of", "singular_of"]

NEW_CLASSES: tuple[str, ...] = (
    "runway",
    "swimming_pool",
    "wind_turbine",
    "dam",
    "mine",
    "center_pivot",
    "parking_lot",
    "soccer_field",
    "roundabout",
)
ALL_CLASSES: tuple[str, ...] = CLASSES + NEW_CLASSES
AREA_CLASSES: tuple[str, ...] = AREAS

_SINGULARS = SINGULARS | {name: name.replace("_", " ") for name in NEW_CLASSES} | {"mine": "open-pit mine"}
_PLURALS = PLURALS | {name: f"{_SINGULARS[name]}s" for name in NEW_CLASSES}


def singular_of(category: str) -> str:
    """``storage_tank`` to ``storage tank``."""
    return _SINGULARS[category]


def plural_of(category: str) -> str:
    """``storage_tank`` to ``storage tanks``."""
    return _PLURALS[category]
