"""From a public data set to a sample file: :func:`convert`.

Everything of one conversion lies beside the sample file: ``NAME_masks/`` where the source has masks and, where these
and the images have no folder in common, ``NAME_images``, a link to the data set. All paths in a sample file are
relative to one folder, which :attr:`Conversion.root` names.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from remotereasoner.data.fields import FieldError, path_of
from remotereasoner.data.mask_outlines import outlines_by_box
from remotereasoner.data.readers import BadRecord, Item, ReadOptions, data_set, read_data_set
from remotereasoner.data.samples import Sample, fault_of, write_samples
from remotereasoner.errors import ExportError, SampleError, UsageError
from remotereasoner.types import BoolArray

__all__ = ["Conversion", "MaskForm", "convert"]

MaskForm = Literal["png", "polygons", "none"]
"""Masks as files beside the sample file; as polygons in it, along the pixels' edges; or left out."""
_KEPT_INVALID = 1000


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote."""

    file: Path
    root: Path
    """The folder that image and mask paths in ``file`` are relative to."""
    samples: int
    images: int
    masks: int
    """Mask files written."""
    no_target: int
    """Samples of the task ``locate`` whose answer is that there is nothing."""
    splits: dict[str, int]
    kinds: dict[str, int]
    invalid: tuple[BadRecord, ...]
    """The first thousand."""
    invalid_count: int


@dataclass(frozen=True)
class _Place:
    """Where things lie: ``images`` and ``masks`` are put before the paths of a sample."""

    root: Path
    images: str
    masks: str
    mask_folder: Path
    link: Path | None = None


def _place(root: Path, out: Path, *, has_files: bool) -> _Place:
    """``has_files``: masks will be written, so that one folder must lead to them and to the images."""
    source, folder = root.resolve(), out.parent.resolve()
    masks = f"{out.stem}_masks"
    if not has_files:
        return _Place(root, "", "", folder / masks)
    if folder.is_relative_to(source):
        return _Place(root, "", _prefix(folder.relative_to(source)) + masks + "/", folder / masks)
    if source.is_relative_to(folder):
        return _Place(out.parent, _prefix(source.relative_to(folder)), masks + "/", folder / masks)
    link = folder / f"{out.stem}_images"
    return _Place(out.parent, link.name + "/", masks + "/", folder / masks, link)


def _prefix(relative: Path) -> str:
    return "" if relative == Path() else relative.as_posix() + "/"


def convert(
    name: str,
    root: Path,
    out: Path,
    *,
    options: ReadOptions | None = None,
    masks: MaskForm = "png",
    limit: int | None = None,
    strict: bool = False,
    overwrite: bool = False,
    on_invalid: Callable[[BadRecord], None] | None = None,
) -> Conversion:
    """Write the sample file ``out`` of the data set ``name`` in the folder ``root``.

    Records that are no samples are left out, counted and told to ``on_invalid``; with ``strict`` the first one raises
    :class:`~remotereasoner.errors.SampleError` and nothing is written. ``limit``: stop after that many samples. Nothing
    gets its final name before everything is on the disk. Raises UsageError where ``out`` is there and ``overwrite`` is
    off, InputError where ``root`` does not hold the data set, ExportError where the disk refuses.
    """
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already: remove it, or overwrite it with --overwrite")
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be 1 or more, got {limit}")
    place = _place(root, out, has_files=masks == "png" and data_set(name).has_masks)
    found = read_data_set(name, root, options)
    run = _Run(root, place, masks, strict, limit, on_invalid, place.mask_folder.with_name(f".{out.stem}.{_hex()}.tmp"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        count = write_samples(out, run.samples(found, place.mask_folder))
    except OSError as error:
        raise ExportError(f"cannot write beside {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(run.temporary, ignore_errors=True)
    return Conversion(
        file=out,
        root=place.root,
        samples=count,
        images=len(run.images),
        masks=len(run.mask_names),
        no_target=run.no_target,
        splits=dict(run.splits),
        kinds=dict(run.kinds),
        invalid=tuple(run.invalid),
        invalid_count=run.invalid_count,
    )


def _hex() -> str:
    return secrets.token_hex(4)


class _Run:
    """One conversion under way."""

    def __init__(
        self,
        root: Path,
        place: _Place,
        masks: MaskForm,
        strict: bool,
        limit: int | None,
        on_invalid: Callable[[BadRecord], None] | None,
        temporary: Path,
    ) -> None:
        self.root, self.place, self.form, self.strict, self.limit = root, place, masks, strict, limit
        self.on_invalid, self.temporary = on_invalid, temporary
        self.images: set[str] = set()
        self.mask_names: set[str] = set()
        self.no_target = self.invalid_count = 0
        self.splits: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.invalid: list[BadRecord] = []

    def samples(self, found: Iterator[Item | BadRecord], mask_folder: Path) -> Iterator[Sample]:
        """The samples to write; when the last one is out, masks and link get their final names."""
        ids: set[str] = set()
        for item in found:
            if isinstance(item, BadRecord):
                self._refuse(item)
                continue
            if item.sample.id in ids:
                self._refuse(BadRecord(item.sample.image, None, f"the id {item.sample.id!a} is there twice"))
                continue
            sample = self._placed(item)
            fault = fault_of(sample) or _fault_of_name(item)
            if fault is not None:
                self._refuse(BadRecord(item.sample.image, None, f"sample {sample.id!a}: {fault}"))
                continue
            if sample.mask is not None and item.mask is not None and item.mask_name not in self.mask_names:
                _write_mask(self.temporary / f"{item.mask_name}.png", item.mask)
                self.mask_names.add(item.mask_name)
            ids.add(sample.id)
            self._count(sample)
            yield sample
            if len(ids) == self.limit:
                break
        self._finish(mask_folder)

    def _placed(self, item: Item) -> Sample:
        sample = replace(item.sample, image=self.place.images + item.sample.image, mask=None)
        if item.mask is None or not sample.boxes or self.form == "none":
            return sample
        if self.form == "png":
            return replace(sample, polygons=None, mask=f"{self.place.masks}{item.mask_name}.png")
        return replace(sample, polygons=outlines_by_box(item.mask, sample.boxes))

    def _count(self, sample: Sample) -> None:
        self.images.add(sample.image)
        self.splits[sample.split or ""] += 1
        self.kinds[sample.kind or sample.task] += 1
        self.no_target += sample.task == "locate" and not sample.boxes

    def _refuse(self, record: BadRecord) -> None:
        if self.strict:
            raise SampleError(str(self.root / record.file), record.line, record.reason)
        self.invalid_count += 1
        if len(self.invalid) < _KEPT_INVALID:
            self.invalid.append(record)
        if self.on_invalid is not None:
            self.on_invalid(record)

    def _finish(self, mask_folder: Path) -> None:
        if self.mask_names:
            if mask_folder.exists():
                shutil.rmtree(mask_folder)
            self.temporary.replace(mask_folder)
        link = self.place.link
        if link is None:
            return
        if link.exists() and not link.is_symlink():
            raise UsageError(f"{link} is in the way: the link to the data set goes there")
        temporary = link.with_name(f".{link.name}.{_hex()}.tmp")
        temporary.symlink_to(os.path.relpath(self.root.resolve(), link.parent.resolve()), target_is_directory=True)
        temporary.replace(link)


def _fault_of_name(item: Item) -> str | None:
    """Names of masks come from annotations; none may lead elsewhere than below the folder of masks."""
    try:
        path_of(item.mask_name or "none", "the name of its mask")
    except FieldError as error:
        return str(error)
    return None


def _write_mask(path: Path, mask: BoolArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.view(np.uint8) * np.uint8(255)).save(path, compress_level=3)
