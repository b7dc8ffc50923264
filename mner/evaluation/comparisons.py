"""Paired comparisons of systems, and image sensitivity of each.

F1 is in percent and differences are in F1 points in what is returned. Where a statistic cannot be had its place
holds ``{"state": why}``.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from mner.data.corpus import PROBES
from mner.evaluation.power import (
    FEWEST_RUNS,
    POWER,
    SmallTestSetError,
    Spread,
    detectable_difference,
    probability_of_superiority,
    runs_needed,
)
from mner.evaluation.significance import Comparison, Side, compare_sides, comparison_of, holm
from mner.evaluation.statistics import (
    DRAWS,
    LEVEL,
    RunCounts,
    StatisticsError,
    draw_sentences,
    hierarchical_bootstrap,
    influence,
    interaction_noise,
    resampled_f1,
    run_f1,
    seed_spread,
    sentence_bootstrap,
)
from mner.evaluation.tagged import Tagged, TaggedRun


def image_reliance(
    own: RunCounts, other: RunCounts, generator: np.random.Generator, draws: int = DRAWS, level: float = LEVEL
) -> Comparison:
    """F1 with the own picture minus F1 with none or another's: row i of both is the same run, paired twice.

    Resampled: test sentences, the same draw for both views of all runs. Seeds enter through the spread of the
    runs' differences, so what a seed does to both views alike cancels. The interval is a t interval on both
    variances added up (noise of single runs on single sentences counted once); with one run it is a normal one
    and speaks of the sample alone.

    Raises:
        StatisticsError: the two views do not have the same runs and sentences.
    """
    if own.shape != other.shape:
        raise StatisticsError(f"views of shape {own.shape[:2]} and {other.shape[:2]}: not the same runs")
    weights = draw_sentences(own.shape[1], generator, draws)
    drawn = (resampled_f1(own, weights) - resampled_f1(other, weights)).mean(axis=1)
    differences = run_f1(own) - run_f1(other)
    difference, sample = float(differences.mean()), float(drawn.std(ddof=1))
    if len(own) == 1:
        return comparison_of(difference, [], sample, 0.0, own.shape[1], level)
    noise = interaction_noise(influence(own) - influence(other))
    seeds = [(float(differences.var(ddof=1)) / len(own), len(own) - 1)]
    return comparison_of(difference, seeds, sample, noise, own.shape[1], level)


_FRACTIONS = (
    *("estimate", "standard_deviation", "low", "high", "difference"),
    *("seeds_deviation", "sample_deviation", "lasting_deviation"),
)
MakeGenerator = Callable[[], np.random.Generator]


def profile_statistics(tagged: Tagged, generator: MakeGenerator) -> dict[str, Any]:
    """Content of ``results/<profile>/statistics.json``.

    ``generator`` makes a fresh, equally seeded generator for each statistic, so that none depends on what else is
    in the profile.
    """
    return {
        "format": 2,
        "profile": tagged.profile,
        "draws": DRAWS,
        "level": LEVEL,
        "power": POWER,
        "datasets": {dataset: _dataset(tagged, dataset, generator) for dataset in tagged.datasets},
    }


def _dataset(tagged: Tagged, dataset: str, generator: MakeGenerator) -> dict[str, Any]:
    cells = [(system, runs, tagged.counts(runs)) for system, runs in tagged.cells(dataset)]
    sides = [(system, runs, Side.of(counts, generator())) for system, runs, counts in cells]
    compared = [_pair(a, b, generator) for a, b in combinations(sides, 2)]
    tested = {f"{row['a']} {row['b']}": row["p_value"] for row in compared if "p_value" in row}
    adjusted = holm(tested)
    for row in compared:
        row["holm"] = adjusted.get(f"{row['a']} {row['b']}")
    reliance = [_reliance(tagged, system, runs, generator) for system, runs, _ in cells]
    _adjust_reliance(reliance)
    return {
        "cells": [_uncertainty(system, runs, counts, generator) for system, runs, counts in cells],
        "comparisons": compared,
        "reliance": [row for row in reliance if row["views"]],
    }


def _uncertainty(
    system: str, runs: Sequence[TaggedRun], counts: RunCounts, generator: MakeGenerator
) -> dict[str, Any]:
    """± of a cell by source: seeds (test set fixed), sample (runs fixed), and both."""
    return {
        "system": system,
        "records": [run.record for run in runs],
        "seeds": _try(lambda: _percent(asdict(seed_spread(run_f1(counts).tolist())))),
        "sample": _percent(asdict(sentence_bootstrap(counts, generator()))),
        "both": _try(lambda: _percent(asdict(hierarchical_bootstrap(counts, generator())))),
    }


def _pair(
    a: tuple[str, Sequence[TaggedRun], Side],
    b: tuple[str, Sequence[TaggedRun], Side],
    generator: MakeGenerator,
) -> dict[str, Any]:
    row: dict[str, Any] = {"a": a[0], "b": b[0], "records": [run.record for run in (*a[1], *b[1])]}
    f1 = [side[2].f1 for side in (a, b)]
    try:
        row |= _percent(asdict(compare_sides(a[2], b[2])))
    except StatisticsError as error:
        return row | {"state": str(error)}
    row["run_superiority"] = asdict(probability_of_superiority(f1[0].tolist(), f1[1].tolist(), generator()))
    sentences, runs = a[2].counts.shape[1], min(map(len, f1))
    row["seeds_needed"] = _try(lambda: _needed(row["difference"], _spread(row, f1, sentences)))
    row["detectable"] = _try(
        lambda: {"points": detectable_difference(runs, _spread(row, f1, sentences)), "runs": runs}
    )
    return row


def _spread(row: Mapping[str, Any], f1: Sequence[np.ndarray], sentences: int) -> Spread:
    """What moves a tested difference, in F1 points.

    Raises:
        StatisticsError: fewer than ``FEWEST_RUNS`` runs on a side.
    """
    if row["lasting_deviation"] is None:
        raise StatisticsError("one run on a side: its spread over seeds is unknown")
    runs = min(map(len, f1))
    if runs < FEWEST_RUNS:
        raise StatisticsError(f"{runs} runs on a side: fewer than {FEWEST_RUNS} do not tell seeds from sentences")
    run = 100 * statistics.fmean(float(side.var(ddof=1)) for side in f1) ** 0.5
    return Spread(run, row["lasting_deviation"], sentences)


def _needed(difference: float, spread: Spread) -> dict[str, Any]:
    """Runs a side that the test would need, were difference and spread as observed; None where none suffice."""
    try:
        return {"runs": runs_needed(difference, spread), "deviation": spread.run}
    except SmallTestSetError as error:
        return {"runs": None, "state": str(error), "deviation": spread.run}


def _reliance(tagged: Tagged, system: str, runs: Sequence[TaggedRun], generator: MakeGenerator) -> dict[str, Any]:
    views = {}
    for view in PROBES:
        having = [run for run in runs if f"test.{view}" in run.tags]
        if having:
            own, other = (tagged.counts(having, name) for name in ("test.own", f"test.{view}"))
            views[view] = {
                "records": [run.record for run in having],
                "values": (100 * run_f1(own) - 100 * run_f1(other)).tolist(),
                **_percent(asdict(image_reliance(own, other, generator()))),
            }
    return {"system": system, "views": views}


def _adjust_reliance(rows: Sequence[Mapping[str, Any]]) -> None:
    """Give every probe of every system its p adjusted for all of them."""
    tested = {f"{row['system']} {view}": found for row in rows for view, found in row["views"].items()}
    for name, adjusted in holm({name: found["p_value"] for name, found in tested.items()}).items():
        tested[name]["holm"] = adjusted


def _percent(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: 100 * value if name in _FRACTIONS and value is not None else value for name, value in values.items()
    }


def _try(statistic: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return statistic()
    except StatisticsError as error:
        return {"state": str(error)}
