"""Build one data set's visual inputs: ``python -m stages.features twitter2017``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from mner import config
from mner.data.corpus import CorpusError
from mner.data.download import SourceError
from mner.data.images import ImageError
from mner.features.build import build_features
from mner.features.extractor import ExtractorError
from mner.features.shards import ExtractionError
from mner.features.store import FeatureError
from mner.files import exclusive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args().dataset
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    faults = (
        CorpusError,
        SourceError,
        ImageError,
        ExtractorError,
        ExtractionError,
        FeatureError,
        config.ConfigError,
    )
    try:
        with exclusive(Path(".locks") / f"features-{dataset}.lock"):
            settings, places = config.load(Path("params.yaml")), config.Places.from_environment()
            for said in build_features(settings, dataset, Path(), device, places):
                print(said)
    except faults as error:
        sys.exit(f"stages.features {dataset}: {error}")


if __name__ == "__main__":
    main()
