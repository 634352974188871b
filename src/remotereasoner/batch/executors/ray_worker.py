"""What runs in a process of a Ray cluster: one worker, which keeps the model loaded and takes unit after unit."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remotereasoner.batch.items import ItemDone, ItemFailed, Recipe, Unit

if TYPE_CHECKING:
    from remotereasoner.batch.worker import Worker, WorkerFactory

__all__ = ["Hello", "RayWorker", "engine_options", "installed"]


@dataclass(frozen=True)
class Hello:
    """A worker that is up."""

    identity: str | None
    """Model and segmenter; None where nothing was loaded, because ``installed`` differs from the driver's."""
    installed: dict[str, str]
    """Versions that must be the driver's, or results differ."""
    others: dict[str, str]
    """Versions that results name: where they differ, files differ in that line at least."""
    node_id: str
    place: str
    """Host and process, for messages."""


class RayWorker:
    """The actor. Its calls run one after another, in the order in which they were made."""

    def __init__(self) -> None:
        self._worker: Worker | None = None

    def begin(self, recipe: Recipe, factory: WorkerFactory | None, needed: dict[str, str], folder: str) -> Hello:
        """Load the model, if this is the same code as the driver's. Raises what the factory raises.

        ``folder``: relative paths in the recipe mean the same as for the driver, where the node has this folder.
        ``factory`` None: :class:`~remotereasoner.batch.worker.BatchWorker`.
        """
        import ray

        from remotereasoner.batch.worker import BatchWorker
        from remotereasoner.provenance import collect_versions

        gpus = len(ray.get_gpu_ids())
        if Path(folder).is_dir():
            os.chdir(folder)
        found = installed()
        if found == needed:
            self._worker = (
                BatchWorker(recipe, engine=engine_options(recipe, gpus)) if factory is None else factory(recipe)
            )
        return Hello(
            identity=None if self._worker is None else self._worker.identity,
            installed=found,
            others=collect_versions(),
            node_id=ray.get_runtime_context().get_node_id(),
            place=f"process {os.getpid()} on {socket.gethostname()}",
        )

    def work(self, unit: Unit, token: None) -> tuple[tuple[ItemDone | ItemFailed, ...], None]:
        """One outcome for each of the unit's asks, in their order, and the token that the next call takes."""
        del token
        if self._worker is None:
            raise RuntimeError("work was asked of a worker that has no model")
        return self._worker.work(unit), None

    def ping(self) -> None:
        """Answers when all calls before it are done; fails when the process is gone."""


def engine_options(recipe: Recipe, gpus: int) -> dict[str, Any]:
    """With vLLM a model spreads over all GPUs that its worker was given; other engines find theirs among them."""
    if recipe.model.startswith("vllm:") and gpus > 1:
        return {"tensor_parallel_size": gpus}
    return {}


def installed() -> dict[str, str]:
    """The version of the package in this process, and of Python without its patch level."""
    from remotereasoner.version import package_version

    return {"remotereasoner": package_version(), "python": ".".join(platform.python_version_tuple()[:2])}
