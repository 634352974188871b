"""What the policy answered, read: :class:`Answer`."""

from __future__ import annotations

from dataclasses import dataclass

from remotereasoner.types import BoxXyxy, PointXy, Status, Task

__all__ = ["Answer"]


@dataclass(frozen=True)
class Answer:
    """One answer in *scene pixels*, or text for question answering and captions.

    ``answered`` has boxes (locate) or text; ``no_target``: the model said that nothing answers the question;
    ``unparseable``: it finished but cannot be read; ``truncated``: it was cut off by the token limit before a complete
    answer; ``refused``: it declined. The last three have neither boxes nor text.
    """

    status: Status
    task: Task
    reasoning: str = ""
    boxes_xyxy: tuple[BoxXyxy, ...] = ()
    points_xy: tuple[tuple[PointXy, ...], ...] = ()
    """Positive points of each box, where the model gave any: () or one entry per box."""
    labels: tuple[str, ...] = ()
    """() or one per box, as the model wrote it, control characters removed."""
    scores: tuple[float | None, ...] = ()
    """() or one per box, in [0, 1]."""
    text: str | None = None
    reason: str | None = None
    """Why it could not be read, for ``unparseable`` and ``truncated``."""
    clipped: int = 0
    """Boxes that reached outside the scene and were clipped."""
    dropped_degenerate: int = 0
    dropped_duplicate: int = 0
    dropped_over_limit: int = 0
    repaired: bool = False
    """The text was not in the format asked for but could be read without doubt."""
