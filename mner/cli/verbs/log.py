"""Read authors' training log: F1 by epoch, of the epoch chosen on dev, and of the best test epoch."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.base.terminal import aligned

GROUP, EXAMPLE = "own", "mner log train.log --printed 87.11"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a log with dev and test F1 of every epoch")
    parser.add_argument("--printed", type=float, help="F1 in percent that a paper prints for this system")


def run(options: argparse.Namespace) -> None:
    from mner.evaluation.author_logs import read_log, verdict_of

    log = read_log(options.file)
    rows = [("epoch", "dev F1", "test F1")]
    rows += [(str(one.epoch), _percent(one.dev), _percent(one.test)) for one in log.epochs]
    show("\n".join(aligned(rows)))
    verdict = verdict_of(log, options.printed if options.printed is not None else 0.0)
    show(f"\nchosen on dev    epoch {verdict.chosen_epoch}, test F1 {verdict.chosen:.2f}")
    if verdict.again is not None:
        show(f"evaluated again  test F1 {verdict.again:.2f}")
    show(f"best test epoch  epoch {verdict.best_epoch}, test F1 {verdict.best:.2f}")
    if options.printed is not None:
        show(f"\n{verdict.says}")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
