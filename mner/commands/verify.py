"""Compare with the paper and with the committed reference; exit code 1 on a regression."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.commands import settings


def run(options: argparse.Namespace) -> int:
    from mner.models.system import load_system
    from mner.reporting.paper import load_paper
    from mner.reporting.reference import reference_of, scores_of
    from mner.reporting.verify import verify

    config = settings()
    name = config.active.name
    paper = load_paper(Path("reports/paper.yaml"))
    absence = {row: load_system(config.systems[row].file).CARD.absence for row in config.active.systems}
    report = verify(scores_of(name), paper, reference_of(name), config, absence)
    print(report.render(), end="")
    return 0 if report.passed else 1
