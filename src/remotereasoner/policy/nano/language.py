"""The language tower: SmolLM2-135M-Instruct (Apache-2.0) with a low-rank adapter and rows for object references.

It reads what the perception tower saw as text (``tokens.listing_text``) and writes references, which the coordinate
codec turns into the objects' boxes. It is an ordinary causal language model, so that any trainer can train it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from remotereasoner.errors import CheckpointError
from remotereasoner.policy.nano.tokens import ADDED_TOKENS, BASE_TOKENS

__all__ = ["LORA_TARGETS", "LanguageTower", "base_config", "merge_lora"]

LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


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
    """The base model with the added vocabulary rows."""

    def __init__(self, config: LlamaConfig | None = None) -> None:
        super().__init__()
        self.llama = LlamaForCausalLM(config or base_config())

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
        """Merge the low-rank adapter and set the added rows."""
        merge_lora(self.llama, tensors, scale)
        rows = tensors.get("added_rows")
        if rows is None or rows.shape != (ADDED_TOKENS, self.llama.config.hidden_size):
            raise CheckpointError("the adapter has no rows for the object references")
        with torch.no_grad():
            self.llama.model.embed_tokens.weight[BASE_TOKENS:] = rows.float()

    def embedding_matrix(self) -> Tensor:
        """(vocabulary, hidden): input and output rows, which are tied."""
        weight: Tensor = self.llama.model.embed_tokens.weight
        return weight
