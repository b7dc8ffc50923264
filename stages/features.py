"""Build one data set's visual inputs: ``python -m stages.features twitter2017``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner import config
from mner.base.exits import end_with
from mner.base.files import exclusive
from mner.base.hardware import device_of
from mner.features.feature_building import build_features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args().dataset
    with exclusive(Path(".locks") / f"features-{dataset}.lock"):
        settings, places = config.load(Path("params.yaml")), config.Places.from_environment()
        for said in build_features(settings, dataset, Path(), device_of(), places):
            print(said)


if __name__ == "__main__":
    end_with("stages.features", main)
