"""Parity with the authors' released programs, on vectors those programs produced."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from mner.config.profiles import declared
from mner.parity.parity_report import ParityError, ParityReport, render

__all__ = ["CHECKS", "check", "check_of", "render"]

CHECKS = ("rgcn", "ita", "scorers", "umt", "umgf", "acoa", "ocsga", "agban", "rpbert")
"""Names of the checks; each is a module ``parity_<name>``."""
PROGRAMS: Mapping[str, str] = {
    "baselines/acoa.py": "acoa",
    "baselines/object_agban.py": "agban",
    "baselines/ocsga.py": "ocsga",
    "baselines/rpbert.py": "rpbert",
    "baselines/umgf.py": "umgf",
    "baselines/umt.py": "umt",
    "mner/systems/ita.py": "ita",
    "mner/systems/rgcn_released.py": "rgcn",
}
"""Files of systems whose authors' program was run, and the check that compares them."""


def check(name: str, path: Path, corpus: Path | None = None) -> list[ParityReport]:
    """Compare ours with a file of golden vectors.

    Args:
        name: A check, or a row such as ``object-agban``: the check of its file is run, with the program's options.
        path: Golden vectors; for ``ita`` a folder of them.
        corpus: For ``scorers``: the test split of Twitter-2015 as R-GCN has it.

    Raises:
        ParityError: no such check, no such file, or a file of another layout.
    """
    chosen = check_of(name)
    if not path.exists():
        raise ParityError(f"{path} does not exist; name a file of golden vectors")
    module = import_module(f"mner.parity.parity_{chosen}")
    result = module.check(path, corpus_file=corpus) if chosen == "scorers" else module.check(path)
    return result if isinstance(result, list) else [result]


def check_of(name: str) -> str:
    """Find the check of a name: its own, or that of the file of a row.

    Raises:
        ParityError: neither a check nor a row, or a row that no released program computes.
    """
    if name in CHECKS:
        return name
    rows = declared("systems")
    if name not in rows:
        raise ParityError(f"no parity check for {name!r}; choose {', '.join(CHECKS)}, or a row of params.yaml")
    file = _file_of(name, rows)
    if file not in PROGRAMS:
        raise ParityError(
            f"row {name!r} ({file}): no released program of it was run, so there are no golden vectors; "
            f"there are some for {', '.join(PROGRAMS)}"
        )
    return PROGRAMS[file]


def _file_of(name: str, rows: Mapping[str, Mapping[str, str]]) -> str:
    row = rows[name]
    return row["file"] if "file" in row else _file_of(row["like"], rows)
