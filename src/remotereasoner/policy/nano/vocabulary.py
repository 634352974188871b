"""What the perception tower names: things (boxes of objects) and areas (connected regions of land cover)."""

from __future__ import annotations

__all__ = ["AREAS", "CLASSES", "PLURALS", "SINGULARS", "THINGS"]

THINGS: tuple[str, ...] = (
    "airplane",
    "ship",
    "vehicle",
    "storage_tank",
    "baseball_diamond",
    "tennis_court",
    "basketball_court",
    "ground_track_field",
    "harbor",
    "bridge",
    "overpass",
    "building",
    "solar_panel",
    "tree",
)
AREAS: tuple[str, ...] = ("road", "water", "vegetation", "land")
CLASSES: tuple[str, ...] = THINGS + AREAS

SINGULARS: dict[str, str] = {c: c.replace("_", " ") for c in CLASSES}
SINGULARS["land"] = "bare ground"
PLURALS: dict[str, str] = {c: f"{s}s" for c, s in SINGULARS.items()}
PLURALS |= {"bridge": "bridges", "overpass": "overpasses", "water": "water", "vegetation": "vegetation", "land": "bare ground"}
