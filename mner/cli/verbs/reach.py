"""Show what the picture moves in a trained run's emissions, beside what would move a label.

Reads the run's kept weights: `keep_weights: true` in the recipe of its row or profile.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.config.names import require

GROUP, EXAMPLE = "results", "mner reach twitter2017 rgcn --seed 1"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset")
    parser.add_argument("system")
    parser.add_argument("--seed", type=int, default=1, help="which run of the cell (default: 1)")


def run(options: argparse.Namespace) -> None:
    import torch

    from mner.base.hardware import device_of
    from mner.tagger import sensitivity as reach
    from mner.tagger.trained import load_run
    from mner.training.determinism import make_deterministic
    from mner.training.experiment import Cell

    config = settings()
    require(config, [options.dataset], [options.system])
    cell = Cell(config, options.dataset, options.system, Path())
    torch.set_num_threads(cell.recipe.threads)
    make_deterministic()
    device = device_of()
    one = load_run(cell, options.seed, device)
    found = reach.measure(one.model, one.test_views(), cell.recipe, device)
    best = one.record.best_epoch or 0
    score = one.record.dev_f1[best]
    show(f"{cell.dataset} x {cell.system}, seed {options.seed}, weights of epoch {best + 1} (dev F1 {score:.2f})")
    show(f"test split, {found.sentences:,} sentences; visual input: {one.record.visual_input}\n")
    show(reach.render(found), end="")
