"""The most memory that this process has held."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["peak_rss_mib"]


def peak_rss_mib() -> int:
    """Peak resident set in MiB. Not by getrusage: a child inherits the peak of the parent that forked it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) >> 10 if found else 0
