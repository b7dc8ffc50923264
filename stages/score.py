"""Score stage: ``python -m stages.score <profile>`` writes ``results/<profile>/*.json``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mner.config import load
from mner.data.pieces import WordPieces
from mner.evaluation.profile import evaluate
from mner.evaluation.rescoring import Pieces
from mner.files import write_json_atomically
from mner.models.encoders import EncoderError, EncoderSource
from mner.tracking.mlflow import log_scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Score every run of the profile below the current folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="name of the active profile")
    name = parser.parse_args(arguments).profile
    config = load(Path("params.yaml"))
    active = config.active
    if active.name != name:
        parser.error(f"params.yaml makes {active.name!r} active, not {name!r}; type: mner profile {name}")
    encoder = config.encoders[active.encoder]
    results = evaluate(Path(), name, active.datasets, active.systems, active.seeds, lambda: word_pieces(encoder))
    for kind, content in results.items():
        write_json_atomically(Path("results") / name / f"{kind}.json", content)
    if Path("mlflow.db").is_file():
        log_scores(results["scores"], name)


def word_pieces(encoder: EncoderSource) -> Pieces:
    """The encoder's splitter for lenses that score pieces; without it those lenses state the reason."""
    try:
        return Pieces(encoder.name, WordPieces(encoder.tokenizer()).count)
    except EncoderError as error:
        return Pieces(encoder.name, None, str(error))


if __name__ == "__main__":
    main()
