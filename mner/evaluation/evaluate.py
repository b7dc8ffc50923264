"""Everything the score stage says of a profile: a pure function of runs, gold, side files and a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mner.data.corpus import read_sentences
from mner.evaluation.comparisons import profile_statistics
from mner.evaluation.copies import other_copies
from mner.evaluation.error_tables import profile_errors
from mner.evaluation.inputs import input_notes
from mner.evaluation.rescoring import Pieces, numbers_of_pieces, rescore
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
    uncased: Callable[[], Pieces] | None = None,
    further: Sequence[Callable[[], Pieces]] = (),
) -> dict[str, dict[str, Any]]:
    """Content of ``results/<profile>/<name>.json`` by name: scores, lenses, statistics, errors, audit.

    ``root`` holds runs/, and data/ unless ``data`` says where it is. ``pieces`` are those of the profile's
    encoder, for what it cuts off, ``uncased`` those of BERT's uncased splitter, on which R-GCN's lens is defined
    (None: ``pieces`` are these), ``further`` those of encoders that single rows have; all are called only if a run
    is finished.

    Raises:
        ScoringError: see :func:`mner.evaluation.scoring.score_profile`.
    """
    data = data or root / "data"
    gold_of = gold_reader(data)
    scores = score_profile(root / "runs", gold_of, profile, datasets, systems, seeds)
    tagged = read_tagged(scores, root, gold_of)
    found = sorted({run.dataset for run in tagged.runs})
    training = {dataset: read_sentences(data / dataset / "corpus" / "train.jsonl") for dataset in found}
    copies = {dataset: other_copies(data, dataset) for dataset in found}
    splitter = pieces() if tagged.runs else Pieces("", None, "nothing was run")
    counted = numbers_of_pieces(tagged, splitter)
    of_lens = uncased() if tagged.runs and uncased is not None else splitter
    lens_counted = counted if of_lens is splitter else numbers_of_pieces(tagged, of_lens)
    by_encoder = {splitter.encoder: counted}
    for other in (make() for make in further if tagged.runs):
        by_encoder[other.encoder] = numbers_of_pieces(tagged, other)
    return {
        "scores": scores,
        "lenses": rescore(tagged, of_lens, lens_counted, copies),
        "statistics": profile_statistics(tagged, lambda: np.random.default_rng(RESAMPLING_SEED)),
        "errors": profile_errors(tagged, training),
        "audit": input_notes(scores, data, tagged.sentences, by_encoder),
    }
