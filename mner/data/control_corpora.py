"""Names of the generated corpora whose truth was planted (``mner/data/controls.py`` makes them)."""

from __future__ import annotations

POSITIVE, NEGATIVE, NEIGHBOURS = "controls-positive", "controls-negative", "controls-neighbours"
CORPORA: tuple[str, ...] = (POSITIVE, NEGATIVE, NEIGHBOURS)
