"""Whether a run made elsewhere is the run this checkout would make, and if not, what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mner.config import Config
from mner.files import sha256_of_json
from mner.models.encoders import EncoderError
from mner.models.word_vectors import WordVectorError
from mner.tracking.record import Record
from mner.training.cell import Cell
from mner.training.runs import Inputs, inputs_of

MOST_NAMED = 3


def objections(config: Config, root: Path) -> Callable[[Record], str | None]:
    """A function that says why this checkout would not make a record's very run; None if it would.

    The run's key is computed anew from the data, features, graphs, code, options and encoder at hand.
    """
    held: dict[tuple[str, str, str], tuple[Cell, Inputs] | str] = {}

    def objection(record: Record) -> str | None:
        place = record.profile, record.dataset, record.system
        if place not in held:
            held[place] = _local(config, root, *place)
        local = held[place]
        if isinstance(local, str):
            return local
        cell, inputs = local
        return None if inputs.key(cell, record.seed) == record.key else _difference(cell, inputs, record)

    return objection


def _local(config: Config, root: Path, profile: str, dataset: str, system: str) -> tuple[Cell, Inputs] | str:
    known = config.profiles.get(profile)
    if known is None or dataset not in known.datasets or system not in known.systems:
        return f"no profile {profile} has {dataset} x {system} here"
    cell = Cell(replace(config, active=known), dataset, system, root)
    lacking = [path for path in cell.input_files() if not (root / path).is_file()]
    if lacking:
        return f"{lacking[0]} is not built here, so its key cannot be checked; run dvc repro data features graphs"
    try:
        return cell, inputs_of(cell)
    except (EncoderError, WordVectorError) as error:
        return f"its key cannot be checked here: {error}"


def _difference(cell: Cell, inputs: Inputs, record: Record) -> str:
    """The parts of the key that differ, the first few by name."""
    pairs: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "file": (inputs.files, record.inputs),
        "code": (inputs.code, record.code),
        "encoder": (inputs.encoder, record.encoder),
        "option": (cell.options, record.options),
        "recipe": (asdict(cell.recipe), record.recipe),
        "visual input": ({"": cell.visual_input()}, {"": record.visual_input}),
    }
    named = [
        f"{kind} {name}".strip()
        for kind, (here, there) in pairs.items()
        for name in sorted({*here, *there})
        if sha256_of_json(here.get(name)) != sha256_of_json(there.get(name))
    ]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"made from another {', '.join(named[:MOST_NAMED])}{more}"
