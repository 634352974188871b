"""Runs ``transformers serve`` on a folder, also where torchvision is missing: ``serve_checkpoint.py FOLDER PORT``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from transformers import AutoProcessor, Qwen2_5_VLConfig, Qwen2_5_VLProcessor
from transformers.cli.transformers import main

from remotereasoner.policy.engines.hf_processor import image_only

if __name__ == "__main__":
    folder, port = sys.argv[1:]
    if find_spec("torchvision") is None:
        AutoProcessor.register(Qwen2_5_VLConfig, image_only(Qwen2_5_VLProcessor), exist_ok=True)
    sys.argv = ["transformers", "serve", folder, "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    main()
