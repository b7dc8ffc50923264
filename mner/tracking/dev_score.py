"""The one metric that training knows: F1 on the development split, which selects the epoch."""

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
