"""What the perception tower names: things (boxes of objects) and areas (connected regions of land cover)."""

from __future__ import annotations

__all__ = ["AREAS", "CLASSES", "KEYWORDS", "PLURALS", "SINGULARS", "THINGS"]

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

_MASS_NOUNS = {"water": ("body of water", "bodies of water")}
_MASS_NOUNS |= {
    n: (f"patch of {w}", f"patches of {w}") for n, w in (("vegetation", "vegetation"), ("land", "bare land"))
}

SINGULARS: dict[str, str] = {c: c.replace("_", " ") for c in CLASSES} | {n: w[0] for n, w in _MASS_NOUNS.items()}
PLURALS: dict[str, str] = {c: f"{s}es" if s.endswith("s") else f"{s}s" for c, s in SINGULARS.items()}
PLURALS |= {n: w[1] for n, w in _MASS_NOUNS.items()}

KEYWORDS: dict[str, str] = {c: "track" if c == "ground_track_field" else c.split("_")[0] for c in CLASSES}
"""One word a class, no two alike: beside a relation ("north ship") it says which class the relation is in."""
