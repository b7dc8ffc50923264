"""The committed golden steps: compute, check, write, and hold their history to the rule.

``python -m mner.parity.golden_step --check [ROW...]``, ``--write [ROW...]`` or ``--check-history``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import torch

from mner.config.profiles import merged
from mner.parity import golden_history, golden_protocol
from mner.parity.golden_numbers import (
    ABSOLUTE,
    RELATIVE,
    Difference,
    GoldenFile,
    GoldenStepError,
    differences,
    not_compared,
)
from mner.parity.golden_rows import compute, row_settings, rows_of

FOLDER = PurePosixPath("tests/golden_steps")


def recomputed(committed: GoldenFile) -> GoldenFile:
    """What the code computes now for a committed golden step, under the version the code has now."""
    return golden_protocol.compute_protocol() if committed.name == golden_protocol.NAME else compute(committed)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A committed golden step beside what the code computes now.

    ``not_compared`` names the parts that follow from dropout, where this build of torch draws other masks.
    """

    differences: list[Difference]
    not_compared: tuple[str, ...]

    def line(self) -> str:
        """The outcome in a few words."""
        found = f"{len(self.differences)} differences" if self.differences else "holds"
        if not self.not_compared:
            return found
        return f"{found}; not compared, as torch draws other dropout masks here: {', '.join(self.not_compared)}"


def compared(committed: GoldenFile) -> Comparison:
    """Compare a committed golden step, its version included, with what the code computes now."""
    now = recomputed(committed)
    stated = [] if now.version == committed.version else [Difference("version", committed.version, now.version)]
    found = stated + differences(committed.numbers, now.numbers)
    return Comparison(found, not_compared(committed.numbers, now.numbers))


def write(name: str, root: Path) -> str:
    """Write the golden step of a row of params.yaml, or of the protocol; returns what was done, in a word.

    Numbers that still hold are left as they are; those at new places are added.

    Raises:
        GoldenStepError: the numbers differ from those committed under this version or a higher one.
    """
    path = root / FOLDER / f"{name}.json"
    if name == golden_protocol.NAME:
        new = golden_protocol.compute_protocol()
    else:
        new = compute(row_settings(root / "params.yaml", name))
    if not path.is_file():
        new.write(path.parent)
        return "new"
    old = GoldenFile.read(path)
    refusal = golden_history.refused(golden_history.WORKING_TREE, old, new)
    if refusal is not None:
        raise GoldenStepError(str(refusal))
    if new.version == old.version:  # what was committed stays to the last digit
        new = replace(new, numbers=merged(new.numbers, old.numbers))
    if new == old:
        return "unchanged"
    new.write(path.parent)
    return "written"


def names_in(root: Path) -> list[str]:
    """The rows of params.yaml, and the protocol."""
    return [*rows_of(root / "params.yaml"), golden_protocol.NAME]


def _check(names: Sequence[str], root: Path) -> bool:
    good, wide = True, max(map(len, names))
    for name in names:
        path = root / FOLDER / f"{name}.json"
        if not path.is_file():
            good = False
            print(f"{name:<{wide}}  missing; write it with --write {name}")
            continue
        found = compared(GoldenFile.read(path))
        good = good and not found.differences
        print(f"{name:<{wide}}  {found.line()}")
        for place, expected, now in ((one.place, one.expected, one.found) for one in found.differences[:8]):
            print(f"{'':<{wide}}    {place:<44} {_short(expected):>34} {_short(now):>34}")
    print(f"tolerance: {RELATIVE:g} of the largest number in a list, and at least {ABSOLUTE:g}")
    return good


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 34 else text[:31] + "..."


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Run the command; returns its exit status (1: something does not hold)."""
    parser = argparse.ArgumentParser(prog="python -m mner.parity.golden_step", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="compare what the code computes with the files")
    what.add_argument("--write", action="store_true", help="write files; refused under an old version")
    what.add_argument("--check-history", action="store_true", help="no commit may change numbers alone")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows of params.yaml, or 'protocol' (default: all)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads to compute with (default: 1)")
    chosen = parser.parse_args(arguments)
    root = root or Path.cwd()
    torch.set_num_threads(chosen.threads)
    try:
        if chosen.check_history:
            history = golden_history.check_history(root, FOLDER)
            print("\n".join(golden_history.lines(history)))
            return int(bool(history.refusals))
        names = chosen.rows or names_in(root)
        if chosen.check:
            return int(not _check(names, root))
        for name in names:
            print(f"{name}: {write(name, root)}")
    except GoldenStepError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
