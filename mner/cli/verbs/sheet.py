"""Show pictures with all that extractors found in them: a contact sheet as one HTML page.

Of a folder it shows what `mner extract FOLDER KIND` wrote, of a data set what `dvc repro` wrote to features/. The
page holds thumbnails of the pictures: it is for looking at, not for giving away.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli.argument_types import PICTURES, positive

GROUP, EXAMPLE = "data", "mner sheet pictures"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="DATASET_OR_FOLDER", help=PICTURES)
    parser.add_argument("--found", type=Path, help="results (default: features/<data set>, extracted/<folder>)")
    parser.add_argument("--to", type=Path, help="the page (default: extracted/<name>/sheet.html)")
    parser.add_argument("--captions", type=Path, metavar="FILE.json", help='more captions: {"<image id>": "text"}')
    parser.add_argument("--count", type=positive, default=60, help="pictures at most, evenly spaced (default: 60)")


def run(options: argparse.Namespace) -> None:
    from mner.base.files import write_text_atomically
    from mner.base.shipped_files import shipped
    from mner.cli import settings
    from mner.cli.named_pictures import pictures_named
    from mner.config import Places
    from mner.features.found_files import read_kinds
    from mner.features.visual_inputs import EXTRACTED, side_of
    from mner.reporting.contact_sheet import read_captions, render_sheet

    config = settings()
    captions = {options.captions.name: read_captions(options.captions)} if options.captions else {}
    named = pictures_named(options.what, config, Places.from_environment())
    name = named.name
    if named.is_dataset and config.data.captions[name] != EXTRACTED:
        captions[config.data.captions[name]] = dict(side_of(config, name, Path()).captions)
    found = options.found or Path("features" if named.is_dataset else "extracted") / name
    kinds = read_kinds(found, named.pictures)
    page = render_sheet(name, named.pictures, kinds, captions, shipped("templates"), count=options.count)
    to = options.to or Path("extracted") / name / "sheet.html"
    write_text_atomically(to, page)
    masked = len({image for kind in kinds for image in kind.refused})
    show(f"{', '.join(kind.kind for kind in kinds)}; {masked:,} pictures masked")
    show(f"{to}  {len(page.encode()) / 2**20:.1f} MiB")
