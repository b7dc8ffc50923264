"""``mner claims``: what the documentation says of committed results, recomputed from tags, scores and lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mner.base.files import read_json
from mner.base.terminal import aligned, wrapped
from mner.data.corpus import SPLITS, TYPES, Sentence, read_sentences
from mner.data.tag_codes import encode
from mner.evaluation.claim_numbers import (
    ScorerGain,
    coverage_of_narrowest,
    equal_lists,
    pooled_interval,
    rank_correlation,
    scorer_gain,
)
from mner.evaluation.kept_results import REFERENCE, KeptProfile, NoResultsError, kept_of, kept_tags
from mner.evaluation.paper import Paper
from mner.evaluation.paper_audit import audit_rows, trend
from mner.evaluation.protocol import as_printed, scorer_of
from mner.evaluation.rescored_results import Rescored, RescoredResults
from mner.evaluation.result_files import FILES
from mner.evaluation.score_results import OWN, ScoreResults
from mner.evaluation.scoring import PredictionName
from mner.evaluation.verdicts import judge

PROFILES = ("quick", "graphs", "neighbours", "quick-all", "full")
"""Profiles on real data whose results are committed."""
POOLED = ("quick", "graphs", "neighbours", "full")
"""Of these, profiles of more than one seed a cell."""
DATASETS = ("twitter2017", "twitter2015")
Counter = Callable[[Sequence[str]], Sequence[int]]
Lines = Iterator[str]
Content = TypeVar("Content")


def claims(paper: Paper, counter: Counter, root: Path = Path(), margin: float = 0.5, alpha: float = 0.05) -> str:
    """All claims as text for a terminal; ``counter`` counts the subwords that BERT's uncased splitter makes.

    Raises:
        NoResultsError: data or committed results are missing.
    """
    gold = {dataset: _gold(root, dataset) for dataset in DATASETS}
    gains = list(_gains(root, gold, counter))
    kept = {name: KeptProfile(_kept(ScoreResults, name), _kept(RescoredResults, name)) for name in PROFILES}
    parts = (
        ("(a) What R-GCN's scorer adds", _scorer(gains, paper)),
        ("(b) What two seeds exclude", _two_seeds({name: one.scores for name, one in kept.items()})),
        ("(c) Ours minus printed, under one scorer", _under_one_scorer(kept, paper, margin, alpha)),
        ("(d) P, R and F1 by type under the row's scorer", _parts(kept, paper)),
        ("(e) Equal text-to-image lists", _lists(root)),
    )
    return "\n".join("\n".join([title, "-" * len(title), *lines, ""]) for title, lines in parts)


def _kept(cls: type[Content], profile: str) -> Content:
    found = kept_of(cls, profile)
    if found is None:
        raise NoResultsError(f"{REFERENCE / profile} holds no {FILES[cls]}")
    return found


def _gold(root: Path, dataset: str) -> tuple[Sentence, ...]:
    path = root / "data" / dataset / "gold" / "test.jsonl"
    if not path.is_file():
        raise NoResultsError(f"{path} is not there; run `dvc repro data@{dataset}`")
    return read_sentences(path)


def _gains(root: Path, gold: Mapping[str, Sequence[Sentence]], counter: Counter) -> Iterator[ScorerGain]:
    """One of every committed run on real data."""
    encoded = {dataset: encode([one.tags or () for one in held]) for dataset, held in gold.items()}
    pieces = {dataset: [counter(one.words) for one in held] for dataset, held in gold.items()}
    for profile in PROFILES:
        for record in sorted((root / REFERENCE / profile / "runs").rglob("record.json")):
            dataset, system = record.parts[-4:-2]
            text = next(
                (
                    text
                    for name, text in kept_tags(record).items()
                    if PredictionName.of(name).epoch is None and PredictionName.of(name).is_own_test
                ),
                None,
            )
            if text is not None and dataset in gold:
                tags = encode([json.loads(line) for line in text.splitlines()])
                yield scorer_gain((dataset, system, profile), encoded[dataset], tags, pieces[dataset])


def _scorer(gains: Sequence[ScorerGain], paper: Paper) -> Lines:
    rows: list[tuple[str, ...]] = [
        ("runs", "data set", "n", "subwords", "last batch", "averaging", "together", "with F1")
    ]
    for title, profiles in (("of quick", ("quick",)), ("all committed", PROFILES)):
        for dataset in DATASETS:
            held = [one for one in gains if one.dataset == dataset and one.profile in profiles]
            ranges = (
                _range([getattr(one, part) for one in held])
                for part in ("subwords", "left_out", "averaging", "whole")
            )
            rows.append((title, dataset, str(len(held)), *ranges, f"{rank_correlation(held):+.2f}"))
    yield from aligned(rows, header=True)
    yield ""
    yield from wrapped(
        "Points of F1 beyond conlleval: entities cut where words have several subwords, the last partial batch "
        "left out, F1 averaged over batches; with F1: rank correlation of the whole gain with conlleval's F1."
    )
    rows_of = {row.id: row for row in paper.tables[0].rows}
    for dataset in DATASETS:
        ahead = {
            name: _f1(rows_of["rgcn"], dataset) - _f1(rows_of[name], dataset) for name in ("umgf", "umgf-rerun")
        }
        yield (
            f"R-GCN is printed ahead of UMGF by {ahead['umgf']:.2f}, of its own re-run of UMGF by "
            f"{ahead['umgf-rerun']:.2f} points ({dataset})."
        )
    printed = [
        (row.id, dataset, _value(row, dataset, "P"), _value(row, dataset, "R"), _f1(row, dataset))
        for table in paper.tables[:2]
        for row in table.rows
        if row.system.startswith("rgcn")
        for dataset in DATASETS
    ]
    found = trend(audit_rows(dict.fromkeys(printed)))
    yield from wrapped(
        f"Printed P, R and F1 of the R-GCN rows: F1 lies below 2PR/(P + R) in {found.negative} of {found.rows} "
        f"and above it in {found.positive}, on average by {found.mean_gap:+.3f} (sign test p "
        f"{found.p_value:.1g}). That is evidence for means over batches or seeds, and none for subwords. Subword "
        "tags X are assumed to be predicted without an error here."
    )


def _f1(row: Any, dataset: str) -> float:
    return _value(row, dataset, "F1")


def _value(row: Any, dataset: str, metric: str) -> float:
    return float(row.figure(dataset, metric).value)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):+.2f} to {max(values):+.2f}"


def _two_seeds(kept: Mapping[str, ScoreResults]) -> Lines:
    generator = np.random.default_rng(20)
    shares = ", ".join(
        f"{100 * coverage_of_narrowest(runs, 0.25, generator):.0f} % with {runs} runs" for runs in (2, 3, 5)
    )
    yield from wrapped(
        f"Of 95 % t intervals the narrowest quarter holds the truth in {shares}: an interval that is narrow by "
        "chance says too much, so nothing is excluded from two seeds alone."
    )
    yield ""
    rows = [
        ("profile", "data set", "R-GCN's difference", "mean", "95 % interval", "pooled s.d.", "degrees", "cells")
    ]
    for profile in ("quick", "full"):
        cells = kept[profile].finished_cells
        for dataset in DATASETS:
            for view in ("none", "shuffled", "neighbours"):
                held = cells.get((dataset, "rgcn"))
                own = None if held is None else held.image_sensitivity.get(view)
                pool = [
                    found.values
                    for other in POOLED
                    for (where, _), cell in kept[other].finished_cells.items()
                    if where == dataset and (found := cell.image_sensitivity.get(view))
                ]
                if own:
                    one = pooled_interval(own.values, pool)
                    interval = f"[{one.low:+.2f}, {one.high:+.2f}]"
                    spread = (f"{one.deviation:.2f}", str(one.freedom), str(one.cells))
                    rows.append((profile, dataset, f"own − {view}", f"{one.mean:+.2f}", interval, *spread))
    yield from aligned(rows, header=True)
    yield ""
    yield from wrapped(
        f"The s.d. of one run is pooled over all cells of the data set in {', '.join(POOLED)} that were "
        "predicted so, which takes them to scatter alike; the test set is taken as fixed."
    )


def _under_one_scorer(kept: Mapping[str, KeptProfile], paper: Paper, margin: float, alpha: float) -> Lines:
    rows = [("profile", "data set", "system", "printed row", "scored by", "ours − printed", "", "verdict")]
    for profile in ("quick", "full"):
        one = kept[profile]
        for (dataset, system), cell in one.scores.finished_cells.items():
            for _, row in paper.rows_for(dataset, system):
                verdict = judge(cell, row, paper, margin, alpha, one.rescored.runs_of(dataset, system))
                if verdict is None or verdict.ours is None or verdict.difference is None:
                    continue
                printed = _f1(row, dataset)
                sides = f"{printed + verdict.difference:.2f} − {printed:.2f}"
                place = (profile, dataset, system, row.label + row.mark)
                rows.append((*place, verdict.rule, sides, f"= {verdict.difference:+.2f}", verdict.name))
    yield from aligned(rows, header=True)


def _parts(kept: Mapping[str, KeptProfile], paper: Paper) -> Lines:
    metrics = ("P", "R", "F1", *TYPES)
    rows = [("profile", "data set", "row", "scored by", "", *metrics)]
    row = next(row for row in paper.tables[0].rows if row.id == "rgcn")
    for profile in ("quick", "full"):
        one = kept[profile]
        for dataset in DATASETS:
            cell, used = one.scores.finished_cells.get((dataset, "rgcn")), row.used[dataset]
            if cell is None:
                continue
            runs = one.rescored.runs_of(dataset, "rgcn")
            scorer, copy = (
                scorer_of(used.scorer, dataset, paper) or "conlleval",
                as_printed(cell, runs, used, paper).version,
            )
            entries = (run.scores(copy, OWN, scorer) for run in runs)
            found = [entry for entry in entries if entry is not None and entry.f1 is not None]
            ours = [float(np.mean([_metric(entry, metric) for entry in found])) for metric in metrics]
            place = (profile, dataset, row.label, f"{scorer} on {copy}")
            rows.append((*place, "ours", *(f"{value:.2f}" for value in ours)))
            rows.append(
                ("", "", "", "", "printed", *(f"{_value(row, dataset, metric):.2f}" for metric in metrics))
            )
    yield from aligned(rows, header=True)


def _metric(entry: Rescored, metric: str) -> float:
    found = entry.metric(metric)
    if found is None:
        raise ValueError(f"{metric} is not defined for a kept run")
    return found


def _lists(root: Path) -> Lines:
    for dataset in DATASETS:
        retrieval = read_json(root / "data" / dataset / "side" / "retrieval.json")
        entries = [entry for split in SPLITS for entry in retrieval[split]]
        lists = [
            entry and list(zip(entry["inter_images"], entry["inter_scores"], strict=True)) for entry in entries
        ]
        found = equal_lists(lists)
        sizes = ", ".join(f"{count} of {size}" for size, count in sorted(found.sizes_of_far.items()))
        groups = len(found.near) + len(found.far)
        yield (
            f"{dataset}: {groups} groups of equal lists, {len(found.near)} within 200 file positions, "
            f"{len(found.far)} not ({sizes or 'none'})."
        )
