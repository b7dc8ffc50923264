"""Report stage: ``python -m stages.report <profile>`` writes ``reports/rendered/`` and the metrics."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mner.base.exits import end_with
from mner.config import load
from mner.config.names import require_active
from mner.reporting.profile_report import report_profile


def main(arguments: Sequence[str] | None = None) -> None:
    """Render the profile's results below the current folder, then the page over all profiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", help="name of the active profile")
    name = parser.parse_args(arguments).profile
    report_profile(require_active(load(Path("params.yaml")), name))


if __name__ == "__main__":
    end_with("stages.report", main)
