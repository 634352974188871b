"""One unit of work: an image, its questions, and what becomes of each. Runs wherever an executor puts it."""

from __future__ import annotations

import contextlib
import errno
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from remotereasoner.batch import failpoints
from remotereasoner.batch.item_files import item_files, item_summary
from remotereasoner.batch.items import Ask, ItemDone, ItemFailed, Recipe, Unit
from remotereasoner.errors import (
    CoordinateError,
    EngineError,
    ExportError,
    ImageReadError,
    ModelError,
    RemoteReasonerError,
    UsageError,
)
from remotereasoner.tiling.options import DEFAULT_TILE_PX, SurveyOptions
from remotereasoner.tiling.windows import MAX_ASPECT

if TYPE_CHECKING:
    from remotereasoner.reasoner import Reasoner
    from remotereasoner.result import Result
    from remotereasoner.scene.grid import Grid

__all__ = ["BatchWorker", "Worker", "WorkerFactory", "failure_of"]

_LOG = logging.getLogger(__name__)
_MAX_RATIO = 200  # policies refuse more
_PASSING_ERRNOS = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.ENETUNREACH})


class Worker(Protocol):
    """What an executor keeps in each of its processes."""

    @property
    def identity(self) -> str:
        """Model and segmenter with their revisions, one line."""
        ...

    def work(self, unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        """One outcome per ask, in order; never raises for what is the item's fault."""
        ...


class WorkerFactory(Protocol):
    """Makes a worker in the process that keeps it; importable by name, so that it can be sent there."""

    def __call__(self, recipe: Recipe) -> Worker: ...


class BatchWorker:
    """A reasoner that is loaded once, and what it does with a unit.

    Questions go to the policy one at a time: what is answered does not depend on which questions were open.
    """

    def __init__(
        self, recipe: Recipe, *, reasoner: Reasoner | None = None, engine: Mapping[str, Any] | None = None
    ) -> None:
        """Loads the model unless there is one. ``engine``: options of the engine that say where it runs. Keys and
        addresses of servers come from this process's own settings.

        Raises what :func:`remotereasoner.loading.load_reasoner` raises, and
        :class:`~remotereasoner.errors.UsageError` for a recipe that cannot be used.
        """
        from remotereasoner.scene._gdal import harden_process

        harden_process()
        self._recipe = recipe
        self._survey = SurveyOptions(**recipe.survey)
        self._reasoner = reasoner if reasoner is not None else _load(recipe, engine or {})

    @property
    def identity(self) -> str:
        """Engine, model, revision, family and numbers' type of the policy, and the segmenter. Not the device: a result
        is the same result wherever it was made.
        """
        policy = self._reasoner.policy.identity
        parts = [policy.engine, policy.model, policy.revision, policy.family, policy.dtype]
        return f"{' '.join(part for part in parts if part)} + {self._reasoner.segmenter.name}"

    def work(self, unit: Unit) -> tuple[ItemDone | ItemFailed, ...]:
        """See :class:`Worker`."""
        with _torch_threads(self._recipe.threads):
            return tuple(self._one(unit, ask) for ask in unit.asks)

    def _one(self, unit: Unit, ask: Ask) -> ItemDone | ItemFailed:
        """Broad on purpose, and the only place of a batch that is: one item must not end a run over an archive. What
        nobody expected is recorded as ``internal`` with its type, and logged with its traceback.
        """
        began = time.perf_counter()
        try:
            result = self._result(unit.image.paths, ask)
            failpoints.hit("infer.done")
            finished = time.perf_counter()
            files = item_files(result, self._recipe)
            summary = item_summary(result)
        except RemoteReasonerError as error:
            return failure_of(ask.key, error)
        except Exception as error:
            _LOG.debug("%s: %s", unit.image.name, ask.question, exc_info=True)
            return ItemFailed(ask.key, "internal", f"{type(error).__name__}: {error}"[:500])
        seconds = {**result.provenance.seconds, "item": finished - began, "files": time.perf_counter() - finished}
        return ItemDone(
            ask.key, result.status, files, summary, {name: round(value, 6) for name, value in seconds.items()}
        )

    def _result(self, paths: tuple[str, ...], ask: Ask) -> Result:
        """As ``remotereasoner ask`` does it: one look at what is small, a survey of what is large or thin."""
        from remotereasoner.scene import open_scene
        from remotereasoner.tiling.sources import open_source
        from remotereasoner.tiling.survey import survey

        recipe = self._recipe
        source = list(paths) if len(paths) > 1 else paths[0]
        if ask.task == "locate" and recipe.max_side_px is None:
            with open_source(source, bands=recipe.bands) as large:
                failpoints.hit("read.opened")
                self._require_place(large.grid)
                height, width = large.grid.size_hw
                is_thin = max(height, width) > MAX_ASPECT * min(height, width)
                if recipe.survey or is_thin or max(height, width) > DEFAULT_TILE_PX:
                    return survey(self._reasoner, large, ask.question, self._survey)
        scene = open_scene(source, bands=recipe.bands, max_side_px=recipe.max_side_px)
        failpoints.hit("read.opened")
        if ask.task == "locate":
            self._require_place(scene.grid)
        if max(scene.size_hw) > _MAX_RATIO * min(scene.size_hw):
            height, width = scene.size_hw
            raise ImageReadError("too_thin", f"{width} x {height} pixels are more than {_MAX_RATIO}:1 for one look")
        return self._reasoner.ask_many(scene, [ask.question], task=ask.task)[0]

    def _require_place(self, grid: Grid) -> None:
        in_metres = self._recipe.simplify_m is not None or self._recipe.right_angles_iou is not None
        if in_metres and not grid.is_georeferenced:
            raise ImageReadError("no_crs", "outlines are shaped in metres, and this scene has no CRS for them")


def failure_of(key: str, error: RemoteReasonerError) -> ItemFailed:
    """The error of one item, with a stable code, and whether it may pass."""
    if isinstance(error, ImageReadError):
        cause = error.__cause__
        passes = isinstance(cause, TimeoutError) or (isinstance(cause, OSError) and cause.errno in _PASSING_ERRNOS)
        return ItemFailed(key, error.code, str(error), passes)
    if isinstance(error, EngineError):
        return ItemFailed(key, "engine", str(error), error.transient)
    codes = ((CoordinateError, "coordinate"), (UsageError, "usage"), (ModelError, "model"), (ExportError, "export"))
    code = next((word for kind, word in codes if isinstance(error, kind)), "failed")
    return ItemFailed(key, code, str(error))


@contextlib.contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    """As many, whatever else runs here, so that the number of workers has no effect on what they give."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load(recipe: Recipe, engine: Mapping[str, Any]) -> Reasoner:
    from remotereasoner.loading import load_reasoner
    from remotereasoner.settings import load_settings

    names = ("model", "segmenter", "device", "dtype", "quantization", "attention", "codec", "temperature", "top_p")
    chosen = {name: getattr(recipe, name) for name in (*names, "max_new_tokens", "seed")}
    return load_reasoner(load_settings(None, **chosen), **engine)
