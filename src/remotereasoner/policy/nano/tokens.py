"""Text to token ids and back for the language tower, and the token sequence of a prompt.

The vocabulary is SmolLM2's, cut to its first ``BASE_TOKENS`` entries (byte-pair ids are in merge order, so that a
prefix is a valid tokenizer), followed by 64 object references and the four tags.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from remotereasoner.errors import CheckpointError
from remotereasoner.policy.codec_embedded import reference, write_references
from remotereasoner.policy.nano.listing import Listing
from remotereasoner.policy.nano.vocabulary import CLASSES, KEYWORDS

__all__ = ["ADDED_TOKENS", "BASE_TOKENS", "MAX_OBJECTS", "NanoTokenizer", "listing_text", "trim_tokenizer"]

BASE_TOKENS = 16_384
MAX_OBJECTS = 64
TAGS = ("<think>", "</think>", "<answer>", "</answer>")  # one token each: they are written with every answer
ADDED_TOKENS = MAX_OBJECTS + len(TAGS)


def trim_tokenizer(full: dict[str, object], keep: int = BASE_TOKENS) -> dict[str, object]:
    """A ``tokenizer.json`` with ids below ``keep`` and the merges inside them, plus the object references."""
    trimmed: dict[str, Any] = json.loads(json.dumps(full))
    model = trimmed["model"]
    model["vocab"] = {token: index for token, index in model["vocab"].items() if index < keep}
    vocabulary = model["vocab"]
    merges = []
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        if left in vocabulary and right in vocabulary and left + right in vocabulary:
            merges.append([left, right])
    model["merges"] = merges
    names = [reference(k) for k in range(MAX_OBJECTS)] + list(TAGS)
    for offset, name in enumerate(names):
        # ordinary added tokens, not special ones: decoding with skip_special_tokens must keep the references
        trimmed["added_tokens"].append(
            {
                "id": keep + offset,
                "content": name,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": False,
            }
        )
    return trimmed


def listing_text(listing: Listing) -> str:
    """``Seen: 2 ships <|obj_0|>-<|obj_1|>: largest ship <|obj_0|> north ship <|obj_1|>; 1 harbor <|obj_2|>.``

    Groups of one object carry no relations: whatever is asked of them, it is that one.
    """
    groups = []
    for group in listing.groups:
        keyword = KEYWORDS[CLASSES[group.class_index]]
        told = "".join(f" {word} {keyword} {reference(number)}" for word, number in listing.named(group))
        groups.append(f" {group.words} {write_references(group.numbers)}{':' if told else ''}{told}")
    return f"Seen:{';'.join(groups) or ' nothing known'}."


class NanoTokenizer:
    """Encodes prompts of the embedded model; wraps the ``tokenizers`` library."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.end_id = self._id("<|im_end|>")
        self.answer_id = self._id("<answer>")
        self.first_object_id = self._id(reference(0))

    def _id(self, name: str) -> int:
        index = self._tokenizer.token_to_id(name)
        if index is None:
            raise CheckpointError(f"the tokenizer of the embedded model lacks {name}")
        return int(index)

    @classmethod
    def from_file(cls, path: Path) -> NanoTokenizer:
        """Read ``tokenizer.json``. Raises :class:`CheckpointError` where it cannot be read."""
        if not path.is_file():
            raise CheckpointError(f"the embedded model's tokenizer is missing: {path.name}")
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises nothing narrower
            raise CheckpointError(f"the embedded model's tokenizer is damaged: {path.name}") from error
        return cls(tokenizer)

    def encode(self, text: str) -> list[int]:
        """Ids of trusted text: special tokens spelled in it are recognised."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: list[int]) -> str:
        """Text of ids, object references included, turn markers left out."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def prefix_ids(self, system: str, listing: Listing) -> list[int]:
        """Everything that all questions about one image share."""
        return self.encode(f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{listing_text(listing)}")

    def question_ids(self, user: str) -> list[int]:
        """What follows the prefix, up to where the model begins to write."""
        return self.encode(f"\n{user}<|im_end|>\n<|im_start|>assistant\n")
