"""A whole world of scenes in one folder: drawn by several processes, complete or not there."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from remotereasoner.data.samples import Sample, write_samples
from remotereasoner.data.synth.dice import Dice
from remotereasoner.data.synth.families import FAMILIES
from remotereasoner.data.synth.labels import index_mask_png, label_record
from remotereasoner.data.synth.options import WorldOptions
from remotereasoner.data.synth.questions import samples_of
from remotereasoner.data.synth.relations import relations_of
from remotereasoner.data.synth.scene import draw_scene
from remotereasoner.data.synth.sensors import SENSORS, encode, observe, sensor_of
from remotereasoner.data.synth.vocabulary import ALL_CLASSES
from remotereasoner.errors import ExportError, UsageError
from remotereasoner.version import package_version

__all__ = ["MANIFEST", "World", "WrittenScene", "check_options", "write_scene", "write_world"]

MANIFEST = "world.json"
_LABELS, _SAMPLES = "labels.jsonl", "samples.jsonl"
_CHUNK = 8


@dataclass(frozen=True)
class World:
    """What was written."""

    folder: Path
    scenes: int
    objects: int
    samples: int


@dataclass(frozen=True)
class WrittenScene:
    """What a process hands back of a scene whose picture it has written."""

    label_line: bytes
    objects: int
    samples: list[Sample]


def check_options(options: WorldOptions) -> None:
    """Raises :class:`~remotereasoner.errors.UsageError` for families, sensors or ground sizes that do not exist."""
    for name in options.families:
        if name not in FAMILIES:
            raise UsageError(f"unknown family {name!r}: choose from {', '.join(FAMILIES)}")
    for name in options.sensors:
        if name not in SENSORS:
            raise UsageError(f"unknown sensor {name!r}: choose from {', '.join(SENSORS)}")
    names = options.families or tuple(FAMILIES)
    if not any(options.ground_sizes(FAMILIES[name].ground_sizes) for name in names):
        allowed = sorted({g for name in names for g in FAMILIES[name].ground_sizes})
        raise UsageError(
            f"none of {', '.join(names)} can be drawn at these ground sizes: choose a range that holds one of "
            + ", ".join(f"{g:g}" for g in allowed)
        )


def write_scene(options: WorldOptions, number: int, folder: Path) -> WrittenScene:
    """Draw a scene and write its picture (and mask) below ``folder``. Raises OSError."""
    scene = draw_scene(options, number)
    dice = Dice(f"remotereasoner/{options.seed}/{number}/sensor")
    sensor = sensor_of(dice, options.sensors, options.picture)
    seen = observe(scene.pixels, sensor, dice)
    if options.picture == "geotiff":
        from remotereasoner.data.synth.geotiff import encode_geotiff, place_of

        suffix, data = ".tif", encode_geotiff(seen, sensor, place_of(dice, scene.gsd_m), dice)
    else:
        suffix, data = encode(seen, sensor, dice)
    image = f"images/{number:06d}{suffix}"
    (folder / image).write_bytes(data)
    relations = relations_of(scene.objects, scene.side)
    record = label_record(scene, image, sensor, relations, options.seed)
    if options.masks:
        record["index_mask"] = f"masks/{number:06d}.png"
        (folder / record["index_mask"]).write_bytes(index_mask_png(scene))
    line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    asked = samples_of(options, scene, image, relations, Dice(f"remotereasoner/{options.seed}/{number}/questions"))
    return WrittenScene(line, len(scene.objects), asked)


def _write_chunk(options: WorldOptions, numbers: range, folder: Path) -> list[WrittenScene]:
    return [write_scene(options, number, folder) for number in numbers]


def _one_thread() -> None:
    """A process draws with one thread: OpenCV's own would only get into the other processes' way."""
    from remotereasoner.data.synth._cv2 import cv2

    cv2.setNumThreads(1)


@contextlib.contextmanager
def _chunks(options: WorldOptions, count: int, folder: Path, workers: int) -> Iterator[Iterable[list[WrittenScene]]]:
    """Scenes in the order of their numbers, whoever draws them."""
    ranges = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    if workers == 1:
        yield (_write_chunk(options, numbers, folder) for numbers in ranges)
        return
    # Not by fork: the caller may run threads, and a fork copies their locks.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _one_thread) as pool:
        try:
            yield pool.map(_write_chunk, *zip(*((options, r, folder) for r in ranges), strict=True))
        except BaseException:  # an interrupt, too, must not wait for all that is queued; it goes on up
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def write_world(
    options: WorldOptions,
    count: int,
    out: Path,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> World:
    """Write ``count`` scenes to the folder ``out``: ``images/``, ``labels.jsonl``, ``samples.jsonl``, ``world.json``.

    The bytes depend on ``options`` and each scene's number only, not on ``workers`` or ``count``. The folder gets its
    name when all is written; on any error what was written goes, and what was there stays. ``overwrite`` replaces a
    world, never a folder that is none. ``progress`` is told how many scenes there are, now and then.

    Raises :class:`~remotereasoner.errors.UsageError` for parameters, and :class:`~remotereasoner.errors.ExportError`
    where the folder is taken or the disk refuses.
    """
    if count < 1:
        raise UsageError(f"the number of scenes must be at least 1, got {count}")
    if workers < 1:
        raise UsageError(f"the number of workers must be at least 1, got {workers}")
    check_options(options)
    out = out.absolute()
    _check_target(out, overwrite=overwrite)
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        (draft / "images").mkdir(parents=True)
        if options.masks:
            (draft / "masks").mkdir()
        world = _fill(options, count, draft, out, workers, progress)
        _give_name(draft, out)
    except OSError as error:
        raise ExportError(f"cannot write {out}: {error.strerror or error}") from error
    except BrokenProcessPool as error:
        raise ExportError(f"cannot write {out}: a process that draws has ended, perhaps for lack of memory") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return world


def _check_target(out: Path, *, overwrite: bool) -> None:
    try:
        if not out.exists():
            return
        if not out.is_dir():
            raise ExportError(f"{out} is a file: name a folder")
        if not any(out.iterdir()):
            return
    except OSError as error:
        raise ExportError(f"cannot read {out}: {error.strerror or error}") from error
    if not overwrite:
        raise ExportError(f"{out} is not empty: name another folder, or use --overwrite to replace the world in it")
    if not (out / MANIFEST).is_file():
        raise ExportError(f"{out} holds no synthetic world (no {MANIFEST}): it is not overwritten")


def _fill(
    options: WorldOptions, count: int, draft: Path, out: Path, workers: int, progress: Callable[[int], None] | None
) -> World:
    objects = 0

    def drawn(labels: BinaryIO, chunks: Iterable[list[WrittenScene]]) -> Iterator[Sample]:
        nonlocal objects
        done = 0
        for chunk in chunks:
            for scene in chunk:
                labels.write(scene.label_line)
                objects += scene.objects
                yield from scene.samples
            done += len(chunk)
            if progress is not None:
                progress(done)

    with (draft / _LABELS).open("xb") as labels, _chunks(options, count, draft, workers) as chunks:
        samples = write_samples(draft / _SAMPLES, drawn(labels, chunks))
        labels.flush()
        os.fsync(labels.fileno())
    manifest = {
        "made_by": f"remotereasoner {package_version()}",
        "scenes": count,
        "options": asdict(options),
        "index_mask_classes": ["none", *ALL_CLASSES],
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return World(out, count, objects, samples)


def _give_name(draft: Path, out: Path) -> None:
    """Put the draft in place of what is there: an empty folder, or a world that may be replaced."""
    old = out.with_name(f".{out.name}.{secrets.token_hex(4)}.old")
    if out.exists():
        out.rename(old)
    try:
        draft.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
