"""The numbers behind what the documentation claims of committed results; pure functions over tags and scores."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mner.data.tag_codes import EncodedTags
from mner.evaluation.distributions import t_isf
from mner.evaluation.scorers import conlleval, rgcn
from mner.evaluation.subword_scores import SubwordsPerWord, lift_to_subwords, score_subword_batches

BATCH = 64
"""Sentences of a batch in R-GCN's test script."""
NEAR = 200
"""File positions within which equal lists stand close together."""


@dataclass(frozen=True, slots=True)
class ScorerGain:
    """What R-GCN's scorer adds to the conlleval F1 of one run, in points, split into its three departures.

    ``subwords``: entities are cut where a word has several subwords, counted over the whole test split.
    ``left_out``: the last, partial batch is dropped. ``averaging``: F1 values of batches of 64 are averaged.
    """

    dataset: str
    system: str
    profile: str
    f1: float
    subwords: float
    left_out: float
    averaging: float

    @property
    def whole(self) -> float:
        """All together."""
        return self.subwords + self.left_out + self.averaging


def scorer_gain(
    place: tuple[str, str, str], gold: EncodedTags, predicted: EncodedTags, pieces: SubwordsPerWord
) -> ScorerGain:
    """The gain of one run; ``place`` is data set, system and profile.

    Continuation subwords are taken to be tagged X without an error, as no run here predicts them.
    """
    standard = 100 * conlleval(gold, predicted).f1
    lifted_gold, lifted = (lift_to_subwords(tags, pieces) for tags in (gold, predicted))
    sentences = len(gold.lengths)
    full = sentences - sentences % BATCH
    # All sentences as one batch: pooled counts of subword spans.
    pooled, of_full = (
        100 * score_subword_batches(lifted_gold, lifted, batch=size).mean().f1 for size in (sentences, full)
    )
    averaged = 100 * rgcn(gold, predicted, pieces, batch=BATCH).f1
    return ScorerGain(*place, standard, pooled - standard, of_full - pooled, averaged - of_full)


def rank_correlation(gains: Sequence[ScorerGain]) -> float:
    """Spearman's correlation of F1 with the whole gain: below 0 where it shrinks as F1 rises."""
    from scipy.stats import spearmanr  # a second to import

    found = spearmanr([gain.f1 for gain in gains], [gain.whole for gain in gains])
    return float(found.statistic)


@dataclass(frozen=True, slots=True)
class PooledInterval:
    """A mean over runs with an interval from a seed variance that several cells share, test set fixed.

    ``deviation`` is the pooled s.d. of one run, ``freedom`` its degrees, ``cells`` how many gave it.
    """

    mean: float
    low: float
    high: float
    deviation: float
    freedom: int
    cells: int


def pooled_interval(
    values: Sequence[float], cells: Iterable[Sequence[float]], level: float = 0.95
) -> PooledInterval:
    """Interval of a mean over runs, with the s.d. pooled over ``cells`` (each the values of its runs).

    Assumes that runs of all these cells scatter alike. Cells of one run have no degree and are left out.

    Raises:
        ValueError: no cell has two runs.
    """
    held = [cell for cell in cells if len(cell) > 1]
    freedom = sum(len(cell) - 1 for cell in held)
    if not freedom:
        raise ValueError("pooled_interval: no cell has two runs, so nothing tells how runs scatter")
    squares = sum((len(cell) - 1) * statistics.variance(cell) for cell in held)
    deviation = math.sqrt(squares / freedom)
    mean = statistics.fmean(values)
    half = float(t_isf((1 - level) / 2, freedom)) * deviation / math.sqrt(len(values))
    return PooledInterval(mean, mean - half, mean + half, deviation, freedom, len(held))


def coverage_of_narrowest(
    runs: int, share: float, generator: np.random.Generator, trials: int = 200_000, level: float = 0.95
) -> float:
    """How often the narrowest ``share`` of t intervals of a mean of ``runs`` normal values hold the truth."""
    drawn = generator.normal(size=(trials, runs))
    errors = drawn.std(axis=1, ddof=1) / math.sqrt(runs)
    held = np.abs(drawn.mean(axis=1)) <= t_isf((1 - level) / 2, runs - 1) * errors
    return float(held[errors <= np.quantile(errors, share)].mean())


@dataclass(frozen=True, slots=True)
class EqualLists:
    """Groups of positions whose published lists are equal, by how far apart in the file their members stand."""

    near: tuple[tuple[int, ...], ...]
    far: tuple[tuple[int, ...], ...]

    @property
    def sizes_of_far(self) -> Mapping[int, int]:
        """How many of the far groups have how many members."""
        sizes: dict[int, int] = defaultdict(int)
        for group in self.far:
            sizes[len(group)] += 1
        return dict(sizes)


def equal_lists(lists: Sequence[Any | None], within: int = NEAR) -> EqualLists:
    """Group equal text-to-image lists; a group is near if all of it stands within ``within`` positions.

    ``lists`` hold the list of every sentence of the file, one split after the other, None where there is none;
    positions are counted in it.
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    for position, entry in enumerate(lists):
        if entry is not None:
            groups[tuple((str(image), float(score)) for image, score in entry)].append(position)
    found = [tuple(group) for group in groups.values() if len(group) > 1]
    near = [group for group in found if group[-1] - group[0] <= within]
    return EqualLists(tuple(near), tuple(group for group in found if group not in near))
