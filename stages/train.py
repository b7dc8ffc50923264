"""Train the missing runs of one cell: ``python -m stages.train twitter2017 rgcn``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mner.base.exits import end_with
from mner.config import load
from mner.sweeping.cell_training import train_one_cell


def main(arguments: Sequence[str] | None = None) -> int:
    """Train below the current folder, on the GPU if there is one; 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("system")
    parser.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")
    options = parser.parse_args(arguments)
    settings, say = load(Path("params.yaml")), partial(print, flush=True)
    return train_one_cell(settings, Path(), options.dataset, options.system, options.seed or (), say)


if __name__ == "__main__":
    end_with("stages.train", main)
