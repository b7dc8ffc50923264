"""Recompute what the documentation claims of the committed results, from their tags, scores and lists."""

from __future__ import annotations

import argparse

from mner.base.escaping import show
from mner.cli import settings

GROUP, EXAMPLE = "check", "mner claims"


def run(options: argparse.Namespace) -> None:
    from mner.base.shipped_files import shipped
    from mner.data.subwords import WordPieces
    from mner.evaluation.paper_reading import load_paper
    from mner.evaluation.published_recipes import requirements
    from mner.models.encoders import tokenizer_of
    from mner.reporting.claim_texts import claims

    config = settings()
    paper = load_paper(shipped("paper.yaml")).requiring(requirements(config.systems))
    counter = WordPieces(tokenizer_of(config.encoders["minilm"])).count
    verify = config.verify
    show(claims(paper, counter, margin=verify.margin, alpha=verify.alpha), end="")
