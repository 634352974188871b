"""The language tower: SmolLM2-135M-Instruct (Apache-2.0) with a low-rank adapter and an input for objects.

An object's input embedding is its reference's own row, plus what its class is called, plus what it is among its class
(largest, northernmost, …), plus a small network over its geometry and score. What the model writes about it is the bare
reference, which the coordinate codec turns into the object's box.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from remotereasoner.errors import CheckpointError
from remotereasoner.policy.nano.listing import GEOMETRY_SIZE, RELATIONS, Listing
from remotereasoner.policy.nano.tokens import ADDED_TOKENS, BASE_TOKENS, MAX_OBJECTS, SCENE_TOKENS
from remotereasoner.policy.nano.vocabulary import AREAS, CLASSES
from remotereasoner.types import FloatArray

__all__ = ["LORA_TARGETS", "SCENE_SIZE", "LanguageTower", "ObjectEmbedder", "base_config", "merge_lora"]

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SCENE_SIZE = 192 + len(AREAS)


def base_config() -> LlamaConfig:
    """SmolLM2-135M with the trimmed vocabulary and the added tokens."""
    return LlamaConfig(
        vocab_size=BASE_TOKENS + ADDED_TOKENS,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        head_dim=64,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )


class ObjectEmbedder(nn.Module):
    """What is added to the rows of object references and scene places in a prompt."""

    def __init__(self, hidden: int = 576) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.zeros(len(CLASSES), hidden))
        self.relations = nn.Parameter(torch.zeros(len(RELATIONS), hidden))
        self.geometry = nn.Sequential(nn.Linear(GEOMETRY_SIZE, 64), nn.GELU(), nn.Linear(64, hidden))
        self.scene = nn.Linear(SCENE_SIZE, SCENE_TOKENS * hidden)
        last = self.geometry[2]
        for layer in (last, self.scene):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def objects(self, listing: Listing) -> Tensor:
        """(N, hidden) for the N objects of a listing."""
        index = torch.tensor([o.class_index for o in listing.objects], dtype=torch.long)
        geometry = torch.from_numpy(listing.geometry).to(self.classes.dtype)
        relations = torch.from_numpy(listing.relations).to(self.classes.dtype)
        embedded: Tensor = self.classes[index] + relations @ self.relations + self.geometry(geometry)
        return embedded

    def scenes(self, feature: FloatArray) -> Tensor:
        """(SCENE_TOKENS, hidden) from the tower's scene feature and area shares, (SCENE_SIZE,)."""
        x = torch.from_numpy(np.asarray(feature)).to(self.classes.dtype)
        places: Tensor = self.scene(x).view(SCENE_TOKENS, -1)
        return places


def merge_lora(model: nn.Module, tensors: Mapping[str, Tensor], scale: float) -> None:
    """Fold a low-rank adapter in, in place: W += scale * B @ A for each ``lora.<module>.A`` and ``.B``."""
    modules = dict(model.named_modules())
    for name, a in tensors.items():
        if not name.startswith("lora.") or not name.endswith(".A"):
            continue
        path = name.removeprefix("lora.").removesuffix(".A")
        layer, b = modules.get(path), tensors.get(f"lora.{path}.B")
        if not isinstance(layer, nn.Linear) or b is None:
            raise CheckpointError(f"the adapter does not fit the base model at {path}")
        if (b.shape[0], a.shape[-1]) != tuple(layer.weight.shape) or b.shape[1:] != a.shape[:1]:
            raise CheckpointError(f"the adapter does not fit the base model at {path}")
        with torch.no_grad():
            layer.weight += scale * (b.float() @ a.float())


class LanguageTower(nn.Module):
    """Base model, object embedder and the added vocabulary rows as one module."""

    def __init__(self, config: LlamaConfig | None = None) -> None:
        super().__init__()
        self.llama = LlamaForCausalLM(config or base_config())
        self.embedder = ObjectEmbedder(self.llama.config.hidden_size)

    def load_base(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy the base checkpoint (names of ``LlamaModel``); its embedding rows beyond the vocabulary are left out."""
        own = self.llama.model.state_dict()
        missing = sorted(set(own) - set(tensors))
        if missing:
            raise CheckpointError(f"the base weights lack {missing[0]} and {len(missing) - 1} others")
        with torch.no_grad():
            for name, target in own.items():
                source = tensors[name].to(target.dtype)
                if name == "embed_tokens.weight":
                    source, target = source[:BASE_TOKENS], target[:BASE_TOKENS]
                if source.shape != target.shape:
                    raise CheckpointError(f"base weights of another shape at {name}: {tuple(source.shape)}")
                target.copy_(source)

    def load_adapter(self, tensors: Mapping[str, Tensor], scale: float) -> None:
        """Merge the low-rank adapter, set the added rows and the object embedder."""
        merge_lora(self.llama, tensors, scale)
        rows = tensors.get("added_rows")
        if rows is None or rows.shape != (ADDED_TOKENS, self.llama.config.hidden_size):
            raise CheckpointError("the adapter has no rows for the object references")
        with torch.no_grad():
            self.llama.model.embed_tokens.weight[BASE_TOKENS:] = rows.float()
        state: dict[str, Any] = {
            k.removeprefix("embedder."): v.float() for k, v in tensors.items() if k.startswith("embedder.")
        }
        try:
            self.embedder.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError("the adapter's object embedder does not fit this version") from error

    def embedding_matrix(self) -> Tensor:
        """(vocabulary, hidden): input and output rows, which are tied."""
        weight: Tensor = self.llama.model.embed_tokens.weight
        return weight

    def embed_prompt(self, ids: list[int], listing: Listing, scene: FloatArray | None) -> Tensor:
        """(T, hidden) input embeddings of a prompt: the last occurrence of each listed object gets its features."""
        index = torch.tensor(ids)
        embedded = self.embedding_matrix()[index]
        if listing.objects:
            at = {token: place for place, token in enumerate(ids)}  # the last occurrence is the object itself
            places = torch.tensor([at[BASE_TOKENS + k] for k in range(len(listing.objects))])
            embedded = embedded.index_add(0, places, self.embedder.objects(listing))
        if scene is not None:
            first = BASE_TOKENS + MAX_OBJECTS
            places = torch.nonzero((index >= first) & (index < first + SCENE_TOKENS))[:, 0]
            embedded = embedded.index_add(0, places, self.embedder.scenes(scene))
        return embedded
