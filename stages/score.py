"""Score stage: ``python -m stages.score <profile>`` writes ``results/<profile>/*.json``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from mner.base.escaping import show
from mner.base.exits import end_with
from mner.base.files import json_bytes, write_all_atomically
from mner.config import Config, load
from mner.config.schema import EncoderSource
from mner.evaluation.evaluate import evaluate
from mner.evaluation.kept_results import (
    RESULTS,
    NoResultsError,
    accept,
    check_against_reference,
    reference_of,
    restore,
)
from mner.evaluation.rescoring import Pieces
from mner.evaluation.subword_counts import subword_counter
from mner.models.encoder_places import EncoderError
from mner.tracking.mlflow_tracker import DATABASE, log_scores

UNCASED = ("bert-base-uncased", "minilm")
"""Encoders of params.yaml that split words as BERT's uncased vocabulary does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Score every run of the profile below the current folder, or the runs that were kept as its reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="name of the active profile")
    parser.add_argument(
        "--from-reference",
        action="store_true",
        help="score what reports/results keeps, without any training",
    )
    parser.add_argument("--accept", action="store_true", help="with --from-reference: write the numbers anew")
    options = parser.parse_args(arguments)
    name = options.profile
    config = load(Path("params.yaml"))
    if config.active.name != name:
        parser.error(f"params.yaml makes {config.active.name!r} active, not {name!r}; type: mner profile {name}")
    if options.accept and not options.from_reference:
        parser.error("--accept goes with --from-reference; `mner keep` keeps the results of runs")
    if options.from_reference:
        score_reference(config, options.accept)
        return
    results = score(config, Path(), (reference_of(name) or {}).get("inputs"))
    write(results, name)
    if DATABASE.is_file():
        log_scores(results["scores"], name)


def score(config: Config, root: Path, pinned: Mapping[str, str] | None = None) -> Mapping[str, dict]:
    """Score the runs below ``root/runs`` with the gold of ``data/``; the content of all files by their names."""
    active = config.active
    profile = active.name, active.datasets, active.systems, active.seeds
    encoders = dict.fromkeys([active.encoder, *(active.encoder_of(system) for system in active.systems)])
    own, *further = (partial(word_pieces, config.encoders[name]) for name in encoders)
    uncased = None if active.encoder in UNCASED else lambda: uncased_pieces(config)
    return evaluate(root, *profile, own, data=Path("data"), uncased=uncased, further=further, pinned=pinned or {})


def write(results: Mapping[str, dict], profile: str) -> None:
    """Write ``results/<profile>/<kind>.json``."""
    folder = RESULTS / profile
    write_all_atomically(
        {folder / f"{kind}.json": json_bytes(content, indent=None) for kind, content in results.items()}
    )


def score_reference(config: Config, take: bool = False) -> None:
    """Score the kept runs of the active profile and hold the numbers to the committed ones, or ``take`` them.

    Raises:
        NoResultsError: nothing was kept, no gold is at hand, or a number differs; ``results/`` is as it was.
    """
    name = config.active.name
    reference = reference_of(name)
    if reference is None:
        raise NoResultsError(f"no results of {name} were kept; run `dvc repro`, then `mner keep`")
    for dataset in config.active.datasets:
        if not (Path("data") / dataset / "gold" / "test.jsonl").is_file():
            raise NoResultsError(f"data/{dataset} is not there to score against; run `dvc repro data@{dataset}`")
    with TemporaryDirectory(prefix="mner-reference-") as folder:
        restore(name, Path(folder))
        results = score(config, Path(folder), None if take else reference.get("inputs"))
    told = accept(results, name) if take else check_against_reference(results, name)
    write(results, name)
    show(told)


def word_pieces(encoder: EncoderSource) -> Pieces:
    """The encoder's splitter for lenses that score pieces; without it those lenses state the reason."""
    try:
        return Pieces(encoder.name, subword_counter(encoder))
    except EncoderError as error:
        return Pieces(encoder.name, None, str(error))


def uncased_pieces(config: Config) -> Pieces:
    """BERT's uncased splitter from the first encoder at hand that has it, for profiles whose own is another."""
    found = [word_pieces(config.encoders[name]) for name in UNCASED if name in config.encoders]
    at_hand = [pieces for pieces in found if pieces.count is not None]
    reason = "; ".join(pieces.reason for pieces in found) or f"params.yaml has none of {', '.join(UNCASED)}"
    return at_hand[0] if at_hand else Pieces("BERT, uncased", None, reason)


if __name__ == "__main__":
    end_with("stages.score", main)
