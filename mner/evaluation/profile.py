"""Everything the score stage says of a profile: a pure function of runs, gold, side files and a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mner.data.corpus import read_sentences
from mner.evaluation.comparisons import profile_statistics
from mner.evaluation.error_tables import profile_errors
from mner.evaluation.inputs import input_notes
from mner.evaluation.rescoring import Pieces, numbers_of_pieces, rescore, rgcn_rows
from mner.evaluation.scoring import gold_reader, score_profile
from mner.evaluation.tagged import read_tagged

RESAMPLING_SEED = 20


def evaluate(
    root: Path,
    profile: str,
    datasets: Sequence[str],
    systems: Sequence[str],
    seeds: Sequence[int],
    pieces: Callable[[], Pieces],
    data: Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Content of ``results/<profile>/<name>.json`` by name: scores, lenses, statistics, errors, audit.

    ``root`` holds runs/, and data/ unless ``data`` says where it is; ``pieces`` is called only if a finished run
    needs word pieces.

    Raises:
        ScoringError: see :func:`mner.evaluation.scoring.score_profile`.
    """
    data = data or root / "data"
    gold_of = gold_reader(data)
    scores = score_profile(root / "runs", gold_of, profile, datasets, systems, seeds)
    tagged = read_tagged(scores, root, gold_of)
    found = sorted({run.dataset for run in tagged.runs})
    training = {dataset: read_sentences(data / dataset / "corpus" / "train.jsonl") for dataset in found}
    copies = {dataset: rgcn_rows(data, dataset) for dataset in found}
    splitter = pieces() if tagged.runs else Pieces("", None, "nothing was run")
    counted = numbers_of_pieces(tagged, splitter)
    return {
        "scores": scores,
        "lenses": rescore(tagged, splitter, copies),
        "statistics": profile_statistics(tagged, lambda: np.random.default_rng(RESAMPLING_SEED)),
        "errors": profile_errors(tagged, training),
        "audit": input_notes(scores, data, tagged.sentences, counted, splitter.encoder),
    }
