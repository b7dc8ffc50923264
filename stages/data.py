"""Write one data set's folder: ``python -m stages.data twitter2017``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from mner import config
from mner.base.escaping import show
from mner.base.exits import end_with
from mner.base.files import exclusive
from mner.config.controls_settings import CORPORA
from mner.config.strict import known
from mner.data.controls import planting as controls
from mner.data.download import fetch
from mner.data.own_corpus import prepare_own
from mner.data.prepare import prepare
from mner.data.sources import DATASETS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    dataset = parser.parse_args().dataset
    with exclusive(Path(".locks") / f"data-{dataset}.lock"):
        write(dataset, Path("data") / dataset)


def write(dataset: str, folder: Path) -> None:
    """Generate a control, or prepare a data set of your own or a public one from the environment's places."""
    settings = config.load(Path("params.yaml"))
    known(dataset, (*DATASETS, *CORPORA, *settings.datasets), "data sets")
    if dataset in settings.datasets:
        show("\n".join(prepare_own(dataset, settings.datasets[dataset], folder, Path())))
        return
    if dataset in CORPORA:
        controls.write_controls(dataset, folder, settings.controls)
        return
    (folder / "images").mkdir(parents=True, exist_ok=True)
    places = config.Places.from_environment()
    get = partial(fetch, cache=places.cache, mirrors=places.mirrors, network=places.network)
    arrivals = places.cache / "images" / f"{dataset}.json"
    prepare(dataset, folder, get, images=places.images, arrivals=arrivals)


if __name__ == "__main__":
    end_with("stages.data", main)
