"""``python -m remotereasoner``."""

from __future__ import annotations

import sys

from remotereasoner.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
