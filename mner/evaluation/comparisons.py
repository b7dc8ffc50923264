"""Paired comparisons of systems, and image sensitivity of each.

F1 is in percent and differences are in F1 points in what is returned.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any, TypeVar

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
from mner.evaluation.statistics_results import (
    CellUncertainty,
    DatasetStatistics,
    Detectable,
    ImageSensitivity,
    NoneSuffices,
    NotKnown,
    Pair,
    RunsNeeded,
    StatisticsResults,
    TestedPair,
    UntestedPair,
    ViewSensitivity,
)
from mner.evaluation.tagged import Tagged, TaggedRun


def image_sensitivity(
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


_FRACTIONS = frozenset(
    {
        *("estimate", "standard_deviation", "low", "high", "difference"),
        *("seeds_deviation", "sample_deviation", "lasting_deviation"),
    }
)
MakeGenerator = Callable[[], np.random.Generator]
Statistic = TypeVar("Statistic")


def profile_statistics(tagged: Tagged, generator: MakeGenerator) -> StatisticsResults:
    """Compute the content of ``results/<profile>/statistics.json``.

    ``generator`` makes a fresh, equally seeded generator for each statistic, so that none depends on what else is
    in the profile.
    """
    datasets = {dataset: _dataset(tagged, dataset, generator) for dataset in tagged.datasets}
    return StatisticsResults(tagged.profile, DRAWS, LEVEL, POWER, datasets)


@dataclass(frozen=True, slots=True)
class _System:
    """A system with its runs, and what comparisons need of them."""

    name: str
    records: tuple[str, ...]
    side: Side


def _dataset(tagged: Tagged, dataset: str, generator: MakeGenerator) -> DatasetStatistics:
    cells = [(system, runs, tagged.counts(runs)) for system, runs in tagged.cells(dataset)]
    systems = [
        _System(system, tuple(run.record for run in runs), Side.of(counts, generator()))
        for system, runs, counts in cells
    ]
    pairs = [_pair(a, b, generator) for a, b in combinations(systems, 2)]
    sensitivity = [_image_sensitivity(tagged, system, runs, generator) for system, runs, _ in cells]
    return DatasetStatistics(
        tuple(_uncertainty(system, runs, counts, generator) for system, runs, counts in cells),
        _adjusted_pairs(pairs),
        tuple(entry for entry in _adjusted_views(sensitivity) if entry.views),
    )


def _uncertainty(
    system: str, runs: Sequence[TaggedRun], counts: RunCounts, generator: MakeGenerator
) -> CellUncertainty:
    return CellUncertainty(
        system,
        tuple(run.record for run in runs),
        _try(lambda: percent(seed_spread(run_f1(counts).tolist()))),
        percent(sentence_bootstrap(counts, generator())),
        _try(lambda: percent(hierarchical_bootstrap(counts, generator()))),
    )


def _pair(a: _System, b: _System, generator: MakeGenerator) -> Pair:
    records = (*a.records, *b.records)
    try:
        found = percent(compare_sides(a.side, b.side))
    except StatisticsError as error:
        return UntestedPair(a.name, b.name, records, str(error))
    f1 = a.side.f1, b.side.f1
    sentences, runs = a.side.counts.shape[1], min(map(len, f1))
    return TestedPair(
        **_fields(found),
        a=a.name,
        b=b.name,
        records=records,
        holm=found.p_value,  # adjusted where all pairs are known
        run_superiority=probability_of_superiority(f1[0].tolist(), f1[1].tolist(), generator()),
        seeds_needed=_try(lambda: _needed(found.difference, _spread(found, f1, sentences))),
        detectable=_try(lambda: Detectable(detectable_difference(runs, _spread(found, f1, sentences)), runs)),
    )


def _adjusted_pairs(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The same pairs, each with p adjusted for all that were tested."""
    adjusted = holm({f"{one.a} {one.b}": one.p_value for one in pairs if isinstance(one, TestedPair)})
    return tuple(
        replace(one, holm=adjusted[f"{one.a} {one.b}"]) if isinstance(one, TestedPair) else one for one in pairs
    )


def _spread(found: Comparison, f1: Sequence[np.ndarray], sentences: int) -> Spread:
    """What moves a tested difference, in F1 points.

    Raises:
        StatisticsError: fewer than ``FEWEST_RUNS`` runs on a side.
    """
    if found.lasting_deviation is None:
        raise StatisticsError("one run on a side: its spread over seeds is unknown")
    runs = min(map(len, f1))
    if runs < FEWEST_RUNS:
        raise StatisticsError(f"{runs} runs on a side: fewer than {FEWEST_RUNS} do not tell seeds from sentences")
    run = 100 * statistics.fmean(float(side.var(ddof=1)) for side in f1) ** 0.5
    return Spread(run, found.lasting_deviation, sentences)


def _needed(difference: float, spread: Spread) -> RunsNeeded | NoneSuffices:
    """Runs a side that the test would need, were difference and spread as observed."""
    try:
        return RunsNeeded(runs_needed(difference, spread), spread.run)
    except SmallTestSetError as error:
        return NoneSuffices(None, str(error), spread.run)


def _image_sensitivity(
    tagged: Tagged, system: str, runs: Sequence[TaggedRun], generator: MakeGenerator
) -> ImageSensitivity:
    views = {}
    for view in PROBES:
        having = [run for run in runs if f"test.{view}" in run.tags]
        if having:
            own, other = (tagged.counts(having, name) for name in ("test.own", f"test.{view}"))
            views[view] = ViewSensitivity(
                **_fields(percent(image_sensitivity(own, other, generator()))),
                records=tuple(run.record for run in having),
                holm=1.0,  # adjusted where all views are known
                values=tuple((100 * run_f1(own) - 100 * run_f1(other)).tolist()),
            )
    return ImageSensitivity(system, views)


def _adjusted_views(entries: Sequence[ImageSensitivity]) -> list[ImageSensitivity]:
    """The same entries, with p adjusted for all views of all systems."""
    adjusted = holm(
        {f"{one.system} {view}": found.p_value for one in entries for view, found in one.views.items()}
    )
    return [
        ImageSensitivity(
            one.system,
            {view: replace(found, holm=adjusted[f"{one.system} {view}"]) for view, found in one.views.items()},
        )
        for one in entries
    ]


def percent(found: Statistic) -> Statistic:
    """The same statistic with F1 and differences of F1 in percent."""
    fractions = {name: value for name, value in _fields(found).items() if name in _FRACTIONS}
    scaled = {name: None if value is None else 100 * value for name, value in fractions.items()}
    return replace(found, **scaled)  # type: ignore[type-var]


def _fields(found: Any) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _try(statistic: Callable[[], Statistic]) -> Statistic | NotKnown:
    try:
        return statistic()
    except StatisticsError as error:
        return NotKnown(str(error))
