"""Supervision of several questions about one image with what they share computed once.

What a policy that reads text is told of an image stands at the beginning of every prompt about it, and is longer than
question and answer together. Here the questions of a batch that begin alike are one row: their common beginning, then
each one's own rest, which attends to the beginning and to itself only, at the positions it would have alone. The
numbers are the same. Batches are made of questions about one image where there are enough.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

__all__ = ["BatchesByImage", "SharedPrefixCollator"]

_IGNORED = -100


class BatchesByImage(Sampler[int]):
    """Indices in an order of which every ``batch`` in a row are, as far as possible, about one image.

    Another order each epoch, decided by ``seed`` and the epoch alone, so that a run can be resumed.
    """

    def __init__(self, images: Sequence[str], batch: int, seed: int) -> None:
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, image in enumerate(images):
            self._rows[image].append(row)
        self._count = len(images)
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the loader before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + 7919 * self._epoch)

        def shuffled(items: list[Any]) -> list[Any]:
            return [items[k] for k in torch.randperm(len(items), generator=generator).tolist()]

        full: list[list[int]] = []
        rests: list[list[int]] = []
        for rows in self._rows.values():
            mixed = shuffled(rows)
            end = len(mixed) - len(mixed) % self._batch
            full += [mixed[k : k + self._batch] for k in range(0, end, self._batch)]
            rests.append(mixed[end:])
        left = [row for rest in shuffled(rests) for row in rest]
        end = len(left) - len(left) % self._batch
        full += [left[k : k + self._batch] for k in range(0, end, self._batch)]
        for rows in shuffled(full):
            yield from rows
        yield from left[end:]


@dataclass(frozen=True)
class SharedPrefixCollator:
    """Tokenized examples (``input_ids``, ``labels`` of the same length, -100 on the prompt) to one batch."""

    pad_token_id: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """``input_ids``, ``labels``, ``position_ids`` (B, T) and ``attention_mask`` (B, 1, T, T) of bool, True where a
        place may look; B is the number of different beginnings. Padding looks at the first place and is not looked at.
        """
        rows = [_packed(group) for group in _alike(examples)]
        longest = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), longest), self.pad_token_id)
        labels = torch.full((len(rows), longest), _IGNORED)
        positions = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros((len(rows), 1, longest, longest), dtype=torch.bool)
        mask[..., 0] = True
        for k, row in enumerate(rows):
            size = len(row.ids)
            ids[k, :size] = torch.tensor(row.ids)
            labels[k, :size] = torch.tensor(row.labels)
            positions[k, :size] = torch.tensor(row.positions)
            mask[k, 0, :size, :size] = row.mask
        return {"input_ids": ids, "labels": labels, "position_ids": positions, "attention_mask": mask}


@dataclass(frozen=True, eq=False)
class _Row:
    ids: list[int]
    labels: list[int]
    positions: list[int]
    mask: Tensor
    """(T, T)."""


def _prompt_length(example: dict[str, Any]) -> int:
    labels = example["labels"]
    return next((k for k, label in enumerate(labels) if label != _IGNORED), len(labels))


def _alike(examples: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Groups whose prompts have at least half of their tokens in common, at the beginning."""
    groups: list[list[dict[str, Any]]] = []
    for example in sorted(examples, key=lambda one: list(one["input_ids"])):
        if groups and 2 * _shared([*groups[-1], example]) >= _prompt_length(example):
            groups[-1].append(example)
        else:
            groups.append([example])
    return groups


def _shared(examples: Sequence[dict[str, Any]]) -> int:
    """Length of the common beginning; a token of each prompt stays, since it predicts what each one answers."""
    columns = zip(*(example["input_ids"] for example in examples), strict=False)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return max(0, min(common, *(_prompt_length(example) - 1 for example in examples)))


def _packed(examples: Sequence[dict[str, Any]]) -> _Row:
    start = _shared(examples)
    first = list(examples[0]["input_ids"][:start])
    ids, labels, positions = first, [_IGNORED] * start, list(range(start))
    spans = []
    for example in examples:
        own = list(example["input_ids"][start:])
        spans.append((len(ids), len(ids) + len(own)))
        ids, labels = ids + own, labels + list(example["labels"][start:])
        positions += range(start, start + len(own))
    mask = torch.zeros((len(ids), len(ids)), dtype=torch.bool)
    mask[:, :start] = True
    for begin, end in spans:
        mask[begin:end, begin:end] = True
    return _Row(ids, labels, positions, mask & torch.ones_like(mask).tril())
