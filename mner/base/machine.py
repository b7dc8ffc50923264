"""What the machine calls itself; imports nothing heavy."""

from __future__ import annotations

import platform
from pathlib import Path

GIB = 2**30


def cpu_name() -> str:
    """The processor's name as the machine states it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
