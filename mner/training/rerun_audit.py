"""Train one run of a cell again, chosen at random, and compare its tags with those that lie here."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mner.config import Config
from mner.tracking.evidence import check_evidence, predicted_tags
from mner.tracking.origin import origin_of
from mner.tracking.record import Record
from mner.tracking.run_environment import now
from mner.training.arrival import objections
from mner.training.experiment import Cell
from mner.training.runs import Trainer
from mner.training.trackers import NoTracker

READ = ("data", "features", "graphs")


class AuditError(ValueError):
    """A cell that cannot be audited here; the message says why."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What training again showed.

    Attributes:
        record: of the run that was chosen.
        compared: tags compared, over all files of predictions.
        different: how many of them differ.
    """

    record: Record
    compared: int
    different: int

    @property
    def passed(self) -> bool:
        """Whether every tag is the same."""
        return self.compared > 0 and self.different == 0


def audit_cell(config: Config, root: Path, folder: Path, device: torch.device, say: Callable[[str], Any]) -> Audit:
    """Train one finished run of a cell again, aside, and compare tag for tag; runs by archive are then marked.

    Args:
        config: of this checkout.
        root: the folder that holds data/, features/, graphs/ and runs/.
        folder: of the cell (``runs/<profile>/<data set>/<system>``), or of one run, which is then the one trained.
        device: where to train.
        say: receives a line an epoch.

    Raises:
        AuditError: no finished run, or one that this checkout would not make.
        EvidenceError: a run contradicts its record.
    """
    folders = [path.parent for path in sorted([*folder.glob("record.json"), *folder.glob("*/record.json")])]
    finished = [one for one in folders if check_evidence(one, root / "data").record.status == "finished"]
    if not finished:
        raise AuditError(f"{folder} holds no finished run; name runs/<profile>/<data set>/<system>")
    chosen = secrets.choice(finished)
    record = Record.read(chosen / "record.json")
    if (objection := objections(config, root)(record)) is not None:
        raise AuditError(f"{chosen}: this checkout would not make this run, which was {objection}")
    say(f"{chosen}: training seed {record.seed} again")
    tags = predicted_tags(chosen, record)
    found = _compare(tags, _trained_again(config, root, record, device, say))
    audit = Audit(record, *found)
    if audit.passed:
        _mark(finished, record.seed)
    return audit


def _trained_again(
    config: Config, root: Path, record: Record, device: torch.device, say: Callable[[str], Any]
) -> Mapping[str, str]:
    """The tags of the same run, trained in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="mner-audit-") as name:
        aside = Path(name)
        for part in READ:
            if (root / part).exists():
                (aside / part).symlink_to((root / part).resolve())
        active = replace(config.profiles.get(record.profile, config.active), seeds=(record.seed,))
        cell = Cell(replace(config, active=active), record.dataset, record.system, aside)
        made = Trainer(cell, device, "mner audit-run", say).train(record.seed, NoTracker(), wait=True)
        if made is None:
            raise AuditError(f"{aside}: the run was not trained")
        return predicted_tags(cell.run_folder(record.seed), made)


def _compare(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[int, int]:
    """Tags compared, and how many differ; a file that only one side has counts as different."""
    compared = different = 0
    for name in before.keys() | after.keys():
        ours, theirs = (_tags(side.get(name, "")) for side in (before, after))
        compared += max(len(ours), len(theirs))
        different += sum(one != other for one, other in zip(ours, theirs, strict=False))
        different += abs(len(ours) - len(theirs))
    return compared, different


def _tags(text: str) -> list[str]:
    return [tag for line in text.splitlines() for tag in json.loads(line)]


def _mark(folders: list[Path], seed: int) -> None:
    for folder in folders:
        if (origin := origin_of(folder)) is not None:
            replace(origin, audited_seed=seed, audited_at=now()).write(folder)


def render(audit: Audit) -> str:
    """One line on what the audit found."""
    run = f"{audit.record.dataset} x {audit.record.system} seed {audit.record.seed}"
    if audit.passed:
        return f"{run}: trained again, all {audit.compared:,} tags are the same\n"
    return (
        f"{run}: trained again, {audit.different:,} of {audit.compared:,} tags differ; other hardware or other "
        "library versions can be the reason\n"
    )
