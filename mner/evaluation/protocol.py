"""A printed row's way of scoring, and what our runs reach under it: the same scorer and dataset version."""

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
"""Our scorer for a scoring program of ``reports/paper.yaml``, where there is one."""
SOURCE_OF_VERSION = {annotation: version for version, annotation in ANNOTATIONS.items()}
SEEN = (("train", "training"), ("dev", "dev"))


@dataclass(frozen=True, slots=True)
class AsPrinted:
    """Our F1 in percent by run of ``records``, scored as a printed row was as far as that is known and possible.

    ``scorer`` and ``version`` (of the test split) say how it was done, ``how`` says it in words, and ``missing``
    says what of the row's own way could not be done.
    """

    values: tuple[float, ...]
    records: tuple[str, ...]
    scorer: str
    version: str
    how: str = ""
    missing: tuple[Reason, ...] = ()

    @property
    def rule(self) -> str:
        """Scorer and version by name."""
        return f"{self.scorer} on version {self.version}"


def scorer_of(program: str, dataset: str, paper: Paper) -> str | None:
    """The scorer that counts as a scoring program does on a data set; None where none does or it is not known."""
    if program == UNKNOWN:
        return None
    return SCORER_OF_PROGRAM.get(program, STANDARD if dataset in paper.scorers[program].same_as_ours else None)


def as_printed(cell: ScoredCell, runs: Sequence[RescoredRun], used: Used, paper: Paper) -> AsPrinted:
    """What a finished cell of ``scores.json`` reaches under the way of scoring that ``used`` names.

    ``runs`` are the cell's runs under every scorer; without them there are the standard scorer and our own version
    only. An unknown scorer leaves the standard scorer, an unknown version our own.
    """
    version, scorer, missing = cell.dataset_version, STANDARD, list[Reason]()
    own = cell.own_f1
    values, records = own.values, own.records
    if used.copy not in (UNKNOWN, version):
        on_copy = picked(runs, STANDARD, used.copy)
        if isinstance(on_copy, str):
            missing.append(Reason(ReasonKind.DATASET_VERSION, version, used.copy, on_copy))
        else:
            version, values, records = used.copy, on_copy.on_dev, on_copy.records
    wanted = scorer_of(used.scorer, cell.dataset, paper)
    under = picked(runs, wanted, version) if wanted else "no scorer counts so"
    if not isinstance(under, str):
        scorer, values, records = wanted or STANDARD, under.on_dev, under.records
    elif used.scorer != UNKNOWN and cell.dataset not in paper.scorers[used.scorer].same_as_ours:
        note = paper.scorers[used.scorer].note
        missing.append(Reason(ReasonKind.SCORER, STANDARD, used.scorer, f"{note}; {under}"))
    return AsPrinted(values, records, scorer, version, _how(scorer, version, used), tuple(missing))


def _how(scorer: str, version: str, used: Used) -> str:
    """What of the way of scoring is the row's own, in words; empty where nothing of it is known."""
    by = f" by {scorer}"
    if SCORER_OF_PROGRAM.get(used.scorer) != scorer:
        by = "" if used.scorer == UNKNOWN else f" by {scorer}, which counts as {used.scorer} does here,"
    on = "" if used.copy == UNKNOWN else f" on version {version}"
    return f"scored{by}{on}, as the printed row" if by or on else ""


def training_apart(ours: str, theirs: str, dataset: str) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Reasons against a comparison, and caveats: a row was trained on version ``theirs`` and we on ``ours``.

    Where the documented training and dev splits are alike there is neither; where they differ in some sentences
    it is a caveat that counts them; copies of which nothing is documented are a reason.
    """
    if UNKNOWN in (theirs, ours) or theirs == ours:
        return (), ()
    one, other = (SOURCE_OF_VERSION.get(version, version) for version in (ours, theirs))
    counts = {title: (apart(one, other, dataset, split), split) for split, title in SEEN}
    if any(number is None for number, _ in counts.values()):
        return (Reason(ReasonKind.TRAINING_VERSION, ours, theirs),), ()
    differ = [
        f"{number} of {SENTENCES[one, dataset, split]} {title} sentences"
        for title, (number, split) in counts.items()
        if number
    ]
    return (), ((Reason(ReasonKind.TRAINING_VERSION, ours, theirs, " and ".join(differ)),) if differ else ())
