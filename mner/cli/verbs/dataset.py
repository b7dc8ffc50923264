"""Add a data set of your own: `mner dataset add NAME` checks its files and writes an entry to params.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mner.base.escaping import show
from mner.cli import PARAMS

GROUP = "data"
EXAMPLE = "mner dataset add mine --train train.txt --dev dev.txt --test test.txt --images pictures"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="check the files of a data set and add it to params.yaml")
    add.add_argument("name", help="its name: letters, digits, dots, hyphens and underscores")
    for split in ("train", "dev", "test"):
        add.add_argument(f"--{split}", required=True, metavar="FILE", help=f"CoNLL file of the {split} split")
    add.add_argument("--images", metavar="DIR", help="folder of pictures <image id>.jpg")
    add.add_argument("--captions", metavar="FILE", help="JSON object of captions by image id, or id, tab, caption")
    add.add_argument("--columns", metavar="NAMES", help="names of the columns, such as word,tags,fine")
    add.add_argument("--scheme", help="the scheme of the tags (bio, iob1, iobes, bmes, bilou, io)")
    add.add_argument("--active", action="store_true", help="run the active profile on this data set alone")


def run(options: argparse.Namespace) -> None:
    from mner.config import OwnDataset, loading, profiles
    from mner.config.strict import known
    from mner.data.label_schemes import SCHEMES
    from mner.data.own_corpus import read_own, with_hashes

    if options.scheme is not None:
        known(options.scheme, SCHEMES, "--scheme")
    given = {name: getattr(options, name) for name in ("train", "dev", "test", "images", "captions")}
    columns = tuple(name.strip() for name in options.columns.split(",")) if options.columns else ()
    paths = {name: _relative(value) for name, value in given.items() if value is not None}
    fields: dict[str, Any] = {**paths, "columns": columns, "scheme": options.scheme}
    entry = OwnDataset(**fields)
    read = read_own(entry, Path())
    raw = loading.read(PARAMS)
    added = {options.name: with_hashes(entry, Path()).entry()}
    changed = {**raw, "datasets": {**(raw.get("datasets") or {}), **added}}
    if options.active:
        changed["active"] = {**raw["active"], "datasets": [options.name]}
    loading.settings_of(changed, PARAMS)
    profiles.write(PARAMS, changed)
    sizes = ", ".join(f"{split} {len(sentences):,}" for split, sentences in read.splits.items())
    show(f"{options.name}: {sizes} sentences; types {', '.join(read.types)}")
    for split, notes in read.notes.items():
        for note in notes:
            show(f"  {split}: {note}")
    active = "" if options.active else f"write {options.name} into active.datasets of params.yaml, then "
    show(f"next: {active}run `dvc repro`")


def _relative(value: str) -> str:
    """A path below the current folder as relative to it, which moves with the folder; any other as absolute."""
    path, here = Path(value).resolve(), Path().resolve()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)
