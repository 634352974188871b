"""RemoteReasoner: ask questions of overhead imagery, get boxes, masks and contours on the map.

>>> from remotereasoner import Reasoner, open_scene
>>> result = Reasoner.load().ask(open_scene("port.tif"), "Where can a ship be repaired?")
>>> result.write("answer/")

Names are loaded when they are first used, so that ``import remotereasoner`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remotereasoner.errors import RemoteReasonerError
    from remotereasoner.policy.answer import Answer
    from remotereasoner.policy.base import Completion, Engine, PolicyIdentity, Prompt, Sampling
    from remotereasoner.policy.load import load_engine
    from remotereasoner.reasoner import Reasoner
    from remotereasoner.result import Result
    from remotereasoner.scene import Scene, open_scene, raster_info
    from remotereasoner.settings import Settings, load_settings
    from remotereasoner.transform.base import InstanceMask, Segmenter
    from remotereasoner.transform.findings import Finding
    from remotereasoner.transform.load import load_segmenter

__all__ = [
    "Answer",
    "Completion",
    "Engine",
    "Finding",
    "InstanceMask",
    "PolicyIdentity",
    "Prompt",
    "Reasoner",
    "RemoteReasonerError",
    "Result",
    "Sampling",
    "Scene",
    "Segmenter",
    "Settings",
    "__version__",
    "load_engine",
    "load_segmenter",
    "load_settings",
    "open_scene",
    "raster_info",
]

_HOMES = {
    "Answer": "policy.answer",
    "Completion": "policy.base",
    "Engine": "policy.base",
    "Finding": "transform.findings",
    "InstanceMask": "transform.base",
    "PolicyIdentity": "policy.base",
    "Prompt": "policy.base",
    "Reasoner": "reasoner",
    "RemoteReasonerError": "errors",
    "Result": "result",
    "Sampling": "policy.base",
    "Scene": "scene",
    "Segmenter": "transform.base",
    "Settings": "settings",
    "load_engine": "policy.load",
    "load_segmenter": "transform.load",
    "load_settings": "settings",
    "open_scene": "scene",
    "raster_info": "scene",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from remotereasoner.version import package_version

        return package_version()
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'remotereasoner' has no attribute {name!r}")
    return getattr(import_module(f"remotereasoner.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
