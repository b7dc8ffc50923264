"""Train the missing runs of one cell: ``python -m stages.train twitter2017 rgcn``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

# cuBLAS is deterministic only with a fixed workspace, which it reads when it starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch

from mner import config
from mner.tracking.mlflow import Tracker
from mner.training.cell import Cell
from mner.training.runs import train_cell


def main(command_line: Sequence[str] | None = None) -> None:
    """Train below the current folder, on the GPU if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("system")
    parser.add_argument("--seed", type=int, action="append", help="only this seed of the profile; may be repeated")
    arguments = parser.parse_args(command_line)
    torch.use_deterministic_algorithms(True)
    settings = config.load(Path("params.yaml"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_cell(
        Cell(settings, arguments.dataset, arguments.system, Path()),
        device,
        f"dvc repro train@{arguments.dataset}-{arguments.system}",
        lambda line: print(line, flush=True),
        Tracker(settings.active.name),
        arguments.seed,
    )


if __name__ == "__main__":
    main()
