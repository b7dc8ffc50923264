"""Image reliance: how much F1 hangs on the tweet's own picture, with its uncertainty by source."""

from __future__ import annotations

import numpy as np

from mner.evaluation.significance import Comparison, comparison_of
from mner.evaluation.statistics import (
    DRAWS,
    LEVEL,
    RunCounts,
    StatisticsError,
    draw_sentences,
    influence,
    interaction_noise,
    resampled_f1,
    run_f1,
)


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
