"""Recompute what the documentation claims of the committed results, from their tags, scores and lists."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings
from mner.escaping import show


def run(options: argparse.Namespace) -> None:
    from mner.data.pieces import WordPieces
    from mner.evaluation.requirements import requirements
    from mner.models.encoders import tokenizer_of
    from mner.paper import load_paper
    from mner.reporting.claims import claims

    config = settings()
    paper = load_paper(Path("reports/paper.yaml")).requiring(requirements(config.systems))
    counter = WordPieces(tokenizer_of(config.encoders["minilm"])).count
    verify = config.verify
    show(claims(paper, counter, margin=verify.margin, alpha=verify.alpha), end="")
