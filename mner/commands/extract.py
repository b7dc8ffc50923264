"""Run one extractor over the pictures of a data set, or of any folder.

What it finds goes to ``extracted/<name>``, beside the pipeline: ``dvc repro`` writes features/, by features.kinds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.features.extractor import KINDS


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="DATASET_OR_FOLDER", help="a data set of params.yaml, or a folder")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--to", type=Path, help="folder for the result (default: extracted/<name>)")


def run(options: argparse.Namespace) -> None:
    import torch

    from mner.commands import settings
    from mner.config import ConfigError, Places
    from mner.features.build import dataset_pictures, extract_kind
    from mner.features.pictures import pictures_of_folder

    config, places = settings(), Places.from_environment()
    if options.kind not in config.features.extractors:
        raise ConfigError(
            f"nothing makes {options.kind!r}; name its extractor in features.extractors (params.yaml)"
        )
    is_dataset = options.what in config.data.captions
    name = options.what if is_dataset else Path(options.what).resolve().name
    folder = options.to or Path("extracted") / name
    if is_dataset:
        pictures = dataset_pictures(config, options.what, Path(), places)
    else:
        pictures = pictures_of_folder(Path(options.what))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    made_by = config.features.extractors[options.kind]
    work = folder / ".work" / options.kind
    print(extract_kind(options.kind, made_by, pictures, folder, work, device, places).render())
