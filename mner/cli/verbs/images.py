"""Download the pictures of a data set from their published sources."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.config.names import require_dataset

GROUP, EXAMPLE = "data", "mner images twitter2015 --to pictures --method github"
MOST_NAMED = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--method", choices=("github", "google-drive"), required=True)


def run(options: argparse.Namespace) -> None:
    from mner.data.corpus import SPLITS, read_corpus
    from mner.data.image_sources import obtain_images

    require_dataset(options.dataset, settings())
    corpus = read_corpus(Path("data") / options.dataset / "corpus", options.dataset)
    wanted = sorted({sentence.image for split in SPLITS for sentence in corpus.split(split)})
    got = obtain_images(options.dataset, options.to, method=options.method, wanted=wanted)
    show(f"{got.downloaded} downloaded, {got.present} were there, {len(got.failed)} failed")
    for image, reason in sorted(got.failed.items())[:MOST_NAMED]:
        show(f"  {image}: {reason}")
    folder = shlex.quote(str(got.folder))
    show(f"now run: export MNER_IMAGES={folder}; dvc repro -f -s data@{options.dataset}; dvc repro")
