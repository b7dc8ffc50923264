"""Errors, agreement, suspected labels and cases as tables and lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mner.base.terminal import indented, wrapped
from mner.data.corpus import Sentence
from mner.data.spans import entities
from mner.data.tag_codes import EncodedTags
from mner.evaluation.error_counts import CLASSES, ErrorCase
from mner.evaluation.error_results import GroupAgreement, SuspectLabels, SystemErrors
from mner.evaluation.rescoring import patch_entry
from mner.evaluation.run_agreement import Case
from mner.reporting.cells import Cell, Cited, Measured, State, Words
from mner.reporting.results import Results, mean_of
from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Column, Row, Table


def render_cases(
    dataset: str,
    found: Sequence[Case],
    other_way: int | None,
    gold: EncodedTags,
    sentences: Sequence[Sentence],
    right: str,
    wrong: Sequence[str],
    words: bool,
) -> str:
    """Cases one a line: sentence, picture, gold entities by positions, and the share of right runs by system.

    ``other_way`` counts the sentences of which the contrary holds, where ``wrong`` is one system.
    """
    truth, rivals = entities(gold), ", ".join(wrong)
    rows = [("sentence", "picture", "gold entities (type first-last word)", "runs right")]
    for case in found:
        sentence = sentences[case.sentence]
        marked = " ".join(f"{kind} {first}-{last}" for kind, first, last in truth[case.sentence])
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in case.right.items())
        rows.append((str(case.sentence), sentence.image, marked, shares))
        if words:
            rows.append(("", "", " ".join(sentence.words), ""))
    said = f"{dataset}, {len(sentences)} test sentences: "
    said += f"{len(found)} that every run of {right} reads right and none of {rivals} does"
    if other_way is not None:
        said += f"; {other_way} the other way round (every run of {rivals}, none of {right})"
    return "\n".join([*wrapped(f"{said}."), "", *indented(rows)]) + "\n"


def render_classes(
    dataset: str, system: str, found: Sequence[ErrorCase], sentences: Sequence[Sentence], words: bool
) -> str:
    """Errors by class, one a line: sentence, picture, type and word positions."""
    lines = [*wrapped(f"{dataset}, {len(sentences)} test sentences: errors that all runs of {system} make.")]
    for kind, mark in CLASSES.items():
        own = [case for case in found if case.kind == kind]
        lines += ["", *wrapped(f"{kind}: {len(own)} ({mark})")]
        rows = [("sentence", "picture", "entity (type first-last word)", "words" if words else "")]
        for case in own:
            sentence, entity = sentences[case.sentence], case.entity
            text = " ".join(sentence.words[entity.first : entity.last + 1]) if words else ""
            rows.append((str(case.sentence), sentence.image, f"{entity.kind} {entity.first}-{entity.last}", text))
        lines += indented(rows) if own else []
    return "\n".join(lines) + "\n"


CUTS = {
    "all": "All entities",
    "type": "By type",
    "length": "By length",
    "training": "By surface form in training",
    "opening": "By first tag",
}
ERROR_NOTES = (
    "Mean number of entities over runs. Each gold entity is counted once: correct; type (right words, another "
    "type); boundary (right type, other words); type and boundary; missed. Spurious: a prediction that meets no "
    "gold entity.",
    "Recall: correct of all gold entities of the group. Seen: the surface form occurs as an entity in training.",
)
AGREEMENT_NOTES = (
    "Over test sentences that hold a gold entity. Alike: share of pairs of runs that read the same entities. "
    "All right, none right: sentences that every run, or no run, reads exactly as gold.",
)
SUSPECT_NOTES = (
    "Labels that at least 80 % of the runs (systems weighted equally) contradict in the same way. For human "
    "eyes: systems trained on the same labels also err alike. suspects.json is a patch of them by sentence, "
    "picture and positions.",
)


def error_tables(results: Results, dataset: str) -> list[Table]:
    """Per system its errors, then agreement and suspects."""
    held = results.errors.datasets.get(dataset)
    if held is None:
        return []
    made = [_errors(results, dataset, cell) for cell in held.cells]
    return [*made, _agreement(results, dataset, held.agreement), *_suspects(results, dataset, held.suspects)]


def _errors(results: Results, dataset: str, cell: SystemErrors) -> Table:
    outcomes, records = results.errors.outcomes, cell.records
    columns = (
        Column("group", "Group", "words"),
        Column("gold", "Gold", "ours"),
        *(Column(outcome.replace(" ", "-"), outcome.capitalize(), "ours") for outcome in outcomes),
        Column("recall", "Recall, %", "ours"),
    )
    rows = []
    for cut, heading in CUTS.items():
        for row in (row for row in cell.rows if row.cut == cut):
            counts = {outcome: [float(n) for n in row.counts[outcome]] for outcome in outcomes}
            found = [[counts[o][run] for o in outcomes if o != "spurious"] for run in range(len(records))]
            gold = tuple(sum(of_run) for of_run in found)
            entities = Cited(sum(gold) / len(gold), records, gold, digits=0)
            cells: list[Cell] = [Words(row.group), entities]
            cells += [mean_of(tuple(counts[outcome]), records, digits=1) for outcome in outcomes]
            cells.append(_recall(counts["correct"], gold, records))
            rows.append(Row(f"{cut}/{row.group}", tuple(cells), heading))
    title = f"{dataset_title(dataset)}, {cell.system}: what became of entities"
    name = f"errors-{dataset}-{cell.system}"
    return Table(name, title, dataset, columns, tuple(rows), results.records, ERROR_NOTES)


def _recall(correct: list[float], gold: tuple[float, ...], records: tuple[str, ...]) -> Cell:
    if not all(gold):
        return State("n/a", "no gold entity in this group")
    shares = tuple(100 * one / whole for one, whole in zip(correct, gold, strict=True))
    return mean_of(shares, records, digits=1)


def _agreement(results: Results, dataset: str, entries: Sequence[GroupAgreement]) -> Table:
    columns = (
        Column("group", "Runs of", "words"),
        Column("runs", "Runs", "ours"),
        Column("alike", "Read alike, %", "ours"),
        Column("all", "All right", "ours"),
        Column("none", "None right", "ours"),
        Column("sentences", "Sentences", "ours"),
    )
    rows = []
    for entry in entries:
        records, numbers = entry.records, entry.numbers
        if numbers is None:
            absent = State("one run", entry.state or "") if records else State("not run")
            rows.append(Row(entry.group, (Words(entry.group), *[absent] * 5)))
            continue

        def count(value: float, what: str, of: tuple[str, ...] = records, **style: Any) -> Measured:
            return Measured(float(value), of, what, **{"digits": 0, **style})

        rows.append(
            Row(
                entry.group,
                (
                    Words(entry.group),
                    count(len(records), "number of runs"),
                    count(numbers.pairwise, "mean over sentences of the share of pairs alike", digits=1),
                    count(numbers.all_right, "sentences that every run reads exactly"),
                    count(numbers.none_right, "sentences that no run reads exactly"),
                    count(numbers.sentences, "test sentences with a gold entity"),
                ),
            )
        )
    title = f"{dataset_title(dataset)}: agreement between runs"
    return Table(f"agreement-{dataset}", title, dataset, columns, tuple(rows), results.records, AGREEMENT_NOTES)


def _suspects(results: Results, dataset: str, held: SuspectLabels) -> list[Table]:
    if held.state is not None:
        return []
    records = held.records
    kinds = Counter((entry.kind, entry.entity.kind) for entry in held.entries)
    types = sorted({kind for _, kind in kinds})
    columns = (
        Column("kind", "Suspected", "words"),
        *(Column(t, t, "ours") for t in types),
        Column("all", "All", "ours"),
    )
    rows = []
    for name in ("spurious label", "missing label", "other label"):
        numbers = [kinds[name, kind] for kind in types]
        counted = [Measured(float(n), records, "suspected labels", digits=0) for n in (*numbers, sum(numbers))]
        rows.append(Row(name, (Words(name), *counted)))
    title = f"{dataset_title(dataset)}: labels that the runs contradict together"
    return [Table(f"suspects-{dataset}", title, dataset, columns, tuple(rows), results.records, SUSPECT_NOTES)]


def suspects_file(results: Results) -> dict[str, Any]:
    """Content of ``suspects.json``: suspected labels as a patch by sentence and positions, without words."""
    return {
        "format": 1,
        "profile": results.scores.profile,
        "split": "test",
        "note": "sentence: index in the split; first, last: word positions from 0, both inclusive",
        "datasets": {
            name: {
                **_head(held.suspects),
                "changes": [patch_entry(entry) for entry in held.suspects.entries],
            }
            for name, held in results.errors.datasets.items()
        },
    }


def _head(held: SuspectLabels) -> dict[str, Any]:
    """All but the entries, as far as it is known."""
    names = ("records", "at_least", "systems", "state")
    return {name: getattr(held, name) for name in names if getattr(held, name) is not None}
