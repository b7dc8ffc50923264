"""Parity with the authors' released programs, on vectors those programs produced."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from mner.parity.parity_report import ParityError, ParityReport, render

__all__ = ["SYSTEMS", "check", "render"]

SYSTEMS = ("rgcn", "ita", "scorers", "umt", "umgf", "acoa", "ocsga", "agban", "rpbert")


def check(system: str, path: Path, corpus: Path | None = None) -> list[ParityReport]:
    """Compare our ``system`` with a file of golden vectors (or a folder of them, for ``ita``).

    Raises:
        ParityError: no such check, no such file, or a file of another layout.
    """
    if system not in SYSTEMS:
        raise ParityError(f"no parity check for {system!r}; there is {', '.join(SYSTEMS)}")
    if not path.exists():
        raise ParityError(f"{path} does not exist; name a file of golden vectors")
    module = import_module(f"mner.parity.{system}")
    result = module.check(path, corpus_file=corpus) if system == "scorers" else module.check(path)
    return result if isinstance(result, list) else [result]
