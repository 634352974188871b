"""The embedded model as an engine: the perception tower sees, the language tower reasons and refers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from remotereasoner.errors import CheckpointError, EngineError, MissingExtraError
from remotereasoner.policy.base import Completion, FinishReason, PolicyIdentity, Prompt, Sampling
from remotereasoner.policy.codec_embedded import EmbeddedReferenceCodec

try:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from remotereasoner.policy.nano.base_weights import require_base, sha256_of
    from remotereasoner.policy.nano.language import LanguageTower
    from remotereasoner.policy.nano.listing import Listing, list_objects
    from remotereasoner.policy.nano.proposals import Perception, ProposalSettings, perceive
    from remotereasoner.policy.nano.tokens import NanoTokenizer
    from remotereasoner.policy.nano.tower import PerceptionTower, load_tower
    from remotereasoner.policy.nano.vocabulary import CLASSES, SINGULARS
except ImportError as error:
    raise MissingExtraError("embedded", "the embedded model") from error

__all__ = ["EmbeddedEngine", "NanoModel", "default_weights_dir", "weights_digest"]

MAX_NEW_TOKENS = 160


def default_weights_dir() -> Path:
    """The folder of the package's own weights."""
    return Path(str(resources.files("remotereasoner"))) / "weights" / "nano"


def weights_digest(folder: Path) -> str:
    """sha256 over both trained files. Raises CheckpointError where one is missing."""
    digests = [sha256_of(_checked(folder / name)) for name in ("tower.safetensors", "adapter.safetensors")]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class NanoModel:
    """Both towers with their tokenizer, ready to run on a CPU in fp32."""

    tower: PerceptionTower
    settings: ProposalSettings
    language: LanguageTower
    tokenizer: NanoTokenizer
    digest: str
    """sha256 over the trained files."""

    @classmethod
    def load(cls, weights_dir: Path | None = None, cache_dir: Path | None = None) -> NanoModel:
        """Read the package's weights and the pulled base. Raises ModelNotFoundError, CheckpointError."""
        folder = weights_dir or default_weights_dir()
        base = require_base(cache_dir)
        digest = weights_digest(folder)
        try:
            facts = json.loads(_checked(folder / "adapter.json").read_text(encoding="utf-8"))
            seen = json.loads(_checked(folder / "tower.json").read_text(encoding="utf-8"))
            tower = load_tower(folder / "tower.safetensors", seen["width"])
            settings = ProposalSettings.of_tower(seen)
            with torch.device("meta"):
                language = LanguageTower()
            language.to_empty(device="cpu")
            language.llama.tie_weights()  # ``to_empty`` parts the output rows from the input rows
            language.llama.model.rotary_emb.__init__(language.llama.config)
            language.load_base(load_file(base))
            language.load_adapter(load_file(folder / "adapter.safetensors"), float(facts["scale"]))
        except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(f"the embedded model's weights in {folder} do not fit this version") from error
        return cls(tower, settings, language.eval(), NanoTokenizer.from_file(folder / "tokenizer.json"), digest)


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise CheckpointError(f"the embedded model's file {path.name} is missing from {path.parent}")
    return path


class EmbeddedEngine:
    """Answers with object references; the codec turns them into boxes of the image that was handed over."""

    def __init__(
        self,
        model: NanoModel | None = None,
        *,
        weights_dir: Path | None = None,
        cache_dir: Path | None = None,
        batch_size: int = 8,
    ) -> None:
        self._model = model or NanoModel.load(weights_dir, cache_dir)
        self._batch_size = batch_size
        self._codec = EmbeddedReferenceCodec()
        self._last: tuple[np.ndarray, Perception, Listing] | None = None

    @property
    def identity(self) -> PolicyIdentity:
        return PolicyIdentity(
            "embedded",
            "remotereasoner-nano",
            f"sha256:{self._model.digest[:12]}",
            "remotereasoner_nano",
            "float32",
            "cpu",
        )

    @property
    def codec(self) -> EmbeddedReferenceCodec:
        return self._codec

    def perceive(self, image: np.ndarray) -> tuple[Perception, Listing]:
        """What the tower sees of an image; kept for further questions about the same array."""
        if self._last is None or self._last[0] is not image:
            perception = perceive(self._model.tower, image, self._model.settings)
            self._last = (image, perception, list_objects(perception, (image.shape[0], image.shape[1])))
        return self._last[1], self._last[2]

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion per prompt, in order."""
        completions: list[Completion] = []
        for start in range(0, len(prompts), self._batch_size):
            batch = prompts[start : start + self._batch_size]
            if len({p.sampling for p in batch}) > 1:
                completions += [c for p in batch for c in self._generate([p], p.sampling)]
            else:
                completions += self._generate(batch, batch[0].sampling)
        return completions

    def _generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        began = time.perf_counter()
        model, tokenizer = self._model.language, self._model.tokenizer
        with torch.inference_mode():
            seen = [self.perceive(prompt.image) for prompt in prompts]
            prefixes = [tokenizer.prefix_ids(p.system, listing) for p, (_, listing) in zip(prompts, seen, strict=True)]
            questions = [tokenizer.question_ids(p.user) for p in prompts]
            inputs, mask, cache = self._read(prefixes, questions)
            llama: Any = model.llama
            limit = min(sampling.max_new_tokens, MAX_NEW_TOKENS)
            greedy = sampling.temperature == 0
            options = {} if greedy else {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
            try:
                with torch.random.fork_rng(devices=[], enabled=sampling.seed is not None):
                    if sampling.seed is not None:
                        torch.manual_seed(sampling.seed)
                    written = llama.generate(
                        input_ids=inputs, attention_mask=mask, max_new_tokens=limit, do_sample=not greedy, **cache,
                        eos_token_id=tokenizer.end_id, pad_token_id=tokenizer.end_id, **options,
                    )  # fmt: skip
            except (RuntimeError, ValueError) as error:
                raise EngineError(f"the embedded model failed: {error}") from error
        spent = (time.perf_counter() - began) / len(prompts)
        return [
            self._completion(prompt, row[inputs.shape[1] :].tolist(), int(asked.sum()), spent, perception, listing)
            for prompt, row, asked, (perception, listing) in zip(prompts, written, mask, seen, strict=True)
        ]

    def _read(
        self, prefixes: list[list[int]], questions: list[list[int]]
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Ids and mask (B, T) to go on from. Of questions about one image the shared beginning is read once: the third
        holds its keys and values, and what is padded stands between it and the questions.
        """
        shared = len(prefixes) > 1 and all(prefix == prefixes[0] for prefix in prefixes)
        heads = prefixes if shared else [[] for _ in prefixes]
        tails = questions if shared else [a + b for a, b in zip(prefixes, questions, strict=True)]
        first, longest = len(heads[0]), max(map(len, tails))
        inputs = torch.full((len(tails), first + longest), self._model.tokenizer.end_id)
        mask = torch.zeros_like(inputs)
        for row, (head, tail) in enumerate(zip(heads, tails, strict=True)):
            inputs[row, :first] = torch.tensor(head, dtype=torch.long)
            inputs[row, first + longest - len(tail) :] = torch.tensor(tail)
            mask[row, :first] = 1
            mask[row, first + longest - len(tail) :] = 1
        if not shared:
            return inputs, mask, {}
        llama: Any = self._model.language.llama
        cache = llama(input_ids=inputs[:1, :first], use_cache=True, logits_to_keep=1).past_key_values
        cache.batch_repeat_interleave(len(tails))
        return inputs, mask, {"past_key_values": cache}

    def _completion(
        self,
        prompt: Prompt,
        ids: list[int],
        prompt_tokens: int,
        seconds: float,
        perception: Perception,
        listing: Listing,
    ) -> Completion:
        end = self._model.tokenizer.end_id
        finish: FinishReason = "stop" if end in ids else "length"
        ids = ids[: ids.index(end)] if end in ids else ids
        chosen = [perception.proposals[o.source] for o in listing.objects]
        return Completion(
            text=self._model.tokenizer.decode(ids),
            finish_reason=finish,
            grid_hw=(prompt.image.shape[0], prompt.image.shape[1]),
            prompt_tokens=prompt_tokens,
            completion_tokens=len(ids),
            references=tuple(p.box_xyxy for p in chosen),
            reference_scores=tuple(p.score for p in chosen),
            reference_labels=tuple(SINGULARS[CLASSES[p.class_index]] for p in chosen),
            seconds=seconds,
        )
