"""What each score is called and means: for tables on the terminal and in the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["CATALOGUE", "SECTIONS", "Entry", "entry_of", "in_order", "shown"]

Unit = Literal["share", "number", "px", "m", "of 10"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One score."""

    name: str
    title: str
    section: str
    meaning: str
    unit: Unit = "share"
    lower_is_better: bool = False


SECTIONS = ("Boxes", "Masks", "Outlines", "Nothing there", "Questions", "Captions", "Answers")

CATALOGUE: tuple[Entry, ...] = (
    Entry("grounding", "Grounding", "Boxes", "Σ IoU of matched boxes / max(drawn, true); the training reward"),
    *(
        Entry(f"acc@{level}", f"Acc@{level}", "Boxes", f"one target: exactly one box, IoU ≥ {level}")
        for level in (0.25, 0.5, 0.75)
    ),
    *(
        Entry(f"f1@{level}", f"F1@{level}", "Boxes", f"matched one to one with IoU ≥ {level}; mean over questions")
        for level in (0.25, 0.5, 0.75)
    ),
    Entry("box_precision@0.5", "Precision@0.5", "Boxes", "of all boxes drawn, those that match"),
    Entry("box_recall@0.5", "Recall@0.5", "Boxes", "of all true boxes, those that are matched"),
    Entry("matched_iou", "Matched IoU", "Boxes", "mean IoU of matched boxes that overlap"),
    Entry("ap", "AP", "Boxes", "COCO average precision, IoU 0.5 to 0.95, one class"),
    Entry("ap50", "AP50", "Boxes", "COCO average precision at IoU 0.5"),
    Entry("ap75", "AP75", "Boxes", "COCO average precision at IoU 0.75"),
    Entry("ap_small", "AP small", "Boxes", "of objects below 32² px"),
    Entry("ap_medium", "AP medium", "Boxes", "of objects from 32² to 96² px"),
    Entry("ap_large", "AP large", "Boxes", "of objects above 96² px"),
    Entry("count_exact", "Count exact", "Boxes", "as many boxes as there are targets"),
    Entry("count_mae", "Count error", "Boxes", "mean |drawn − true|", "number", True),
    Entry("gIoU", "gIoU", "Masks", "mean IoU over questions; an empty mask of an empty truth is 1"),
    Entry("cIoU", "cIoU", "Masks", "Σ intersection / Σ union"),
    Entry("oIoU", "oIoU", "Masks", "Σ intersection / Σ union"),
    Entry("mIoU", "mIoU", "Masks", "mean IoU over questions that have a target"),
    *(
        Entry(f"P@{level}", f"P@{level}", "Masks", f"share of questions with IoU from {level} on")
        for level in (0.5, 0.6, 0.7, 0.8, 0.9)
    ),
    Entry("bbox_AP", "bbox AP", "Masks", "some box has IoU > 0.5"),
    Entry("boundary_f", "Boundary F", "Outlines", "outlines within 0.8 % of the diagonal of each other"),
    Entry("contour_mean_px", "Mean distance", "Outlines", "between outlines, where both are there", "px", True),
    Entry("contour_hausdorff_px", "Hausdorff", "Outlines", "largest distance between outlines", "px", True),
    Entry("contour_mean_m", "Distance, ground", "Outlines", "where the size of a pixel is known", "m", True),
    Entry("contour_hausdorff_m", "Hausdorff, ground", "Outlines", "where the size of a pixel is known", "m", True),
    Entry("no_target_precision", "Precision", "Nothing there", "of all answers “nothing”, the right ones"),
    Entry("no_target_recall", "Recall", "Nothing there", "of all questions without a target, those answered so"),
    Entry("false_alarm_rate", "False alarms", "Nothing there", "boxes drawn where nothing is", "share", True),
    Entry("missed_as_nothing", "Missed", "Nothing there", "“nothing” where there is something", "share", True),
    Entry("vqa_exact", "Exact", "Questions", "normalised exact match; overall accuracy (OA)"),
    Entry("vqa_average", "Average", "Questions", "mean over types of question (AA)"),
    Entry("vqa_tolerant", "Within 5 %", "Questions", "numbers within 5 % of the accepted one"),
    Entry("vqa_rsvqa", "RSVQA ranges", "Questions", "numbers by RSVQA's ranges, words exactly"),
    *(Entry(f"bleu_{n}", f"BLEU-{n}", "Captions", "of the whole corpus") for n in (1, 2, 3, 4)),
    Entry("rouge_l", "ROUGE-L", "Captions", "longest common subsequence, β 1.2"),
    Entry("cider_d", "CIDEr-D", "Captions", "consensus, against this corpus", "of 10"),
    Entry("meteor", "METEOR", "Captions", "METEOR 1.5, by its own Java archive"),
    Entry("caption_words", "Length", "Captions", "words of a caption", "number"),
    Entry("failure_rate", "Failures", "Answers", "unreadable, cut off or refused; they score 0", "share", True),
)
_BY_NAME = {entry.name: entry for entry in CATALOGUE}
_ORDER = {entry.name: k for k, entry in enumerate(CATALOGUE)}


def entry_of(name: str) -> Entry:
    """What is known of a score; of an unknown one, its name."""
    return _BY_NAME.get(name, Entry(name, name, "Answers", ""))


def in_order(names: Iterable[str]) -> list[str]:
    """As they stand in the catalogue."""
    return sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


def shown(value: float | None, unit: Unit) -> str:
    """With as many digits as a reader needs: shares in percent."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.2f}" + (f" {unit}" if unit in ("px", "m") else "")
