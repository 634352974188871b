"""Our own sample file as a data set: to filter by split, to sweep out bad lines, to join files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from remotereasoner.data.fields import FieldError
from remotereasoner.data.readers.base import BadRecord, Found, Item, ReadOptions
from remotereasoner.data.readers.files import below, find_below
from remotereasoner.data.readers.rasters import fit_mask, image_size, read_mask
from remotereasoner.data.samples import BadSample, numbered_samples

__all__ = ["read"]


def read(root: Path, options: ReadOptions) -> Iterator[Found]:
    """The samples of ``--annotations`` (default: samples.jsonl), of the wanted splits, whose images are there."""
    name = options.annotations or find_below(root, ("samples.jsonl",), "a sample file; name it with --annotations")
    file = Path(name) if Path(name).is_absolute() else root / name
    size = max(1, file.stat().st_size if file.is_file() else 1)
    done = 0
    for line, found in numbered_samples(file):
        done += 1
        if options.progress is not None and done % 256 == 0:
            options.progress(done, max(done, size // 200))  # a line is some 200 bytes
        if isinstance(found, BadSample):
            yield BadRecord(name, line, found.reason)
            continue
        if options.splits and found.split not in options.splits:
            continue
        try:
            image = root / below(root, found.image, "image")
            mask = None
            if found.mask is not None:
                stored_at = below(root, found.mask, "mask")
                mask = fit_mask(read_mask(root / stored_at), image_size(image), stored_at)
        except FieldError as error:
            yield BadRecord(name, line, str(error))
            continue
        yield Item(found, mask, "" if found.mask is None else found.mask.rsplit(".", 1)[0])
