"""Score every run of the active profile, or the runs that were kept as its reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from mner.base.files import write_all_atomically
from mner.config import Config
from mner.config.schema import EncoderSource
from mner.evaluation.evaluate import Evaluation, evaluate
from mner.evaluation.kept_check import accept, check_against_reference
from mner.evaluation.kept_results import RESULTS, NoResultsError, kept_of, restore
from mner.evaluation.paper import Paper
from mner.evaluation.printed_gaps import printed_gaps
from mner.evaluation.rescoring import SubwordCounter
from mner.evaluation.result_files import FILES, as_json, results_bytes
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.subword_counts import subword_counter
from mner.models.encoder_places import EncoderError
from mner.tracking.mlflow_rebuild import log_scores
from mner.tracking.mlflow_tracker import has_store

UNCASED = ("minilm", "bert-base-uncased")
"""Encoders of params.yaml that split words as BERT's uncased vocabulary does, the installed one first."""


def score_runs(config: Config, paper: Paper | None = None) -> str:
    """Score every run below ``runs/``, write ``results/<profile>/`` and log the scores where runs are tracked.

    Args:
        config: Settings with the profile active.
        paper: The printed tables, for the tracker; None leaves them out.

    Returns:
        One line that says what was scored.
    """
    name = config.active.name
    kept = kept_of(ScoreResults, name)
    results = scores_below(config, Path(), None if kept is None else kept.inputs)
    _write(results, name)
    if has_store():
        scores, rescored = results.scores, results.rescored
        printed = {} if paper is None else printed_gaps(scores, rescored, paper, config.verify)
        log_scores(as_json(scores), name, printed=printed)
    return f"{len(results.scores.runs)} runs scored"


def score_reference(config: Config, accepted: bool = False) -> str:
    """Score the kept runs and compare the numbers with the committed ones.

    Args:
        config: Settings with the profile active.
        accepted: Write the numbers in place of the committed ones instead.

    Returns:
        One line that says what was found or written.

    Raises:
        NoResultsError: Nothing was kept, no gold is available, or a number differs. ``results/`` is as it was.
    """
    name = config.active.name
    reference = kept_of(ScoreResults, name)
    if reference is None:
        raise NoResultsError(f"no results of {name} were kept; run `dvc repro`, then `mner keep`")
    for dataset in config.active.datasets:
        if not (Path("data") / dataset / "gold" / "test.jsonl").is_file():
            raise NoResultsError(f"data/{dataset} is missing; run `dvc repro data@{dataset}`")
    with TemporaryDirectory(prefix="mner-reference-") as folder:
        restore(name, Path(folder))
        results = scores_below(config, Path(folder), None if accepted else reference.inputs)
    message = accept(results, name) if accepted else check_against_reference(results, name)
    _write(results, name)
    return message


def scores_below(config: Config, root: Path, pinned: Mapping[str, str] | None = None) -> Evaluation:
    """Score the runs below ``root/runs`` with the gold of ``data/``.

    Args:
        config: Settings with the profile active.
        root: The folder that holds ``runs/``.
        pinned: Hashes of files that committed scores were made with; others are refused.

    Returns:
        All results.
    """
    active = config.active
    profile = active.name, active.datasets, active.systems, active.seeds
    encoders = dict.fromkeys([active.encoder, *(active.encoder_of(system) for system in active.systems)])
    own, *further = (partial(subwords_of, config.encoders[name]) for name in encoders)
    uncased = None if active.encoder in UNCASED else lambda: uncased_subwords(config)
    return evaluate(root, *profile, own, data=Path("data"), uncased=uncased, further=further, pinned=pinned or {})


def subwords_of(encoder: EncoderSource) -> SubwordCounter:
    """Give the encoder's subword counter, or the reason why scorers of subwords go without it."""
    try:
        return SubwordCounter(encoder.name, subword_counter(encoder))
    except EncoderError as error:
        return SubwordCounter(encoder.name, None, str(error))


def uncased_subwords(config: Config) -> SubwordCounter:
    """Give BERT's uncased subword counter from the first available encoder that has it."""
    reasons = []
    for name in UNCASED:
        if name in config.encoders:
            found = subwords_of(config.encoders[name])
            if found.count is not None:
                return found
            reasons.append(found.reason)
    reason = "; ".join(reasons) or f"params.yaml has none of {', '.join(UNCASED)}"
    return SubwordCounter("BERT, uncased", None, reason)


def _write(results: Evaluation, profile: str) -> None:
    folder = RESULTS / profile
    contents = (getattr(results, field.name) for field in fields(results))
    write_all_atomically({folder / FILES[type(content)]: results_bytes(content) for content in contents})
