"""What was looked at, as one :class:`~remotereasoner.result.Result` with everything on record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import shapely
from affine import Affine

from remotereasoner.policy.answer import Answer
from remotereasoner.provenance import Provenance, collect_versions, prompt_sha256, utc_now
from remotereasoner.result import Result
from remotereasoner.scene.grid import Grid
from remotereasoner.scene.scene import Rendering
from remotereasoner.tiling.agreement import best_ious, views_of
from remotereasoner.tiling.assemble import Merged, merge_fragments
from remotereasoner.tiling.looking import Look, Looker
from remotereasoner.tiling.options import SurveyOptions
from remotereasoner.tiling.places import Choice
from remotereasoner.tiling.preview import Preview
from remotereasoner.tiling.sources import Source
from remotereasoner.tiling.windows import Level
from remotereasoner.transform.findings import build_findings
from remotereasoner.types import BoxXyxy, Status

__all__ = ["Surveyed", "build_result"]

_READABLE: tuple[Status, ...] = ("answered", "no_target")


@dataclass(frozen=True, eq=False)
class Surveyed:
    """The looks at one level; ``overview`` is the look before them, at its own level."""

    mode: str
    """``single``: the scene fits a tile; ``overview``; ``exhaustive``."""
    choice: Choice
    looks: tuple[Look, ...]
    empty: int
    """Windows without a valid pixel: not asked about."""
    overview: Surveyed | None
    notes: tuple[str, ...]
    preview: Preview | None


def build_result(
    surveyed: Surveyed, looker: Looker, source: Source, options: SurveyOptions, *, started_utc: str, began: float
) -> Result:
    """Merge what the windows answered and say how it came about. ``began``: of ``time.perf_counter``."""
    merging = time.perf_counter()
    level, plan = surveyed.choice.level, surveyed.choice.plan
    grid = _grid(source.grid, level)
    overview = surveyed.overview
    overview_boxes = None if overview is None else _boxes_at(level, overview)
    merged = merge_fragments([f for look in surveyed.looks for f in look.fragments], plan.bounds, level.size_hw)
    looks = (*(() if overview is None else overview.looks), *surveyed.looks)
    answer = _answer(surveyed, looks, merged)
    findings = build_findings(grid, answer, [item.mask for item in merged])
    if surveyed.mode != "single":
        outlines = [shapely.box(*f.box_xyxy) if f.polygons.is_empty else f.polygons for f in findings]
        readable = [look.index for look in surveyed.looks if look.answer.status in _READABLE]
        views = views_of(merged, outlines, readable, plan.bounds, overview_boxes)
        findings = tuple(replace(finding, views=view) for finding, view in zip(findings, views, strict=True))
    unconfirmed = [] if overview_boxes is None else _unconfirmed(overview_boxes, [item.box_xyxy for item in merged])
    looker.seconds["merging"] += time.perf_counter() - merging
    seconds = {**looker.seconds, "total": time.perf_counter() - began}
    reasoner, first = looker.reasoner, looks[0]
    picture = (surveyed if overview is None else overview).preview
    return Result(
        question=first.prompt.question,
        answer=answer,
        findings=findings,
        grid=grid,
        rendering=_rendering(source.rendering, level),
        completion=first.completion,
        provenance=Provenance(
            model=reasoner.policy.identity,
            codec=reasoner.policy.codec.name,
            segmenter=reasoner.segmenter.name if any(look.answer.boxes_xyxy for look in looks) else None,
            prompt_system=first.prompt.system,
            prompt_user=first.prompt.user,
            prompt_sha256=prompt_sha256(first.prompt),
            sampling=first.prompt.sampling,
            started_utc=started_utc,
            finished_utc=utc_now(),
            seconds={name: round(value, 6) for name, value in seconds.items()},
            versions=collect_versions(),
            survey=_record(surveyed, source, options, grid, merged, overview_boxes, unconfirmed),
        ),
        pixels=None if picture is None else picture.pixels,
    )


def _grid(native: Grid, level: Level) -> Grid:
    return Grid(native.transform @ Affine.scale(*level.scale_xy), native.crs, level.size_hw, native.name)


def _rendering(rendering: Rendering, level: Level) -> Rendering:
    if level.is_native:
        return rendering
    x, y = level.scale_xy
    return replace(rendering, notes=(*rendering.notes, f"resampled: {x:.6g} x {y:.6g} source pixels averaged to one"))


def _boxes_at(level: Level, overview: Surveyed) -> list[BoxXyxy]:
    """The overview's boxes in pixels of ``level``."""
    x, y = (a / b for a, b in zip(overview.choice.level.scale_xy, level.scale_xy, strict=True))
    boxes = overview.looks[0].answer.boxes_xyxy
    return [(x1 * x, y1 * y, x2 * x, y2 * y) for x1, y1, x2, y2 in boxes]


def _unconfirmed(overview_boxes: Sequence[BoxXyxy], found: Sequence[BoxXyxy]) -> list[BoxXyxy]:
    """Boxes of the overview in which the windows found nothing at all."""
    return [box for box, best in zip(overview_boxes, best_ious(overview_boxes, found), strict=True) if best == 0.0]


def _answer(surveyed: Surveyed, looks: Sequence[Look], merged: Sequence[Merged]) -> Answer:
    """Status, objects and what was cut off or dropped on the way, of all windows together.

    Nothing found means ``no_target`` only where every window's answer could be read.
    """
    answers = [look.answer for look in surveyed.looks] or [look.answer for look in looks]
    failed = [answer for answer in answers if answer.status not in _READABLE]
    telling = [answer for answer in answers if answer.status == "answered"] or failed or answers
    reasoning = looks[0].answer.reasoning if surveyed.overview is not None else telling[0].reasoning
    together = Answer(
        status="answered" if merged else failed[0].status if failed else "no_target",
        task="locate",
        reasoning=reasoning,
        clipped=sum(answer.clipped for answer in answers),
        dropped_degenerate=sum(answer.dropped_degenerate for answer in answers),
        dropped_duplicate=sum(answer.dropped_duplicate for answer in answers),
        dropped_over_limit=sum(answer.dropped_over_limit for answer in answers),
        repaired=any(answer.repaired for answer in answers),
    )
    if merged:
        return replace(
            together,
            boxes_xyxy=tuple(item.box_xyxy for item in merged),
            labels=tuple(item.label or "" for item in merged) if any(item.label for item in merged) else (),
            scores=tuple(item.score for item in merged) if any(item.score is not None for item in merged) else (),
        )
    if failed:
        why = f": {failed[0].reason}" if failed[0].reason else ""
        reason = failed[0].reason if len(answers) == 1 else f"{len(failed)} of {len(answers)} windows failed{why}"
        return replace(together, reason=reason)
    return together


def _record(
    surveyed: Surveyed,
    source: Source,
    options: SurveyOptions,
    grid: Grid,
    merged: Sequence[Merged],
    overview_boxes: Sequence[BoxXyxy] | None,
    unconfirmed: Sequence[BoxXyxy],
) -> dict[str, Any]:
    """``provenance.survey``: see docs/large-scenes.md. Only what JSON gives back as it was."""
    level, plan = surveyed.choice.level, surveyed.choice.plan
    height, width = level.size_hw
    notes = list(surveyed.notes)
    too_large = sum(item.is_too_large for item in merged)
    if too_large:
        notes.append(f"{too_large} objects are too large for a mask at this resolution: their boxes stand")
    record: dict[str, Any] = {
        "mode": surveyed.mode,
        "tile_px": options.tile_px,
        "overlap_px": options.overlap,
        "tile_wh": list(plan.tile_wh),
        "overlap_wh": list(plan.overlap_wh),
        "gsd_m": grid.ground_sample_distance_m(),
        "source_gsd_m": source.grid.ground_sample_distance_m(),
        "source_px_per_px_xy": list(level.scale_xy),
        "windows_planned": len(plan),
        "windows_asked": len(surveyed.looks),
        "windows_empty": surveyed.empty,
        "share_looked_at": plan.covered_px([look.index for look in surveyed.looks]) / (height * width),
        "statuses": dict(sorted(Counter(look.answer.status for look in surveyed.looks).items())),
        "windows": [[*look.window, look.answer.status, len(look.fragments)] for look in surveyed.looks],
        "overview": None,
        "notes": notes,
    }
    above = surveyed.overview
    if above is not None and overview_boxes is not None:
        record["overview"] = {
            "size_hw": list(above.choice.level.size_hw),
            "status": above.looks[0].answer.status,
            "boxes_xyxy": [list(box) for box in overview_boxes],
            "unconfirmed_xyxy": [list(box) for box in unconfirmed],
        }
    return record
