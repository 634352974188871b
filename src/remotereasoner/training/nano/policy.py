"""The embedded model as a policy that TRL can train: prompts of text, made by the perception tower.

The tower is frozen: it sees each image once, and what it saw stands in the prompt as the listing. Prompts, references
and parsing are those of inference; only the language tower learns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, PreTrainedTokenizerFast

from remotereasoner.data.samples import Sample
from remotereasoner.errors import UsageError
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec, write_references
from remotereasoner.policy.engines.embedded import NanoModel, default_weights_dir
from remotereasoner.policy.nano.listing import Listing, list_objects
from remotereasoner.policy.nano.proposals import perceive
from remotereasoner.policy.nano.tokens import listing_text
from remotereasoner.policy.nano.vocabulary import CLASSES, SINGULARS
from remotereasoner.policy.prompts import compose_completion, prompt_texts
from remotereasoner.scores.boxes import match_boxes
from remotereasoner.training.config import ModelConfig
from remotereasoner.training.data_sets import Row, sample_pixels
from remotereasoner.training.nano.targets import read_listing
from remotereasoner.training.policies import TrainablePolicy, reward_columns
from remotereasoner.training.targets import checked_reasoning
from remotereasoner.types import BoxXyxy, SizeHw

__all__ = ["CHAT_TEMPLATE", "ListedRows", "load_embedded", "trainer_tokenizer"]

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The turns as :class:`~remotereasoner.policy.nano.tokens.NanoTokenizer` writes them."""
_SAME_IOU = 0.5
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class _Seen:
    listing: Listing
    boxes: tuple[BoxXyxy, ...]
    """Of the listed objects, in pixels of the image."""
    image_hw: SizeHw


@dataclass(frozen=True, eq=False)
class ListedRows:
    """Rows of TRL's for a policy that is told what is in the image."""

    model: NanoModel
    codec: EmbeddedReferenceCodec = field(default_factory=EmbeddedReferenceCodec)
    _seen: dict[str, _Seen] = field(default_factory=dict, repr=False)

    def row(self, sample: Sample, root: Path) -> Row:
        """Prompt, references and reward columns. Raises SampleError, UsageError."""
        seen = self._look(sample, root)
        instruction = self.codec.instruction(seen.image_hw) if sample.task == "locate" else ""
        system, user = prompt_texts(sample.task, sample.query, style=self.codec.style, instruction=instruction)
        return {
            "prompt": [
                {"role": "system", "content": system},
                {"role": "user", "content": f"{listing_text(seen.listing)}\n{user}"},
            ],
            "references": [list(box) for box in seen.boxes],
            "reference_labels": [SINGULARS[CLASSES[o.class_index]] for o in seen.listing.objects],
            **reward_columns(sample, seen.image_hw, self.codec.grid_hw(seen.image_hw)),
        }

    def target(self, sample: Sample, root: Path) -> str:
        """The sample's reasoning and answer, ended by what the tower sees: see :func:`read_listing`.

        Of a question about anything else, the references whose boxes overlap the true ones by half.
        """
        reasoning = checked_reasoning(sample)
        seen = self._look(sample, root)
        read = read_listing(sample, seen.listing)
        if read is not None:
            ending, answer = read
            return compose_completion(f"{reasoning} {ending}".lstrip(), answer)
        if sample.task != "locate":
            return compose_completion(reasoning, sample.answers[0])
        pairs = match_boxes(np.array(seen.boxes).reshape(-1, 4), np.array(sample.boxes).reshape(-1, 4))
        found = [int(n) for n, iou in zip(pairs.predicted, pairs.iou, strict=True) if iou >= _SAME_IOU]
        return compose_completion(reasoning, write_references(found))

    def _look(self, sample: Sample, root: Path) -> _Seen:
        known = self._seen.get(sample.image)
        if known is None:
            pixels = sample_pixels(root, sample)
            image_hw = (pixels.shape[0], pixels.shape[1])
            perception = perceive(self.model.tower, pixels, self.model.settings)
            listing = list_objects(perception, image_hw)
            boxes = tuple(perception.proposals[o.source].box_xyxy for o in listing.objects)
            known = self._seen[sample.image] = _Seen(listing, boxes, image_hw)
        return known


def trainer_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """``tokenizer.json`` of the embedded model with the chat template that gives the ids of inference."""
    ends: dict[str, Any] = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    made: Any = PreTrainedTokenizerFast
    tokenizer: PreTrainedTokenizerFast = made(tokenizer_object=Tokenizer.from_file(str(path)), **ends)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def load_embedded(config: ModelConfig) -> TrainablePolicy:
    """The embedded model with its adapter folded in; what is trained comes on top of that.

    Raises UsageError for options that belong to checkpoints, ModelNotFoundError, CheckpointError.
    """
    for name in ("revision", "attention", "min_pixels", "max_pixels", "codec"):
        if getattr(config, name) is not None:
            raise UsageError(f"model.{name} does not apply to the embedded model")
    nano = NanoModel.load()
    model: Any = nano.language.llama
    if config.dtype != "auto":
        model = model.to(_DTYPES[config.dtype])
    tokenizer = trainer_tokenizer(default_weights_dir() / "tokenizer.json")
    settings: Any = GenerationConfig
    model.generation_config = settings(eos_token_id=nano.tokenizer.end_id, pad_token_id=tokenizer.pad_token_id)
    model.name_or_path = None  # PEFT would look up any name on the model hub
    rows = ListedRows(nano)
    return TrainablePolicy(
        model=model,
        processing_class=tokenizer,
        codec=rows.codec,
        make_row=rows.row,
        make_target=rows.target,
        family="remotereasoner_nano",
        base=default_weights_dir(),
        digest=f"sha256:{nano.digest}",
    )
