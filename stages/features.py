"""Build one data set's region features: ``python -m stages.features twitter2017``."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mner import config
from mner.features.build import build_features
from mner.files import exclusive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args().dataset
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with exclusive(Path(".locks") / f"features-{dataset}.lock"):
        print(build_features(config.load(Path("params.yaml")), dataset, Path(), device))


if __name__ == "__main__":
    main()
