"""The metric that training knows: F1 on the development split, which selects the epoch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from mner.base.seqeval_metrics import seqeval_metrics


def dev_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Compute micro-averaged F1 by conlleval's rule (Tjong Kim Sang and De Meulder 2003) with seqeval.

    Apart from the scorers, so that work on those does not change what a run is.

    Args:
        gold: the tags of each sentence.
        predicted: as many tags for each sentence.

    Returns:
        F1 in percent; 0 where nothing is found, or nothing is to be found.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = seqeval_metrics().f1_score(
            [list(tags) for tags in gold], [list(tags) for tags in predicted], zero_division=0
        )
    return 100.0 * float(found)


def mean_dev_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], batch: int | None) -> float:
    """Compute the mean of :func:`dev_f1` over batches, as R-GCN's program selects by 16 sentences each.

    Args:
        gold: the tags of each sentence.
        predicted: as many tags for each sentence.
        batch: sentences a batch, in their order; the last ones that make no whole batch are left out. None, or
            more than there are, takes all at once.

    Returns:
        F1 in percent.
    """
    if batch is None or batch > len(gold):
        return dev_f1(gold, predicted)
    starts = range(0, len(gold) - batch + 1, batch)
    return float(np.mean([dev_f1(gold[at : at + batch], predicted[at : at + batch]) for at in starts]))
