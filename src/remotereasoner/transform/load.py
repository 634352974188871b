"""A segmenter from its name: :func:`load_segmenter`."""

from __future__ import annotations

from pathlib import Path

from remotereasoner.errors import UsageError
from remotereasoner.transform.base import Segmenter

__all__ = ["SEGMENTERS", "load_segmenter"]

SEGMENTERS = {
    "embedded": "the package's own network; the default",
    "sam2:MODEL": "SAM 2 from a folder or, as NAME[@REVISION], from the hub: sam2:facebook/sam2.1-hiera-small",
    "grabcut": "OpenCV's GrabCut inside each box; no weights",
    "box": "the box itself",
}
"""What :func:`load_segmenter` accepts, each with a line for the user."""


def load_segmenter(spec: str, *, device: str | None = None, dtype: str = "float32") -> Segmenter:
    """The segmenter that ``spec`` names, ready to use: see :data:`SEGMENTERS`.

    ``device`` and ``dtype`` are for ``sam2``. Raises :class:`UsageError` for anything else than these,
    :class:`~remotereasoner.errors.MissingExtraError` where the extra is not installed, and what loading weights raises.
    """
    kind, colon, model = spec.partition(":")
    if kind == "sam2" and model:
        from remotereasoner.transform.sam2 import Sam2Segmenter

        name, revision = _split_revision(model)
        return Sam2Segmenter(name, revision=revision, device=device, dtype=dtype)
    if not colon and kind == "embedded":
        from remotereasoner.transform.embedded import EmbeddedSegmenter

        return EmbeddedSegmenter()
    if not colon and kind == "grabcut":
        from remotereasoner.transform.grabcut import GrabCutSegmenter

        return GrabCutSegmenter()
    if not colon and kind == "box":
        from remotereasoner.transform.box import BoxSegmenter

        return BoxSegmenter()
    allowed = "; ".join(f"{name} ({text})" for name, text in SEGMENTERS.items())
    raise UsageError(f"there is no segmenter {spec!r}; there are: {allowed}")


def _split_revision(model: str) -> tuple[str, str | None]:
    """``name@revision``; a folder that exists is taken as it stands, whatever is in its name."""
    if Path(model).is_dir() or "@" not in model:
        return model, None
    name, _, revision = model.rpartition("@")
    if not name or not revision:
        raise UsageError(f"write the segmenter as sam2:NAME@REVISION, not sam2:{model}")
    return name, revision
