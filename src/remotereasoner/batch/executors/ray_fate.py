"""Why a Ray worker is gone, and whether that speaks against what it was working on."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

__all__ = ["Fate", "died_of"]


@dataclass(frozen=True)
class Fate:
    """What became of a worker; the two fields of :class:`~remotereasoner.batch.executors.base.UnitLost`."""

    reason: str
    blames_item: bool


def died_of(ray: ModuleType, error: Exception, node_id: str, place: str) -> Fate:
    """The fate of a worker on ``node_id`` whose call ended in ``error``.

    A process that dies is told of by its node. Where the node itself is gone, Ray has marked it so before it gives its
    workers up: then nothing is held against the unit. The same goes for a node that is taken back with notice.
    """
    alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    if getattr(error, "preempted", False) or node_id not in alive:
        return Fate(f"the node of {place} went away", blames_item=False)
    detail = _detail(str(error))
    return Fate(f"the worker ended: {place}{detail}", blames_item=True)


def _detail(message: str) -> str:
    """What Ray says of the end, without its advice: ``Worker exit detail: … Some common causes include: …``."""
    _, found, rest = message.partition("Worker exit detail: ")
    if not found:
        return ""
    said = rest.partition("Some common causes")[0].strip().rstrip(".")
    return f" ({said[:200]})"
