"""An engine that says what it was told to say: for tests and for trying the command line without weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from remotereasoner.errors import EngineError
from remotereasoner.policy.base import Completion, PolicyIdentity, Prompt
from remotereasoner.policy.codec import CoordinateCodec

__all__ = ["Reply", "ScriptedEngine"]

Reply = str | Completion
"""What the script gives for one prompt: text that ended by itself, or a whole completion."""


class ScriptedEngine:
    """Answers from a script.

    ``script`` is one text for every prompt, a sequence that is used up in order, or a function of the prompt.
    ``calls`` counts calls of :meth:`generate`; ``prompts_seen`` keeps every prompt in order, images and all, unless
    ``keep_prompts`` is False.
    """

    def __init__(
        self,
        script: str | Sequence[Reply] | Callable[[Prompt], Reply],
        *,
        codec: CoordinateCodec,
        model: str = "scripted",
        keep_prompts: bool = True,
    ) -> None:
        self._script = script
        self._codec = codec
        self._identity = PolicyIdentity(engine="scripted", model=model, family=codec.name)
        self._keep_prompts = keep_prompts
        self._asked = 0
        self.calls = 0
        self.prompts_seen: list[Prompt] = []

    @property
    def identity(self) -> PolicyIdentity:
        return self._identity

    @property
    def codec(self) -> CoordinateCodec:
        return self._codec

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """One completion per prompt, in order. Raises EngineError when a sequence is used up."""
        self.calls += 1
        return [self._complete(prompt) for prompt in prompts]

    def _complete(self, prompt: Prompt) -> Completion:
        position = self._asked
        self._asked += 1
        if self._keep_prompts:
            self.prompts_seen.append(prompt)
        if isinstance(self._script, str):
            reply: Reply = self._script
        elif callable(self._script):
            reply = self._script(prompt)
        elif position < len(self._script):
            reply = self._script[position]
        else:
            raise EngineError(f"the script has {len(self._script)} replies and was asked for one more")
        if isinstance(reply, Completion):
            return reply
        height, width = prompt.image.shape[:2]
        return Completion(text=reply, finish_reason="stop", grid_hw=self._codec.grid_hw((height, width)))
