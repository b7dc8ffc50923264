"""What a parity check found: each tensor's error beside its tolerance, and the verdict over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mner.base.terminal import aligned

KINDS = ("relative", "absolute", "exact")


class ParityError(ValueError):
    """A golden file that cannot be checked at all: a key is missing or a shape does not fit."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One reference tensor against ours.

    ``name`` starts with its group and a slash (``grad/image_to_text``). ``kind`` says what ``error`` is:
    ``relative`` is max |ours − reference| / max |reference|, ``absolute`` the numerator alone, ``exact`` the
    share of unequal entries. NaN counts as infinitely wrong.
    """

    name: str
    error: float
    tolerance: float
    kind: str = "relative"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParityError(f"{self.name}: comparison kind {self.kind!r}, expected one of {', '.join(KINDS)}")

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class ParityReport:
    """All comparisons of one golden file; a report without comparisons has proved nothing and fails."""

    system: str
    file: Path
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        return bool(self.comparisons) and all(comparison.passed for comparison in self.comparisons)


def compare(name: str, ours: Tensor, reference: Tensor, tolerance: float, kind: str = "relative") -> Comparison:
    """Measure one tensor; shapes must agree, precision is float64 (``exact``: as stored).

    Raises:
        ParityError: the shapes differ.
    """
    if ours.shape != reference.shape:
        raise ParityError(f"{name}: ours has shape {list(ours.shape)}, the file has {list(reference.shape)}")
    if kind == "exact":
        unequal = (ours != reference).to(torch.float64)
        return Comparison(name, unequal.mean().item() if unequal.numel() else 0.0, tolerance, kind)
    ours, reference = ours.detach().to(torch.float64), reference.to(torch.float64)
    if ours.numel() == 0:
        return Comparison(name, 0.0, tolerance, kind)
    error = (ours - reference).abs().max().item()
    if kind == "relative":
        scale = reference.abs().max().item()
        error = error / scale if scale > 0 else (0.0 if error == 0 else math.inf)
    return Comparison(name, math.inf if math.isnan(error) else error, tolerance, kind)


def render(report: ParityReport) -> str:
    """A text table, one line a group with its worst tensor, worst first; every failure; then the verdict."""
    failed = _worst_first(comparison for comparison in report.comparisons if not comparison.passed)
    lines = [f"{report.system}: {report.file}", "", *_table(_groups(report.comparisons))]
    if failed:
        lines += ["", "beyond tolerance:", *_table([("", comparison) for comparison in failed])]
    total = len(report.comparisons)
    if report.passed:
        verdict = f"PASSED: all {total} tensors within tolerance"
    elif total:
        verdict = f"FAILED: {len(failed)} of {total} tensors beyond tolerance"
    else:
        verdict = "FAILED: nothing was compared"
    return "\n".join([*lines, "", verdict])


def _severity(comparison: Comparison) -> tuple[bool, float]:
    ratio = comparison.error / comparison.tolerance if comparison.tolerance > 0 else math.inf
    return (not comparison.passed, ratio if comparison.error > 0 else 0.0)


def _worst_first(comparisons: Iterable[Comparison]) -> list[Comparison]:
    return sorted(comparisons, key=_severity, reverse=True)


def _groups(comparisons: Iterable[Comparison]) -> list[tuple[str, Comparison]]:
    members: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        members.setdefault(comparison.group, []).append(comparison)
    worst = {group: _worst_first(rows)[0] for group, rows in members.items()}
    order = sorted(worst, key=lambda group: _severity(worst[group]), reverse=True)
    return [(f"{group} ({len(members[group])})", worst[group]) for group in order]


def _table(rows: list[tuple[str, Comparison]]) -> list[str]:
    cells: list[tuple[str, ...]] = [("group (tensors)", "worst tensor", "largest error", "tolerance", "kind", "")]
    for group, row in rows:
        error, tolerance = f"{row.error:.2e}", f"{row.tolerance:.0e}"
        cells.append((group, row.name, error, tolerance, row.kind, "ok" if row.passed else "FAIL"))
    if not any(group for group, _ in rows):
        cells = [row[1:] for row in cells]
    return aligned(cells)
