"""``mner verify``: does what a profile promises exist, and hold against the papers and our own reference?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from mner.base.terminal import WIDTH, aligned, wrapped
from mner.evaluation.averages import CONDITIONS
from mner.evaluation.paper import Paper, PaperRow
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.evaluation.verdicts import (
    ABOVE,
    BELOW,
    CHANGED,
    CONSISTENT,
    FAILED,
    IMPROVED,
    NOT_COMPARABLE,
    SKIPPED,
    UNDECIDED,
    Sample,
    Verdict,
    compare_with_reference,
    judge,
)
from mner.reporting.cells import Cited, cited
from mner.reporting.control_checks import FAILS, HOLDS, control_checks
from mner.reporting.results import Settings
from mner.reporting.run_facts import in_words

MACHINE = ("throughput", "software", "precision", "machines")
NOT_JUDGED, NO_REFERENCE = "NOT JUDGED", "NO REFERENCE"
TOLD = (NOT_JUDGED, NO_REFERENCE, SKIPPED, NOT_COMPARABLE, CONSISTENT, UNDECIDED, BELOW, ABOVE)
INDENT = " " * 6


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: a cell held ``against`` paper, reference, control or the profile's promise."""

    dataset: str
    system: str
    ours: str
    against: str
    verdict: str
    passed: bool
    detail: str

    @property
    def mark(self) -> str:
        """``FAIL``, ``ok``, or ``--`` for what is reported and not enforced."""
        if not self.passed:
            return "FAIL"
        return "--" if self.verdict in TOLD else "ok"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All checks of a profile."""

    profile: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if no check failed; a report without checks has shown nothing and does not pass."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def render(self) -> str:
        """An aligned table for a terminal, failures marked and counted; a long detail stands below its line."""
        header = ("", "data set", "system", "ours (F1)", "against", "verdict")
        rows = [
            (
                check.mark,
                check.dataset,
                check.system,
                check.ours,
                check.against,
                check.verdict,
            )
            for check in self.checks
        ]
        title, rule, *table = aligned([header, *rows], header=True)
        lines = [title, rule]
        for line, check in zip(table, self.checks, strict=True):
            lines += _with_detail(line.ljust(len(rule)), check.detail)
        return "\n".join([*lines, "", *wrapped(f"profile {self.profile}: {self._sum()}")]) + "\n"

    def _sum(self) -> str:
        if not self.checks:
            return "nothing to check"
        marks = Counter(check.mark for check in self.checks)
        judged = marks["ok"] + marks["FAIL"]
        end = f"{marks['FAIL']} of {judged} checks failed" if marks["FAIL"] else f"all {judged} checks passed"
        reported = Counter(check.verdict for check in self.checks if check.mark == "--")
        listed = ", ".join(f"{count} {verdict}" for verdict, count in reported.items())
        return (end if judged else f"0 of {len(self.checks)} checks could be judged") + (
            f"; reported, not enforced: {listed}" if reported else ""
        )


def verify(
    scores: ScoreResults,
    paper: Paper,
    reference: ScoreResults | None,
    settings: Settings,
    absence: Mapping[str, str] = MappingProxyType({}),
    rescored: tuple[RescoredResults | None, RescoredResults | None] = (None, None),
) -> VerifyReport:
    """Check ``scores`` (``results/<profile>/scores.json``) of the active profile.

    Fails: a cell the profile promises that is missing or lacks seeds; a verdict on a printed F1 that is worse than
    the one on the kept results (a BELOW or ABOVE that is not is shown); a cell that REGRESSED or CHANGED against
    ``reference`` (committed scores of the profile, None where there are none) or was finished there and is skipped
    now; a control on which a system does not do what was planted. NOT-COMPARABLE cells are held against the
    reference only; a cell that is the committed one itself is not held against it. ``absence`` is what systems'
    cards say of tweets without a picture (``control_checks``). ``rescored`` (of the profile and of the reference)
    hold what the cells reach as papers scored (``verdicts.judge``).
    """
    ours, theirs = rescored
    cells, references = scores.cells_by_place, {} if reference is None else reference.cells_by_place
    committed = set() if reference is None else set().union(*_records_by_cell(reference).values())
    records = _records_by_cell(scores)
    checks: list[Check] = []
    for dataset in settings.active.datasets:
        for system in settings.active.systems:
            cell = cells.get((dataset, system))
            before = references.get((dataset, system))
            checks += _presence(dataset, system, cell, before, settings.active.seeds)
            if cell is not None and cell.is_finished:
                verdicts = _verdicts(cell, ours, paper, settings)
                known = _verdicts(before, theirs, paper, settings)
                checks += _against_paper(cell, verdicts, known)
                itself = (
                    before is not None
                    and records.get((dataset, system), set()) <= committed
                    and _same_f1(cell, before)
                )
                checks.append(_against_itself(cell) if itself else _against_reference(cell, before, settings))
    for control in control_checks(
        scores,
        settings.verify.control_gain,
        settings.verify.alpha,
        settings.verify.reference_margin,
        absence,
    ):
        verdict = (HOLDS if control.passed else FAILS) if control.judged else NOT_JUDGED
        shown = _shown(cells[control.dataset, control.system])
        detail = f"{control.statement}: {control.detail}"
        checks.append(Check(control.dataset, control.system, shown, "control", verdict, control.passed, detail))
    return VerifyReport(settings.active.name, tuple(checks))


def _with_detail(line: str, detail: str) -> list[str]:
    """The line with its detail next to it, or below it where both do not fit into the terminal's width."""
    if len(line) + 2 + len(detail) <= WIDTH:
        return [f"{line}  {detail}"]
    return [line.rstrip(), *wrapped(detail, INDENT)]


def _presence(
    dataset: str,
    system: str,
    cell: ScoredCell | None,
    before: ScoredCell | None,
    seeds: Sequence[int],
) -> list[Check]:
    """What the profile promises: nothing to say if every seed was scored."""
    where = (dataset, system)
    if cell is None or cell.state == "not-run":
        return [Check(*where, "not run", "profile", "MISSING", False, "promised by the profile; type: mner run")]
    if cell.state == "skipped":
        lost = before is not None and before.is_finished
        detail = f"{cell.reason}{'; the reference has results for it' if lost else ''}"
        return [Check(*where, "skipped", "profile", SKIPPED, not lost, detail)]
    found = cell.own_f1.seeds
    absent = [seed for seed in seeds if seed not in found]
    if absent:
        detail = f"no result for seed {', '.join(map(str, absent))} of {', '.join(map(str, seeds))}"
        return [Check(*where, _shown(cell), "profile", "INCOMPLETE", False, detail)]
    return []


def _verdicts(
    cell: ScoredCell | None, rescored: RescoredResults | None, paper: Paper, settings: Settings
) -> list[tuple[PaperRow, Verdict]]:
    """Every row printed for the cell's system and the verdict on it; none unless the cell is finished."""
    if cell is None or not cell.is_finished:
        return []
    place = cell.dataset, cell.system
    runs = () if rescored is None else rescored.runs_of(*place)
    margin, alpha = settings.verify.margin, settings.verify.alpha
    judged = [(row, judge(cell, row, paper, margin, alpha, runs)) for _, row in paper.rows_for(*place)]
    return [(row, verdict) for row, verdict in judged if verdict is not None]


def _against_paper(
    cell: ScoredCell, judged: Sequence[tuple[PaperRow, Verdict]], known: Sequence[tuple[PaperRow, Verdict]]
) -> list[Check]:
    """One check per printed row, so that no row's agreement hides another's gap.

    ``known`` are the verdicts on the reference, none where it has no such finished cell.
    """
    before = {row.id: verdict for row, verdict in known}
    checks = []
    for row, verdict in judged:
        detail = "; ".join(verdict.why)
        held = in_words(verdict, row.figure(cell.dataset, "F1"))
        passed = row.id not in before or not verdict.worse_than(before[row.id])
        if verdict.name == NOT_COMPARABLE:
            detail = f"not held against the paper ({detail})"
        if not passed:
            detail += f"; worse than the kept results, which are {before[row.id].name}"
        where = cell.dataset, cell.system, _shown(cell), f"paper: {row.label}{row.mark}"
        checks.append(Check(*where, verdict.name, passed, f"{held}; {detail}"))
    return checks


def _records_by_cell(scores: ScoreResults) -> dict[tuple[str, str], set[str]]:
    """Hashes of the records that each cell of scores was made of."""
    found: dict[tuple[str, str], set[str]] = {}
    for run in scores.runs:
        found.setdefault((run.dataset, run.system), set()).add(run.record_sha256)
    return found


def _same_f1(cell: ScoredCell, before: ScoredCell) -> bool:
    return before.is_finished and cell.own_f1.values == before.own_f1.values


def _against_itself(cell: ScoredCell) -> Check:
    """The committed runs, scored as they were: that they are the same as themselves shows nothing."""
    detail = "these are the committed runs: nothing to hold against them"
    return Check(cell.dataset, cell.system, _shown(cell), "reference", NOT_JUDGED, True, detail)


def _against_reference(cell: ScoredCell, before: ScoredCell | None, settings: Settings) -> Check:
    where = (cell.dataset, cell.system, _shown(cell), "reference")
    if before is None or not before.is_finished:
        return Check(*where, NO_REFERENCE, True, "no committed result of this cell to hold it against")
    ours, theirs = (Sample.of(one.own_f1) for one in (cell, before))
    same_machine = all(set(getattr(cell, name) or ()) == set(getattr(before, name) or ()) for name in MACHINE)
    limits = settings.verify.reference_margin, settings.verify.alpha
    verdict = compare_with_reference(ours, theirs, *limits, same_machine)
    changed = [name for name in CONDITIONS if getattr(cell, name) != getattr(before, name)]
    if verdict.name == CHANGED and not same_machine and "precision" in changed:
        verdict = replace(verdict, name=IMPROVED)  # another number format explains a rise that no machine does
    notes = [
        *verdict.findings,
        *([f"made under another {', '.join(changed).replace('_', ' ')}"] if changed else []),
    ]
    return Check(*where, verdict.name, verdict.name not in FAILED, "; ".join(notes))


def _shown(cell: ScoredCell) -> str:
    f1 = cited(cell.own_f1)
    return f"{f1.plain()} (n={f1.runs})" if isinstance(f1, Cited) else f1.plain()
