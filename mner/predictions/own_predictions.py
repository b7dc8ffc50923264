"""``mner score FILE...``: from files of predictions to one report, without training and without params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mner.base.shipped_files import shipped
from mner.config.places import Places
from mner.data.download import SourceError
from mner.data.user_file import UnreadableFileError
from mner.evaluation.paper_reading import load_paper
from mner.predictions.own_comparisons import (
    BaselineError,
    BesidePrinted,
    beside_baseline,
    beside_printed,
    own_audit,
)
from mner.predictions.own_report import OwnReport
from mner.predictions.own_scores import read_run, score_run_file
from mner.predictions.split_versions import GoldSplit, read_test_split


def report_on(
    files: Sequence[Path],
    dataset: str | None,
    places: Places,
    *,
    baseline: str | None = None,
    scheme: str | None = None,
    columns: Sequence[str] | None = None,
) -> OwnReport:
    """Score files of predictions, each one a seed, and lay them beside printed rows and a baseline.

    Args:
        files: The predictions.
        dataset: The data set whose test split they tag; None scores them against their own gold column.
        places: Where public files may come from.
        baseline: A system with kept runs, or ``<profile>/<system>``.
        scheme: The scheme of the tags where it shall not be told from them.
        columns: Names of the columns.

    Raises:
        UnreadableFileError: a file cannot be read, or there is nothing to score it against.
        SourceError: the test split cannot be had, and a file has no gold column.
        BaselineError: no kept runs of the baseline, or no common test split to compare on.
    """
    split, why = _split(dataset, places)
    try:
        runs = [read_run(file, split, scheme=scheme, columns=columns) for file in files]
    except UnreadableFileError as error:
        if isinstance(why, SourceError) and error.expected.startswith("a gold column"):
            raise why from error
        raise
    against = {run.alignment is None for run in runs}
    if len(against) > 1:
        odd = next(run for run in runs if run.alignment is None)
        raise UnreadableFileError(
            odd.read.path, None, "sentences of the test split, as in the other files", "others"
        )
    scored = tuple(score_run_file(run, split) for run in runs)
    own_gold = runs[0].alignment is None
    reason = ""
    if own_gold:
        reason = str(why) if why else f"it holds no sentence of {dataset}'s test split"
    printed: tuple[BesidePrinted, ...] = ()
    if dataset is not None and not own_gold:
        printed = tuple(beside_printed(scored, dataset, load_paper(shipped("paper.yaml"))))
    compared = None
    if baseline is not None:
        if own_gold or split is None:
            raise BaselineError(
                f"no comparison with {baseline}: the files are not of a known test split ({reason})"
            )
        compared = beside_baseline(runs, split, shipped("results"), baseline)
    absent = () if split is None or own_gold else split.absent
    return OwnReport(dataset or "", scored, absent, reason, printed, compared, own_audit(scored, dataset or "own"))


def _split(dataset: str | None, places: Places) -> tuple[GoldSplit | None, Exception | str]:
    if dataset is None:
        return None, "no --dataset was given"
    try:
        return read_test_split(dataset, places), ""
    except SourceError as error:
        return None, error
