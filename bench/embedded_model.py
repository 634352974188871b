"""How long the embedded model takes for one answer, and how much memory: each case in a fresh process.

A drawn scene of 640 x 640 px serves: time depends on the number of tokens, not on what is in the picture. Targets:
under 6 s for an answer on two cores, under 2 GB.
"""

from __future__ import annotations

import json
import subprocess
import sys

QUESTIONS = {
    "region, pixel and contour": "r.ask(s, 'Where could a ship ride out the storm?')",
    "question answering": "r.answer_question(s, 'How many ships are there?')",
    "caption": "r.caption(s)",
}
PROGRAM = """
import json, resource, time
import numpy as np
from PIL import Image, ImageDraw
began = time.perf_counter()
from remotereasoner import Reasoner, Scene
r = Reasoner.load()
loaded = time.perf_counter() - began
rng = np.random.default_rng(0)
picture = Image.fromarray(rng.integers(90, 120, (640, 640, 3)).astype(np.uint8))
draw = ImageDraw.Draw(picture)
draw.rectangle((0, 330, 640, 640), fill=(30, 60, 80))
for k in range(6):
    x = 60 + 90 * k
    draw.polygon([(x, 420), (x + 15, 400), (x + 30, 420), (x + 30, 470), (x, 470)], fill=(220, 220, 215))
s = Scene.from_array(np.asarray(picture))
times = []
for _ in range({repeats}):
    s = Scene.from_array(np.asarray(picture))
    began = time.perf_counter()
    result = {question}
    times.append(time.perf_counter() - began)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"loaded_s": round(loaded, 2), "answer_s": round(min(times), 2), "peak_mb": round(peak),
                  "tokens": result.completion.completion_tokens, "status": result.status}}))
"""


def main() -> None:
    """Print a table and one JSON line."""
    results = {}
    print("| task | loading (s) | an answer (s) | tokens written | peak memory (MB) |\n|---|---|---|---|---|")
    for name, question in QUESTIONS.items():
        program = PROGRAM.format(question=question, repeats=3)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        results[name] = row
        print(f"| {name} | {row['loaded_s']} | {row['answer_s']} | {row['tokens']} | {row['peak_mb']} |")
    print(json.dumps({"bench": "embedded_model", "results": results}))


if __name__ == "__main__":
    main()
