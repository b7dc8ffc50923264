"""Run one extractor over the pictures of a data set, or of any folder.

What it finds goes to ``extracted/<name>``, beside the pipeline: ``dvc repro`` writes features/, by features.kinds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli.argument_types import PICTURES
from mner.config.schema import PICTURE_KINDS

GROUP, EXAMPLE = "data", "mner extract pictures objects"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="DATASET_OR_FOLDER", help=PICTURES)
    parser.add_argument("kind", choices=PICTURE_KINDS)
    parser.add_argument("--to", type=Path, help="folder for the result (default: extracted/<name>)")


def run(options: argparse.Namespace) -> None:
    from mner.base.hardware import device_of
    from mner.cli import settings
    from mner.cli.named_pictures import pictures_named
    from mner.config import ConfigError, Places
    from mner.features.feature_building import extract_kind

    config, places = settings(), Places.from_environment()
    if options.kind not in config.features.extractors:
        raise ConfigError(
            f"nothing makes {options.kind!r}; name its extractor in features.extractors (params.yaml)"
        )
    named = pictures_named(options.what, config, places)
    folder = options.to or Path("extracted") / named.name
    made_by = config.features.extractors[options.kind]
    work = folder / ".work" / options.kind
    show(extract_kind(options.kind, made_by, named.pictures, folder, work, device_of(), places).render())
