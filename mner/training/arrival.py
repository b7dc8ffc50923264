"""Whether a run made elsewhere is the run this checkout would make, and if not, what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mner.config import Config
from mner.tracking.identity import (
    CellIdentity,
    UnknownIdentityError,
    differences,
    identity_of,
    identity_of_record,
    render_differences,
)
from mner.tracking.record import Record
from mner.training.experiment import Cell


def objections(config: Config, root: Path) -> Callable[[Record], str | None]:
    """A function that says why this checkout would not make a record's very run; None if it would.

    The run's key is computed anew from the data, features, graphs, parameters, encoder and
    versions of this checkout.
    """
    held: dict[tuple[str, str, str], CellIdentity | str] = {}

    def objection(record: Record) -> str | None:
        place = record.profile, record.dataset, record.system
        if place not in held:
            held[place] = _local(config, root, *place)
        local = held[place]
        if isinstance(local, str):
            return local
        ours = local.run(record.seed)
        found = differences(ours, identity_of_record(record))
        if ours.key == record.key:
            return None
        return render_differences(found) if found else "its key is not the hash of what it says it read"

    return objection


def _local(config: Config, root: Path, profile: str, dataset: str, system: str) -> CellIdentity | str:
    known = config.profiles.get(profile)
    if known is None or dataset not in known.datasets or system not in known.systems:
        return f"no profile {profile} has {dataset} x {system} here"
    try:
        return identity_of(Cell(replace(config, active=known), dataset, system, root))
    except UnknownIdentityError as error:
        return f"its key cannot be checked here: {error}" if error.not_built is None else str(error)
