"""The data sets that can be read, by the name that the command line uses."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remotereasoner.data.readers import (
    coco,
    dior_rsvg,
    earthreason,
    geo,
    labelled,
    phrases,
    rrsisd,
    rsvqa,
    sample_file,
    vrsbench,
)
from remotereasoner.data.readers.base import Found, Reader, ReadOptions
from remotereasoner.errors import InputError, UsageError

__all__ = ["DATA_SETS", "DataSet", "data_set", "read_data_set"]


@dataclass(frozen=True)
class DataSet:
    """A reader and what it can be told beside the splits."""

    title: str
    read: Reader
    uses: frozenset[str] = frozenset()
    """Names of :class:`~remotereasoner.data.readers.base.ReadOptions` fields."""
    has_masks: bool = False
    """Its items carry masks."""


_RULE = frozenset({"box_rule"})
_ASKED = frozenset({"questions", "seed"})
_MADE = frozenset({"annotations", "template"})

DATA_SETS: dict[str, DataSet] = {
    "earthreason": DataSet("EarthReason: implicit questions, masks", earthreason.read, _RULE | _ASKED, has_masks=True),
    "rrsis-d": DataSet("RRSIS-D: referring expressions, masks", rrsisd.read, _ASKED, has_masks=True),
    "refsegrs": DataSet("RefSegRS: phrases, masks", phrases.read_refsegrs, _RULE, has_masks=True),
    "risbench": DataSet("RISBench: phrases, masks", phrases.read_risbench, has_masks=True),
    "dior-rsvg": DataSet("DIOR-RSVG: descriptions, boxes", dior_rsvg.read),
    "vrsbench-grounding": DataSet("VRSBench: referring sentences, boxes", vrsbench.read_grounding),
    "vrsbench-vqa": DataSet("VRSBench: questions and answers", vrsbench.read_vqa),
    "vrsbench-caption": DataSet("VRSBench: captions", vrsbench.read_caption),
    "rsvqa-lr": DataSet("RSVQA, low resolution", rsvqa.read_low),
    "rsvqa-hr": DataSet("RSVQA, high resolution", rsvqa.read_high),
    "coco": DataSet("any COCO detection or instance file", coco.read, _MADE | {"images"}),
    "geo": DataSet("rasters with GeoJSON or GeoPackage labels", geo.read, _MADE | {"category_field"}),
    "labelled": DataSet(
        "our labelled images, asked about with the question bank", labelled.read, frozenset({"seed", "sentences"})
    ),
    "samples": DataSet("our sample file", sample_file.read, frozenset({"annotations"}), has_masks=True),
}


def data_set(name: str) -> DataSet:
    """The data set of that name. Raises :class:`~remotereasoner.errors.UsageError` with the nearest one."""
    found = DATA_SETS.get(name.lower().replace("_", "-"))
    if found is None:
        close = difflib.get_close_matches(name.lower(), DATA_SETS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there is {', '.join(DATA_SETS)}"
        raise UsageError(f"there is no data set {name!r}: {hint}")
    return found


def read_data_set(name: str, root: Path, options: ReadOptions | None = None) -> Iterator[Found]:
    """Samples with image paths below ``root``, lazily, a bad record in place of each that is none.

    Raises :class:`~remotereasoner.errors.UsageError` for an unknown name, and
    :class:`~remotereasoner.errors.InputError` where ``root`` does not hold the data set.
    """
    reader = data_set(name).read
    if not root.is_dir():
        raise InputError(f"there is no folder {root}")
    return reader(root, options or ReadOptions())
