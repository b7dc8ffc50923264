"""A user's number beside others: printed rows under their own scorer and version, and kept runs of a baseline."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mner.data.spans import sentence_counts
from mner.data.tag_codes import TagError, encode
from mner.evaluation.kept_results import kept_tags
from mner.evaluation.paper import UNKNOWN, Paper, PaperRow
from mner.evaluation.paper_audit import RowAudit, audit_rows
from mner.evaluation.protocol import scorer_of
from mner.evaluation.rescoring import STANDARD
from mner.evaluation.significance import Comparison, comparison_of, paired_comparison
from mner.evaluation.statistics import LEVEL, RunCounts, draw_sentences, resampled_f1, run_f1
from mner.predictions.own_scores import OwnRun, ScoredRun
from mner.predictions.seqeval_scores import ScorerResult
from mner.predictions.split_versions import GoldSplit
from mner.tracking.record import Record

DRAWS = 1000
_SEED = 20171103


class BaselineError(ValueError):
    """A baseline that has no kept runs here; the message names those that have."""


@dataclass(frozen=True, slots=True)
class BesidePrinted:
    """A printed F1 and ours under the row's own scorer and version (percent).

    Attributes:
        table: Id of the published table.
        row: Id of the row.
        label: The row as printed.
        printed: Its F1.
        scorer: The scorer used for ours.
        version: The version used for ours.
        ours: Our mean F1; None where it could not be computed.
        caveats: What of the row's way of scoring is unknown or could not be done.
    """

    table: str
    row: str
    label: str
    printed: float
    scorer: str
    version: str
    ours: float | None
    caveats: tuple[str, ...]

    @property
    def difference(self) -> float | None:
        """Ours minus the printed number."""
        return None if self.ours is None else self.ours - self.printed


@dataclass(frozen=True, slots=True)
class BesideBaseline:
    """A paired comparison with kept runs of a baseline, on the sentences that all files cover.

    ``found`` is in fractions of F1, ours minus the baseline's; None with a single sentence or other obstacle,
    which ``why`` names.
    """

    profile: str
    system: str
    seeds: tuple[int, ...]
    sentences: int
    baseline_f1: float
    own_f1: float
    found: Comparison | None
    why: str


def mean_f1(scored: Sequence[ScoredRun], version: str, scorer: str) -> float | str:
    """Mean F1 in percent over the files, or why there is none."""
    values = []
    for one in scored:
        result = one.versions.get(version, {}).get(scorer)
        if not isinstance(result, ScorerResult):
            return result or f"version {version} could not be had"
        values.append(result.overall.f1)
    return statistics.fmean(values)


def beside_printed(scored: Sequence[ScoredRun], dataset: str, paper: Paper) -> list[BesidePrinted]:
    """Every printed row of a data set with our F1 under its scorer and version, best printed first."""
    rows: dict[str, tuple[str, PaperRow]] = {}
    for table in paper.tables:
        for row in table.rows:
            if row.figure(dataset, "F1") is not None:
                rows.setdefault(row.id, (table.id, row))
    found = [_beside(scored, dataset, paper, table, row) for table, row in rows.values()]
    return sorted(found, key=lambda one: -one.printed)


def _beside(scored: Sequence[ScoredRun], dataset: str, paper: Paper, table: str, row: PaperRow) -> BesidePrinted:
    used, figure = row.used[dataset], row.figure(dataset, "F1")
    caveats = []
    version = scored[0].primary if used.copy == UNKNOWN else used.copy
    if used.copy == UNKNOWN:
        caveats.append("the row's dataset version is unknown")
    elif any(version not in one.versions for one in scored):
        caveats.append(f"version {version} could not be had")
        version = scored[0].primary
    scorer = scorer_of(used.scorer, dataset, paper)
    if scorer is None:
        caveats.append(
            "the row's scorer is unknown" if used.scorer == UNKNOWN else f"scorer {used.scorer} is not available"
        )
        scorer = STANDARD
    ours = mean_f1(scored, version, scorer)
    if isinstance(ours, str):
        caveats.append(ours)
    value = figure.value if figure else 0.0
    number = None if isinstance(ours, str) else ours
    return BesidePrinted(table, row.id, row.label + row.mark, value, scorer, version, number, tuple(caveats))


def kept_runs(results: Path, dataset: str, baseline: str) -> tuple[str, str, dict[int, Path]]:
    """(profile, system, records by seed) of a baseline's kept runs.

    Args:
        results: The folder of kept results.
        dataset: The data set.
        baseline: A system, or ``<profile>/<system>``. Without a profile that one is taken whose runs have the best
            mean dev F1, of those with two seeds or more if there are any.

    Raises:
        BaselineError: no kept runs.
    """
    wanted, _, system = baseline.rpartition("/")
    found: dict[str, dict[int, Path]] = {}
    systems: set[str] = set()
    for record in sorted(results.glob(f"*/runs/{dataset}/*/*/record.json")):
        profile, name, seed = record.parts[-6], record.parts[-3], record.parts[-2]
        systems.add(name)
        if name == system and wanted in ("", profile) and (record.parent / "tags.json.xz").is_file():
            found.setdefault(profile, {})[int(seed)] = record
    if not found:
        known = ", ".join(sorted(systems)) or "none"
        raise BaselineError(f"no kept runs of {baseline!r} on {dataset}; kept are: {known}")
    profile = max(found, key=lambda name: (len(found[name]) > 1, _mean_dev_f1(found[name].values()), name))
    return profile, system, dict(sorted(found[profile].items()))


def _mean_dev_f1(records: Iterable[Path]) -> float:
    return statistics.fmean(Record.read(path).best_dev_f1 or 0.0 for path in records)


def beside_baseline(runs: Sequence[OwnRun], split: GoldSplit, results: Path, baseline: str) -> BesideBaseline:
    """Compare files with kept runs of a baseline, sentence by sentence, on what all files cover.

    Several files are several seeds: then the test is on new seeds and new sentences. With one file the baseline's
    runs are held fixed as they are, and the result speaks of these runs alone.

    Raises:
        BaselineError: no kept runs, or kept tags of another test split.
    """
    profile, system, records = kept_runs(results, split.dataset, baseline)
    common = sorted(set.intersection(*({place for place, _ in run.covered()} for run in runs)))
    kept = [_kept(record, split) for record in records.values()]
    gold = [split.versions[0].tags[place] or () for place in common]
    ours = []
    for run in runs:
        at = dict(run.covered())
        ours.append([run.predicted[at[place]] for place in common])
    try:
        own = np.stack([sentence_counts(gold, rows) for rows in ours])
    except TagError as error:
        return BesideBaseline(profile, system, tuple(records), len(common), 0.0, 0.0, None, str(error))
    theirs = np.stack([sentence_counts(encode(gold), [rows[place] for place in common]) for rows in kept])
    means = float(run_f1(theirs).mean()) * 100, float(run_f1(own).mean()) * 100
    why = "new seeds and new sentences" if len(own) > 1 and len(theirs) > 1 else _ALONE
    found = _compared(own, theirs) if len(common) > 1 else None
    return BesideBaseline(profile, system, tuple(records), len(common), *means, found, why)


_ALONE = "new sentences only: with one run on a side it speaks of these runs, not of the systems"


def _compared(own: RunCounts, theirs: RunCounts) -> Comparison:
    generator = np.random.default_rng(_SEED)
    if len(own) > 1 and len(theirs) > 1:
        return paired_comparison(own, theirs, generator, DRAWS)
    weights = draw_sentences(own.shape[1], generator, DRAWS)
    drawn = [resampled_f1(side, weights).mean(axis=1) for side in (own, theirs)]
    difference = float(run_f1(own).mean() - run_f1(theirs).mean())
    sample = float((drawn[0] - drawn[1]).std(ddof=1))
    return comparison_of(difference, [], sample, 0.0, own.shape[1], LEVEL)


def _kept(record: Path, split: GoldSplit) -> list[list[str]]:
    text: Mapping[str, str] = kept_tags(record)
    rows: list[list[str]] = [json.loads(line) for line in text.get("test.own", "").splitlines()]
    if [len(row) for row in rows] != [len(one.words) for one in split.sentences]:
        raise BaselineError(f"the kept tags beside {record} are not of this test split")
    return rows


def own_audit(scored: Sequence[ScoredRun], dataset: str, scorer: str = STANDARD) -> RowAudit | None:
    """Whether our P, R and F1, rounded as a paper prints them, fit together; None without scores."""
    results = [one.scores.get(scorer) for one in scored]
    held = [one.overall for one in results if isinstance(one, ScorerResult)]
    if len(held) != len(scored):
        return None
    p, r, f = (
        round(statistics.fmean(getattr(one, name) for one in held), 2) for name in ("precision", "recall", "f1")
    )
    return audit_rows([("yours", dataset, p, r, f)])[0]
