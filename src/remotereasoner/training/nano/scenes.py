"""Listings to train the language tower on: what is labelled in real images, made uncertain, and drawn ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from remotereasoner.policy.nano.listing import ListedObject, Listing, make_listing
from remotereasoner.policy.nano.vocabulary import AREAS, CLASSES, THINGS

__all__ = ["drawn_listing", "labelled_objects", "perturbed_listing"]


def labelled_objects(root: Path, split: str) -> list[list[ListedObject]]:
    """Per image with any known label its objects, small fragments of areas left out."""
    images = []
    with (root / f"{split}.jsonl").open() as lines:
        for line in lines:
            row = json.loads(line)
            width, height = row["width"], row["height"]
            found: list[ListedObject] = []
            per_area = dict.fromkeys(AREAS, 0)
            for item in sorted(row["objects"], key=lambda o: -_box_area(o["bbox"])):
                name = item["category"]
                if name not in CLASSES:
                    continue
                x1, y1, x2, y2 = item["bbox"]
                size = _box_area(item["bbox"]) / (width * height)
                if name in AREAS:
                    size *= 0.5
                    per_area[name] += 1
                    if size < 0.004 or per_area[name] > 5:
                        continue
                box = (x1 / width, y1 / height, x2 / width, y2 / height)
                found.append(ListedObject(CLASSES.index(name), box, size, 1.0, len(found)))
            if found:
                images.append(found)
    return images


def _box_area(box: list[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def perturbed_listing(objects: list[ListedObject], rng: np.random.Generator) -> Listing:
    """Labels as a detector would see them: some missed, jittered, scored, a few weak false alarms."""
    seen: list[ListedObject] = []
    miss = rng.uniform(0, 0.25)
    for item in objects:
        if len(objects) > 2 and rng.random() < miss:
            continue
        noise = rng.normal(0, 0.04, 4) * np.array(
            [item.box_01[2] - item.box_01[0], item.box_01[3] - item.box_01[1]] * 2
        )
        box = np.clip(np.array(item.box_01) + noise, 0, 1)
        x1, y1, x2, y2 = (float(v) for v in box)
        if x2 > x1 and y2 > y1:
            seen.append(
                ListedObject(item.class_index, (x1, y1, x2, y2), item.size_01, float(rng.beta(6, 3)), len(seen))
            )
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 3))):
            seen.append(_random_object(int(rng.integers(len(CLASSES))), len(seen), rng))
    return make_listing(seen)


def _random_object(class_index: int, source: int, rng: np.random.Generator) -> ListedObject:
    is_thing = class_index < len(THINGS)
    side = np.exp(rng.normal(np.log(0.07 if is_thing else 0.35), 0.6))
    width, height = (float(np.clip(side * np.exp(rng.normal(0, 0.3)), 0.01, 0.95)) for _ in range(2))
    x1, y1 = (float(rng.uniform(0, 1 - s)) for s in (width, height))
    size = width * height * (1.0 if is_thing else float(rng.uniform(0.3, 0.9)))
    return ListedObject(class_index, (x1, y1, x1 + width, y1 + height), size, float(rng.beta(6, 3)), source)


def drawn_listing(rng: np.random.Generator, must_have: int | None = None) -> Listing:
    """Random classes with random numbers of objects; ``must_have`` is among them where given."""
    classes = set(rng.choice(len(CLASSES), size=int(rng.integers(0, 6)), replace=False).tolist())
    if must_have is not None:
        classes.add(must_have)
    objects: list[ListedObject] = []
    for index in classes:
        number = min(int(rng.geometric(0.35 if index < len(THINGS) else 0.6)), 24)
        if rng.random() < 0.08:
            number += int(rng.integers(5, 30))
        for _ in range(number):
            objects.append(_random_object(int(index), len(objects), rng))
    return make_listing(objects)
