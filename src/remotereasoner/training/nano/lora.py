"""The language tower with a low-rank adapter to train: peft puts the adapter in, we take it out in our own layout."""

from __future__ import annotations

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from transformers import LlamaConfig

from remotereasoner.policy.nano.language import LORA_TARGETS, LanguageTower
from remotereasoner.policy.nano.tokens import ADDED_TOKENS, BASE_TOKENS, MAX_OBJECTS, TAGS, NanoTokenizer

__all__ = ["TrainableTower"]


class TrainableTower(LanguageTower):
    """Frozen base, trainable adapter and rows of the added tokens."""

    def __init__(
        self,
        base: dict[str, Tensor],
        tokenizer: NanoTokenizer,
        rank: int,
        alpha: int,
        seed: int,
        config: LlamaConfig | None = None,
    ) -> None:
        super().__init__(config)
        self.load_base(base)
        self.scale = alpha / rank
        generator = torch.Generator().manual_seed(seed)
        weight = self.llama.model.embed_tokens.weight.detach()
        for p in self.llama.parameters():
            p.requires_grad_(False)
        adapter = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(LORA_TARGETS), lora_dropout=0.0)
        inject_adapter_in_model(adapter, self.llama)
        spread = weight[:BASE_TOKENS].std()
        self.added_rows = nn.Parameter(torch.randn(ADDED_TOKENS, weight.shape[1], generator=generator) * spread)

        with torch.no_grad():
            for k, tag in enumerate(TAGS):
                self.added_rows[MAX_OBJECTS + k] = weight[torch.tensor(tokenizer.encode(tag[1:-1]))].mean(0)

    def halve(self) -> None:
        """Keep the frozen part in bfloat16: with autocast nearly three times as fast on CPUs that know the type."""
        for p in self.llama.parameters():
            if not p.requires_grad:
                p.data = p.data.bfloat16()

    def embedding_matrix(self) -> Tensor:
        matrix: Tensor = torch.cat([self.llama.model.embed_tokens.weight[:BASE_TOKENS], self.added_rows])
        return matrix

    def parameter_groups(self, lr: float) -> list[dict[str, object]]:
        """The adapter at ``lr``, everything that starts from nothing faster."""
        adapter = [p for n, p in self.llama.named_parameters() if "lora_" in n]
        return [{"params": adapter, "scale": 1.0}, {"params": [self.added_rows], "scale": 2.0, "lr": lr * 2}]

    def export(self) -> dict[str, Tensor]:
        """Tensors as :meth:`LanguageTower.load_adapter` reads them, fp16."""
        tensors = {"added_rows": self.added_rows}
        for name, p in self.llama.named_parameters():
            if ".lora_A." in name:
                tensors["lora." + name.split(".lora_A.")[0] + ".A"] = p
            elif ".lora_B." in name:
                tensors["lora." + name.split(".lora_B.")[0] + ".B"] = p
        return {n: t.detach().half().contiguous() for n, t in tensors.items()}

    def resume(self, tensors: dict[str, Tensor]) -> None:
        """Continue from an export."""
        own = dict(self.llama.named_parameters())
        with torch.no_grad():
            self.added_rows.copy_(tensors["added_rows"])
            for name, tensor in tensors.items():
                if name.startswith("lora."):
                    path, which = name.removeprefix("lora.").rsplit(".", 1)
                    own[f"{path}.lora_{which}.default.weight"].copy_(tensor)
