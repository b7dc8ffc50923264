"""Which device of this machine work goes to."""

from __future__ import annotations

import torch

from mner.config.strict import ConfigError


def device_of(name: str | None = None) -> torch.device:
    """The named device, or (None) a GPU if there is one, else the CPU.

    Raises:
        ConfigError: this machine lacks the one that was named; the CPU does not take its place.
    """
    seen = torch.cuda.device_count()
    held = ["cpu", *(["cuda"] if seen else []), *(f"cuda:{number}" for number in range(seen))]
    if name is not None and name not in held:
        raise ConfigError(f"--device {name}: this machine has {', '.join(held)}")
    return torch.device(name or ("cuda" if seen else "cpu"))
