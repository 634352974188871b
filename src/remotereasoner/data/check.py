"""What is wrong with sample files: :func:`check`. Lines, images, masks, boxes, repetitions, and splits that overlap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from remotereasoner.data.fields import FieldError
from remotereasoner.data.fingerprints import Fingerprint, fingerprint, near_pairs
from remotereasoner.data.readers.rasters import image_size
from remotereasoner.data.samples import BadSample, Sample, image_path, mask_path, numbered_samples
from remotereasoner.errors import ImageReadError, SampleError
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["NEAR_BITS", "Finding", "FindingKind", "Report", "check"]

FindingKind = Literal["line", "image", "mask", "outside", "duplicate", "overlap", "similar"]
"""A line that is no sample; an image or mask that cannot be used; a box or polygon that leaves its image; a question
asked twice of one image; one image in two splits, pixel for pixel, or to the eye."""
NEAR_BITS = 4
"""Of 64 bits of looks; JPEG at quality 50 and a resize to half change at most that many."""
_SLACK_PX = 1.0  # annotations are often rounded outwards by a pixel
_MAX_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    kind: FindingKind
    file: str
    line: int | None
    id: str | None
    message: str


@dataclass
class Report:
    """The findings, the first thousand of each kind, and counts of everything."""

    samples: int = 0
    images: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)
    no_target: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        if self.counts[finding.kind] <= _MAX_KEPT:
            self.findings.append(finding)

    @property
    def is_clean(self) -> bool:
        return not self.counts


@dataclass
class _Image:
    """What is known of one image file."""

    path: Path
    size_hw: SizeHw | None
    problem: str | None
    splits: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """Split to the file, line and id where it came up first."""


def check(
    files: Sequence[Path],
    root: Path | None = None,
    *,
    content: bool = True,
    near_bits: int = NEAR_BITS,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Go through sample files. ``root``: what image and mask paths are relative to; None: each file's own folder.

    ``content``: decode every image to find those that several splits share; a sample without a split belongs to one
    named after its file. ``near_bits``: how far looks may differ, 0 to 64. ``strict``: the first finding raises
    :class:`~remotereasoner.errors.SampleError` with file and line. ``progress``: (images decoded, all images).
    Raises SampleError for a file that cannot be read.
    """
    report = Report()
    images: dict[Path, _Image] = {}
    for finding in _findings(files, root, report, images, content, near_bits, progress):
        if strict:
            raise SampleError(finding.file, finding.line, finding.message)
        report.add(finding)
    report.images = len(images)
    return report


def _findings(
    files: Sequence[Path],
    root: Path | None,
    report: Report,
    images: dict[Path, _Image],
    content: bool,
    near_bits: int,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Finding]:
    for file in files:
        asked: dict[tuple[str | None, ...], int] = {}
        for line, sample in numbered_samples(file):
            if isinstance(sample, BadSample):
                yield Finding("line", str(file), line, sample.id, sample.reason)
                continue
            _count(report, sample)
            where = root if root is not None else file.parent
            for kind, message in _of_sample(where, sample, images, sample.split or file.stem, (str(file), line)):
                yield Finding(kind, str(file), line, sample.id, message)
            key = (sample.image, sample.query, sample.task, sample.split)  # across splits it is an overlap
            if key in asked:
                message = f"the same question about {sample.image} stands in line {asked[key]}"
                yield Finding("duplicate", str(file), line, sample.id, message)
            asked.setdefault(key, line)
    if content:
        yield from _overlaps(list(images.values()), near_bits, progress)


def _count(report: Report, sample: Sample) -> None:
    report.samples += 1
    report.splits[sample.split or ""] += 1
    report.tasks[sample.task] += 1
    report.no_target += sample.task == "locate" and not sample.boxes


def _of_sample(
    root: Path, sample: Sample, images: dict[Path, _Image], split: str, place: tuple[str, int]
) -> Iterator[tuple[FindingKind, str]]:
    path = image_path(root, sample)
    image = images.get(path)
    if image is None:
        image = images[path] = _look(path)
    image.splits.setdefault(split, (*place, sample.id))
    if image.size_hw is None:
        yield "image", f"{sample.image}: {image.problem}"
        return
    for name, box in _extents(sample):
        if not _is_inside(box, image.size_hw):
            height, width = image.size_hw
            numbers = ", ".join(f"{value:g}" for value in box)
            yield "outside", f"{name} [{numbers}] leaves the image of {width} x {height} pixels"
    mask = mask_path(root, sample)
    if mask is not None:
        found = _look(mask)
        if found.size_hw is None:
            yield "mask", f"mask {sample.mask}: {found.problem}"
        elif found.size_hw != image.size_hw:
            shown = " x ".join(str(side) for side in reversed(found.size_hw))
            yield "mask", f"mask {sample.mask} is {shown}, its image {image.size_hw[1]} x {image.size_hw[0]} pixels"


def _look(path: Path) -> _Image:
    try:
        return _Image(path, image_size(path), None)
    except FieldError as error:
        return _Image(path, None, str(error))


def _extents(sample: Sample) -> Iterator[tuple[str, BoxXyxy]]:
    for number, box in enumerate(sample.boxes, start=1):
        yield f"box {number}", box
    for number, rings in enumerate(sample.polygons or (), start=1):
        xs = [x for ring in rings for x, _ in ring]
        ys = [y for ring in rings for _, y in ring]
        yield f"polygon {number}", (min(xs), min(ys), max(xs), max(ys))


def _is_inside(box: BoxXyxy, size_hw: SizeHw) -> bool:
    x1, y1, x2, y2 = box
    return min(x1, y1) >= -_SLACK_PX and x2 <= size_hw[1] + _SLACK_PX and y2 <= size_hw[0] + _SLACK_PX


def _overlaps(images: list[_Image], near_bits: int, progress: Callable[[int, int], None] | None) -> Iterator[Finding]:
    """Images that two splits share: the same file, the same pixels, or the same looks."""
    if len({split for image in images for split in image.splits}) < 2:
        return
    readable = [image for image in images if image.size_hw is not None]
    prints: list[Fingerprint | None] = []
    for done, image in enumerate(readable):
        if progress is not None:
            progress(done, len(readable))
        try:
            prints.append(fingerprint(image.path))
        except ImageReadError as error:
            prints.append(None)
            for file, line, identity in image.splits.values():
                yield Finding("image", file, line, identity, f"{image.path.name}: {error}")
    if progress is not None:
        progress(len(readable), len(readable))
    same: dict[bytes, list[_Image]] = defaultdict(list)
    for image, found in zip(readable, prints, strict=True):
        if found is not None:
            same[found.pixels].append(image)
    for group in same.values():
        yield from _shared(group)
    representatives = [
        (image, found.looks)
        for image, found in zip(readable, prints, strict=True)
        if found is not None and found.looks is not None and same[found.pixels][0] is image
    ]
    yield from _similar(representatives, near_bits)


def _shared(group: Iterable[_Image]) -> Iterator[Finding]:
    """One finding for each split beyond the first that an image, or one with the same pixels, is in."""
    first: tuple[str, _Image] | None = None
    seen: set[str] = set()
    for image in group:
        for split, (file, line, identity) in image.splits.items():
            if first is None:
                first = split, image
            elif split not in seen:
                name, other = first
                what = "is" if other is image else f"has the pixels of {other.path.name}"
                yield Finding(
                    "overlap",
                    file,
                    line,
                    identity,
                    f"{image.path.name} in the split {split} {what} in the split {name}",
                )
            seen.add(split)


def _similar(images: Sequence[tuple[_Image, int]], near_bits: int) -> Iterator[Finding]:
    looks = [value for _, value in images]
    for i, j in near_pairs(looks, looks, near_bits):
        a, b = images[i][0], images[j][0]
        if i < j and set(a.splits) != set(b.splits):
            split = next(name for name in (*b.splits, *a.splits) if not (name in a.splits and name in b.splits))
            one, other = (b, a) if split in b.splits else (a, b)
            file, line, identity = one.splits[split]
            yield Finding(
                "similar", file, line, identity,
                f"{one.path.name} in the split {split} looks like {other.path.name} in {', '.join(other.splits)}",
            )  # fmt: skip
