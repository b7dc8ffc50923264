"""Show the profiles, or make one active: write its cells and its recipe to params.yaml.

Sections of params.yaml besides these two (rows of your own among them) stay as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mner.base.escaping import show
from mner.base.terminal import aligned_with_notes
from mner.cli import PARAMS
from mner.config import Config, Places, loading, profiles

GROUP, EXAMPLE = "start", "mner profile quick"
AUTO = "auto"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", help=f"a profile, or {AUTO}: real data if it can be had, else the generated corpora"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="train these seeds, in place of the profile's"
    )


def run(options: argparse.Namespace) -> None:
    if options.name == AUTO:
        from mner.data.availability import choose

        name, why = choose(Places.from_environment())
        show(why)
        # What was changed by hand in the profile that is active already stays.
        if options.seeds or not PARAMS.is_file() or loading.load(PARAMS).active.name != name:
            switch(name, options.seeds)
    elif options.name is not None or options.seeds:
        switch(options.name or loading.load(PARAMS).active.name, options.seeds)
    show_profiles(loading.load(PARAMS))


def switch(name: str, seeds: Sequence[int] | None = None) -> None:
    """Make a profile of the package active, once it is known to be valid with what else params.yaml says.

    Args:
        name: The profile.
        seeds: The seeds to train; without them, those of the profile.
    """
    raw = loading.read(PARAMS) if PARAMS.is_file() else {}
    new = profiles.switched(raw if isinstance(raw, dict) else {}, name)
    if seeds:
        new["active"] = {**new["active"], "seeds": list(seeds)}
    loading.settings_of(new, PARAMS)
    profiles.write(PARAMS, new)


def show_profiles(config: Config) -> None:
    """Print all profiles, the active one marked."""
    rows = []
    for entry in config.profiles.values():
        runs = len(entry.datasets) * len(entry.systems) * len(entry.seeds)
        mark = "*" if entry.name == config.active.name else " "
        rows.append((f"{mark} {entry.name}", f"{runs:>3} runs", entry.note))
    show("\n".join(aligned_with_notes(rows, "")))
