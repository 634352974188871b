"""Woods as an area of crowns, in the texture that the ground size asks for."""

from __future__ import annotations

import numpy as np

from remotereasoner.data.synth.canvas import Canvas
from remotereasoner.data.synth.geometry import smooth
from remotereasoner.types import FloatArray

__all__ = ["forest_material", "woods"]


def forest_material(canvas: Canvas) -> str:
    """The material whose crowns are about 9 m wide at this ground size."""
    radius = 4.5 / canvas.gsd
    for limit, name in ((4.0, "forest_fine"), (8.0, "forest"), (17.0, "forest_wide")):
        if radius < limit:
            return name
    return "forest_close"


def _ragged(canvas: Canvas, outline: FloatArray) -> FloatArray:
    """The edge of woods follows its crowns."""
    if len(outline) < 8:
        return outline
    line = smooth(outline, 2, closed=True)
    crown = min(6.0, max(1.2, 4.0 / canvas.gsd))
    return np.add(line, [(canvas.dice.uniform(-crown, crown), canvas.dice.uniform(-crown, crown)) for _ in line])


def woods(canvas: Canvas, *outlines: FloatArray) -> None:
    """Lay woods. Where crowns can be told apart, trees are then not exhaustively labelled."""
    canvas.ground(forest_material(canvas), *(_ragged(canvas, outline) for outline in outlines))
    if canvas.gsd <= 2:
        canvas.unlabelled.add("tree")
