"""What the generated corpora say of each system, in one table: the numbers that are judged, and the judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mner.config.controls_settings import NEGATIVE, NEIGHBOURS, POSITIVE
from mner.data.corpus import PICTURE_PROBES
from mner.evaluation.score_results import ScoredCell
from mner.reporting.cells import Cell, Measured, State, Words, cited, missing, with_minus
from mner.reporting.control_checks import (
    FAILS,
    HOLDS,
    RELATION_PROBES,
    TEXT_ONLY,
    ControlCheck,
    are_controls,
    control_checks,
    gain_of,
    reads_relations,
)
from mner.reporting.results import Results, VerifyFacts
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table
from mner.reporting.text_only import PROBES

NOT_JUDGED = "not judged"
CONTROLS = (POSITIVE, NEGATIVE)
READS, TEXT = "Text + image", "Text"
GAIN = "gain"
MEASURES = (
    *((measure, control) for measure in (GAIN, *PICTURE_PROBES) for control in CONTROLS),
    *((measure, NEIGHBOURS) for measure in (GAIN, *RELATION_PROBES)),
)
"""Each number of a row: what is measured, and on which corpus."""
_NEIGHBOUR_RULE = (
    " Nei.: on the neighbour control, where only retrieved pictures show the type: what reads neighbours must "
    "gain as on the positive one, and lose it with another tweet's; for what reads none it is a negative one."
)
Cells = Mapping[tuple[str, str], ScoredCell]


def control_table(results: Results, limits: VerifyFacts, absence: Mapping[str, str]) -> Table | None:
    """One row a system; None where the profile has another data set or nothing was run.

    The rules are those of ``mner verify``; ``absence`` is as in :func:`control_checks`.
    """
    scores = results.scores
    finished = scores.finished_cells
    if not are_controls(scores.datasets) or not finished:
        return None
    checks = control_checks(scores, limits.control_gain, limits.alpha, limits.reference_margin, absence)
    measures = [(measure, control) for measure, control in MEASURES if control in (*CONTROLS, *scores.datasets)]
    columns = (
        Column("system", "System", "words"),
        *(Column(f"{measure}.{control}", _title(measure, control), "ours") for measure, control in measures),
        Column("verdict", "Controls", "words"),
    )
    rows = [
        _row(system, measures, finished, [one for one in checks if one.system == system])
        for system in scores.systems
    ]
    rows.sort(key=lambda row: row.group != READS)
    title = "Does each system use the picture where it helps, and only there? (F1 points)"
    notes = (_rules(limits, NEIGHBOURS in scores.datasets), *_reasons(checks, absence))
    return Table("controls-truth", title, "controls", columns, tuple(rows), results.records, notes)


def _title(measure: str, control: str) -> str:
    return f"{PROBES.get(measure, measure)} ({_short(control)[:3]}.)"


def _row(system: str, measures: Sequence[tuple[str, str]], finished: Cells, checks: Sequence[ControlCheck]) -> Row:
    numbers = [_number(measure, control, system, finished) for measure, control in measures]
    controls = list(dict.fromkeys(control for _, control in measures))
    reads = any(finished[control, system].reads_pictures for control in controls if (control, system) in finished)
    return Row(
        system, (Words(system), *numbers, _judgement(system, controls, finished, checks)), READS if reads else TEXT
    )


def _number(measure: str, control: str, system: str, finished: Cells) -> Cell:
    cell, text = finished.get((control, system)), finished.get((control, TEXT_ONLY))
    if cell is None:
        return missing(cell)
    if not cell.reads_pictures:
        return State("–", "reads no picture")
    if measure in RELATION_PROBES and not reads_relations(cell):
        return State("–", "reads no neighbours")
    if measure != GAIN:
        found = cell.image_sensitivity.get(measure)
        return State("–", "this view was not predicted") if found is None else cited(found, signed=True)
    if text is None:
        return State("not known", f"{TEXT_ONLY} was not run")
    records = (*cell.own_f1.records, *text.own_f1.records)
    return Measured(gain_of(cell, text), records, f"mean F1 minus that of {TEXT_ONLY}", signed=True)


def _judgement(system: str, controls: Sequence[str], finished: Cells, checks: Sequence[ControlCheck]) -> Words:
    """FAILS with one failed check; HOLDS only with all controls run and something judged."""
    failed = [_said(one) for one in checks if not one.passed]
    if failed:
        return Words(FAILS, "; ".join(failed))
    absent = [_short(control) for control in controls if (control, system) not in finished]
    if absent:
        return Words(NOT_JUDGED, f"not run on the {' and '.join(absent)} control")
    judged = [_said(one) for one in checks if one.judged]
    return Words(HOLDS, "; ".join(judged)) if judged else Words(NOT_JUDGED, "it reads no picture")


def _said(check: ControlCheck) -> str:
    return with_minus(f"{dataset_title(check.dataset)}: {check.statement}: {check.detail}")


def _short(control: str) -> str:
    return control.removeprefix("controls-")


def _rules(limits: VerifyFacts, neighbours: bool) -> str:
    margin, near_zero = f"{limits.control_gain:g}", f"{limits.reference_margin:g}"
    sure = f"{100 * (1 - 2 * limits.alpha):.0f} %"
    return (
        f"Gain: mean F1 minus that of {TEXT_ONLY}; pos. and neg.: on the positive and on the negative control. "
        f"{HOLDS}: all three are {margin} points or more on the positive control; on the negative one each is "
        f"smaller than {margin}, with several seeds together with its {sure} interval, and then also smaller than "
        f"{near_zero} unless that interval holds 0." + _NEIGHBOUR_RULE * neighbours
    )


def _reasons(checks: Sequence[ControlCheck], absence: Mapping[str, str]) -> list[str]:
    """Every failed check, and every number that is reported and not enforced though its system reads pictures."""
    failed = [f"{one.system} {FAILS}: {_said(one)}" for one in checks if not one.passed]
    reported = [
        f"{one.system}: {PROBES['none']} on the negative control is reported, not enforced: {absence[one.system]}"
        for one in checks
        if not one.judged and absence.get(one.system)
    ]
    return [*failed, *reported]
