"""Which profile this machine can run: real data where it can be had, else the generated corpora."""

from __future__ import annotations

from mner.config.loading import declared_profiles
from mner.config.places import Places
from mner.data.reachability import reachable
from mner.data.sources import files_of

REAL, EMBEDDED = "quick", "controls"


def choose(places: Places) -> tuple[str, str]:
    """The profile that this machine can run, and why in one line."""
    datasets = declared_profiles()[REAL].datasets
    for dataset in datasets:
        found = reachable(files_of(dataset), cache=places.cache, mirrors=places.mirrors, network=places.network)
        if not found.ok:
            return EMBEDDED, f"profile {EMBEDDED}: {dataset} cannot be had here ({found.why})"
    return REAL, f"profile {REAL}: {' and '.join(datasets)} are at hand ({found.why})"
