"""Build one data set's relation graphs: ``python -m stages.graphs twitter2017``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner import config
from mner.base.exits import end_with
from mner.base.files import exclusive
from mner.base.hardware import device_of
from mner.graphs.graph_building import build_graphs, opener


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args().dataset
    pictures = opener(Path("data") / dataset / "side", config.Places.from_environment().images)
    with exclusive(Path(".locks") / f"graphs-{dataset}.lock"):
        for path in build_graphs(config.load(Path("params.yaml")), dataset, Path(), device_of(), pictures):
            print(path)


if __name__ == "__main__":
    end_with("stages.graphs", main)
