"""One question about a scene of any size: :func:`survey`.

overview ──> where, how closely ──> windows ──> fragments ──> objects ──> result
one look      its boxes' size        one look     in pixels     merged by
                                     each         of the level  geometry
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from remotereasoner.errors import ImageReadError
from remotereasoner.provenance import utc_now
from remotereasoner.result import Result
from remotereasoner.scene.scene import Scene
from remotereasoner.tiling.looking import Look, Looker
from remotereasoner.tiling.once import OnceReader
from remotereasoner.tiling.options import SurveyOptions
from remotereasoner.tiling.places import Choice, all_windows, factor_for, needed_factor, windows_at
from remotereasoner.tiling.preview import Preview
from remotereasoner.tiling.reporting import Surveyed, build_result
from remotereasoner.tiling.sources import Source
from remotereasoner.tiling.windows import MAX_ASPECT, Level, WindowPlan
from remotereasoner.types import WindowPx

if TYPE_CHECKING:
    from remotereasoner.reasoner import Reasoner

__all__ = ["Progress", "survey"]

_NO_OVERVIEW = {
    "needs_overviews": "no overview: the file has no reduced copies of itself (add them with gdaladdo)",
    "no_data": "no overview: no pixel of it is valid",
}

_OUTLINE_PX = 4096
"""Longer side of what is read whole for the masks of objects that the overview showed well enough."""

Progress = Callable[[int, int], None]
"""Called with the number of windows done and the number to do."""


def survey(
    reasoner: Reasoner,
    source: Source,
    question: str,
    options: SurveyOptions,
    *,
    progress: Progress | None = None,
) -> Result:
    """Where in the scene of ``source`` is what the question asks for.

    A scene that fits a tile is looked at once. Of a larger one the policy first sees the whole, reduced to a tile; then
    windows around what it marked there, at the resolution that objects of that size need, or ``gsd_m``; if it marks
    nothing, or its answer cannot be read, or the scene is too thin for one look or too large to be reduced, windows
    over all of it. Objects that are large in the overview already are taken
    from it, with masks at up to 4,096 px of the whole. With ``exhaustive`` windows over
    all of the scene are all there is. Where this would be more than ``max_windows`` windows, they get coarser, by
    powers of two, which the result notes; where the resolution was asked for (``gsd_m``, ``exhaustive``), it is a
    :class:`~remotereasoner.errors.UsageError` instead, before the windows are asked about.

    The result's pixels are those of the resolution that was read; ``provenance.survey`` says which.
    Raises :class:`~remotereasoner.errors.ImageReadError`, with the code ``no_data`` where no pixel is valid, and what
    the engine and the segmenter raise.
    """
    run = _Run(Looker(reasoner, question), source, options, progress)
    factor = factor_for(source, options.gsd_m)
    finest = Level.of(source.grid.size_hw, factor)
    if max(finest.size_hw) <= options.tile_px and not _is_thin(finest):
        surveyed = run.look_around(all_windows(source, factor, options), "single")
    elif options.exhaustive:
        surveyed = run.look_around(all_windows(source, factor, options), "exhaustive")
    else:
        surveyed = run.from_above(factor)
    return build_result(surveyed, run.looker, source, options, started_utc=run.started, began=run.began)


def _is_thin(level: Level) -> bool:
    return max(level.size_hw) > MAX_ASPECT * min(level.size_hw)


@dataclass
class _Run:
    looker: Looker
    source: Source
    options: SurveyOptions
    progress: Progress | None
    started: str = field(default_factory=utc_now)
    began: float = field(default_factory=time.perf_counter)

    def from_above(self, factor: float) -> Surveyed:
        """With an overview. ``factor``: of the finest level allowed."""
        overview, why_none = self._overview()
        if overview is None or overview.looks[0].answer.status != "answered":
            status = None if overview is None else overview.looks[0].answer.status
            return self._everywhere(factor, overview, why_none or f"the overview's answer is {status}")
        boxes, level = overview.looks[0].answer.boxes_xyxy, overview.choice.level
        is_set = self.options.gsd_m is not None
        needed = factor if is_set else needed_factor(boxes, level)
        notes: list[str] = []
        while True:
            if needed >= 0.75 * level.factor:
                notes.append("objects are large enough in the overview: no closer look")
                return self._outlined(overview, factor, notes)
            choice = windows_at(self.source, needed, self.options, boxes=boxes, overview=level)
            if len(choice.indices) <= self.options.max_windows:
                return self.look_around(choice, "overview", overview=overview, notes=notes)
            if is_set:
                all_windows(self.source, needed, self.options)
            needed *= 2
            notes.append(f"{len(choice.indices)} windows would be more than {self.options.max_windows}: read coarser")

    def _outlined(self, overview: Surveyed, factor: float, notes: list[str]) -> Surveyed:
        """The overview's objects with masks as sharp as the scene, up to ``_OUTLINE_PX``: one look, one answer."""
        size_hw, seen = self.source.grid.size_hw, overview.choice.level
        level = Level.of(size_hw, max(factor, max(size_hw) / _OUTLINE_PX))
        height, width = level.size_hw
        window = WindowPx(0, 0, width, height)
        as_seen = replace(overview, mode="overview", notes=tuple(notes))
        if level.factor >= seen.factor:
            return as_seen
        try:
            scene = self.source.read(level, window)
        except ImageReadError as error:
            if error.code not in _NO_OVERVIEW:
                raise
            return as_seen
        look = self.looker.outline(overview.looks[0], window, scene)
        notes.append(f"seen at {seen.size_hw[1]} x {seen.size_hw[0]} px, outlined at {width} x {height} px")
        preview = Preview.of(level)
        preview.show(window, scene.pixels)
        plan = WindowPlan(level.size_hw, (width, height), (0, 0), (0,), (0,))
        return Surveyed("overview", Choice(level, plan, (0,), 0), (look,), overview.empty, None, tuple(notes), preview)

    def _overview(self) -> tuple[Surveyed | None, str | None]:
        """The whole scene in one look, or the reason why there is none."""
        size_hw = self.source.grid.size_hw
        level = Level.of(size_hw, max(1.0, max(size_hw) / self.options.tile_px))
        height, width = level.size_hw
        if _is_thin(level) or _is_thin(Level(size_hw, size_hw)):
            return None, "no overview: the scene is too thin for one look"
        plan = WindowPlan(level.size_hw, (width, height), (0, 0), (0,), (0,))
        try:
            return self.look_around(Choice(level, plan, (0,), 0), "overview"), None
        except ImageReadError as error:
            if error.code not in _NO_OVERVIEW:
                raise
            return None, _NO_OVERVIEW[error.code]

    def _everywhere(self, factor: float, overview: Surveyed | None, why: str) -> Surveyed:
        notes = [f"{why}: windows over the whole scene"]
        if self.options.gsd_m is not None:
            return self.look_around(all_windows(self.source, factor, self.options), "overview", overview, notes)
        while True:
            choice = windows_at(self.source, factor, self.options)
            if len(choice.indices) <= self.options.max_windows:
                return self.look_around(choice, "overview", overview, notes)
            factor *= 2
            notes.append(f"{len(choice.indices)} windows would be more than {self.options.max_windows}: read coarser")

    def look_around(
        self, choice: Choice, mode: str, overview: Surveyed | None = None, notes: Sequence[str] = ()
    ) -> Surveyed:
        """Read and ask about the windows of ``choice`` in their order, a batch at a time."""
        looks: list[Look] = []
        waiting: list[tuple[int, WindowPx, Scene]] = []
        empty, preview = choice.unstored, Preview.of(choice.level) if overview is None else None
        reader = OnceReader(self.source, choice)
        for done, index in enumerate(choice.indices):
            window = choice.plan.window(index)
            began = time.perf_counter()
            scene = reader.read(index)
            has_data = bool(scene.valid.any())
            self.looker.seconds["reading"] += time.perf_counter() - began
            if has_data:
                waiting.append((index, window, scene))
                if preview is not None:
                    preview.show(window, scene.pixels)
            else:
                empty += 1
            if len(waiting) == self.options.batch_size:
                looks += self.looker.look(waiting)
                waiting = []
                self._tell(done + 1, len(choice.indices))
        if waiting:
            looks += self.looker.look(waiting)
        self._tell(len(choice.indices), len(choice.indices))
        if not looks and overview is None:
            raise ImageReadError("no_data", f"{self.source.grid.name} has no valid pixel there: nothing to look at")
        return Surveyed(mode, choice, tuple(looks), empty, overview, tuple(notes), preview)

    def _tell(self, done: int, total: int) -> None:
        if self.progress is not None and total:
            self.progress(done, total)
