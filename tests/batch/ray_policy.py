"""A scripted model for batches on Ray, importable on the nodes: what it does is said in the question.

``… die 7`` ends the process at image 7, ``raise 9`` raises what nobody expects, ``sleep 0.05`` takes that long. The
images are numbered in their first pixel. Where ``REMOTEREASONER_TEST_AT`` names a folder, each process leaves there
which image it is at.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from remotereasoner.batch.items import Recipe
from remotereasoner.batch.worker import BatchWorker
from remotereasoner.policy.base import Prompt
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.engines.scripted import ScriptedEngine
from remotereasoner.reasoner import Reasoner
from remotereasoner.transform.box import BoxSegmenter

AT_VARIABLE = "REMOTEREASONER_TEST_AT"
_MARK = 77


def scripted(recipe: Recipe) -> BatchWorker:
    engine = ScriptedEngine(_say, codec=codec_by_name("pixels"), keep_prompts=False)
    return BatchWorker(recipe, reasoner=Reasoner(engine, BoxSegmenter()))


def write_numbered(folder: Path, number: int) -> Path:
    """Different pictures of 32² pixels that say their number."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    for k in range(number):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        pixels[0, 0] = (k % 256, k // 256, _MARK)
        Image.fromarray(pixels).save(folder / f"p{k:05d}.png")
    return folder


def _say(prompt: Prompt) -> str:
    low, high, mark = (int(value) for value in prompt.image[0, 0])
    assert mark == _MARK
    number = low + 256 * high
    words = prompt.question.split()
    wishes = dict(zip(words[::2], words[1::2], strict=False))
    at = os.environ.get(AT_VARIABLE)
    if at is not None:
        Path(at, f"{os.getpid()}.at").write_text(str(number))
    time.sleep(float(wishes.get("sleep", 0)))
    if wishes.get("die") == str(number):
        os.kill(os.getpid(), signal.SIGKILL)
    if wishes.get("raise") == str(number):
        raise ZeroDivisionError("on purpose")
    x, y = number % 7, number % 5
    return f'<think>Image {number}.</think><answer>[{{"bbox_2d": [{x}, {y}, {x + 9}, {y + 12}]}}]</answer>'


def batch_run(out: Path, executor: object, question: str) -> object:
    """The same run whoever works."""
    from remotereasoner.batch.driver import RetryPolicy
    from remotereasoner.batch.run import BatchRun

    return BatchRun(out, executor, questions=(question,), retry=RetryPolicy(first_pause_s=0.05), code_version="test")  # type: ignore[arg-type]


def main() -> None:
    """A driver to be killed: OUT IMAGES QUESTION on a cluster of its own."""
    from remotereasoner.batch.executors.ray_executor import RayExecutor
    from remotereasoner.batch.sources import open_entries

    out, images, question = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    run = batch_run(out, RayExecutor(workers=2, factory=scripted), question)
    run.execute(lambda: open_entries(images), source=images)


if __name__ == "__main__":
    main()
