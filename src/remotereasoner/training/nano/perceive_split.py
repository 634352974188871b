"""Run the frozen tower over the training images once: ``python -m remotereasoner.training.nano.perceive_split``.

The language tower then learns on what it will meet: the tower's own proposals, scene features and mistakes.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from remotereasoner.policy.nano.listing import list_objects
from remotereasoner.policy.nano.proposals import ProposalSettings, perceive
from remotereasoner.policy.nano.tower import load_tower
from remotereasoner.training.nano.overhead import read_split


def main() -> None:
    """Write a row an image: its objects as (class, box, size, score)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tower", type=Path, required=True, help="folder with tower.safetensors and tower.json")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    facts = json.loads((args.tower / "tower.json").read_text())
    tower = load_tower(args.tower / "tower.safetensors", facts["width"])
    settings = ProposalSettings.of_tower(facts)
    rows = []
    for image in read_split(args.data, "train")[:: args.every]:
        perception = perceive(tower, image.pixels, settings)
        listing = list_objects(perception, (image.pixels.shape[0], image.pixels.shape[1]))
        rows.append(
            {
                "objects": [
                    [o.class_index, *(float(v) for v in o.box_01), o.size_01, o.score] for o in listing.objects
                ],
            }
        )
    args.out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(json.dumps({"images": len(rows), "objects": sum(len(r["objects"]) for r in rows)}))


if __name__ == "__main__":
    main()
