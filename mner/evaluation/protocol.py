"""A printed row's way of scoring, and what our runs reach under it: the same rule, the same copy of the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mner.data.audit_findings import SENTENCES, apart
from mner.data.sources import ANNOTATIONS
from mner.evaluation.paper import UNKNOWN, Paper, Used
from mner.evaluation.reasons import Reason, ReasonKind
from mner.evaluation.rescored_results import RescoredRun
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.run_selection import picked
from mner.evaluation.score_results import ScoredCell

SCORER_OF_PROGRAM = {name: name for name in ("conlleval", "umt", "umgf", "ncrfpp", "strict", "ita")} | {
    "rgcn": "rgcn-64"
}
"""Our lens for a scoring program of ``reports/paper.yaml``, where there is one."""
SOURCE_OF_VERSION = {annotation: copy for copy, annotation in ANNOTATIONS.items()}
SEEN = (("train", "training"), ("dev", "dev"))


@dataclass(frozen=True, slots=True)
class AsPrinted:
    """Our F1 in percent by run of ``records``, scored as a printed row was as far as that is known and possible.

    ``lens`` and ``copy`` (of the test split) say how it was done, ``how`` says it in words, and ``missing`` says
    what of the row's own way could not be done.
    """

    values: tuple[float, ...]
    records: tuple[str, ...]
    lens: str
    copy: str
    how: str = ""
    missing: tuple[Reason, ...] = ()

    @property
    def rule(self) -> str:
        """Scorer and copy by name."""
        return f"{self.lens} on copy {self.copy}"


def scorer_of(scorer: str, dataset: str, paper: Paper) -> str | None:
    """The lens that counts as a scoring program does on a data set; None where none does or it is not known."""
    if scorer == UNKNOWN:
        return None
    return SCORER_OF_PROGRAM.get(scorer, STANDARD if dataset in paper.scorers[scorer].same_as_ours else None)


def as_printed(cell: ScoredCell, runs: Sequence[RescoredRun], used: Used, paper: Paper) -> AsPrinted:
    """What a finished cell of ``scores.json`` reaches under the way of scoring that ``used`` names.

    ``runs`` are the cell's entries of ``lenses.json``; without them there are the standard lens and our own copy
    only. An unknown scorer leaves the standard lens, an unknown copy our own.
    """
    copy, lens, missing = cell.dataset_version, STANDARD, list[Reason]()
    own = cell.own_f1
    values, records = own.values, own.records
    if used.copy not in (UNKNOWN, copy):
        on_copy = picked(runs, STANDARD, used.copy)
        if isinstance(on_copy, str):
            missing.append(Reason(ReasonKind.DATA_COPY, copy, used.copy, on_copy))
        else:
            copy, values, records = used.copy, on_copy.on_dev, on_copy.records
    wanted = scorer_of(used.scorer, cell.dataset, paper)
    under = picked(runs, wanted, copy) if wanted else "no lens counts so"
    if not isinstance(under, str):
        lens, values, records = wanted or STANDARD, under.on_dev, under.records
    elif used.scorer != UNKNOWN and cell.dataset not in paper.scorers[used.scorer].same_as_ours:
        note = paper.scorers[used.scorer].note
        missing.append(Reason(ReasonKind.SCORER, STANDARD, used.scorer, f"{note}; {under}"))
    return AsPrinted(values, records, lens, copy, _how(lens, copy, used), tuple(missing))


def _how(lens: str, copy: str, used: Used) -> str:
    """What of the way of scoring is the row's own, in words; empty where nothing of it is known."""
    by = f" by {lens}"
    if SCORER_OF_PROGRAM.get(used.scorer) != lens:
        by = "" if used.scorer == UNKNOWN else f" by {lens}, which counts as {used.scorer} does here,"
    on = "" if used.copy == UNKNOWN else f" on copy {copy}"
    return f"scored{by}{on}, as the printed row" if by or on else ""


def training_apart(ours: str, theirs: str, dataset: str) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Reasons against a comparison, and caveats, as a row was trained on the ``theirs`` copy and we on ``ours``.

    Where the documented training and dev splits are alike there is neither; where they differ in some sentences
    it is a caveat that counts them; copies of which nothing is documented are a reason.
    """
    if UNKNOWN in (theirs, ours) or theirs == ours:
        return (), ()
    one, other = (SOURCE_OF_VERSION.get(copy, copy) for copy in (ours, theirs))
    counts = {title: (apart(one, other, dataset, split), split) for split, title in SEEN}
    if any(number is None for number, _ in counts.values()):
        return (Reason(ReasonKind.TRAINING_COPY, ours, theirs),), ()
    differ = [
        f"{number} of {SENTENCES[one, dataset, split]} {title} sentences"
        for title, (number, split) in counts.items()
        if number
    ]
    return (), ((Reason(ReasonKind.TRAINING_COPY, ours, theirs, " and ".join(differ)),) if differ else ())
