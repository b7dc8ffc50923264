"""Whether a run made elsewhere is this checkout's: asked of its own profile and cell, and what differs named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from support.made_record import example

from mner.config import Config
from mner.tracking.identity import CellIdentity, UnknownIdentityError, identity_of
from mner.tracking.record import Record
from mner.training.arrival import objections
from mner.training.experiment import Cell


@pytest.fixture
def settings(world: Path, tiny: Any) -> Config:
    """A world with a second profile that is not active and trains longer."""
    config = tiny.config.load(world / "params.yaml")
    long = replace(config.active, name="long", recipe={"epochs": 9})
    return replace(config, profiles={**config.profiles, "long": long})


@pytest.fixture
def made(settings: Config, world: Path, tiny: Any) -> Callable[..., Record]:
    """The record that this checkout would write of a run, in fields that its key has."""

    def record(profile: str = "tiny", system: str = "bert-crf") -> Record:
        config = replace(settings, active=settings.profiles[profile])
        cell = Cell(config, tiny.DATASET, system, world)
        identity = identity_of(cell)
        return example(
            key=identity.key(1),
            profile=profile,
            dataset=cell.dataset,
            system=system,
            seed=1,
            inputs=identity.files,
            versions=identity.versions,
            encoder={"name": "tiny", "source": "any", "sha256": identity.encoder},
            options=cell.options,
            recipe=asdict(cell.recipe),
            visual_input=cell.visual_input(),
        )

    return record


def test_runs_of_every_cell_and_profile_are_known(
    settings: Config, world: Path, made: Callable[..., Record]
) -> None:
    objection = objections(settings, world)
    for profile, system in (("tiny", "bert-crf"), ("long", "bert-crf"), ("tiny", "rgcn")):
        assert objection(made(profile, system)) is None
    other = replace(made(), recipe=made("long").recipe, key="other")
    assert objection(other) == "made from another recipe epochs"


def test_a_run_whose_packages_are_not_installed_here_is_objected_to_and_the_next_is_asked(
    settings: Config,
    world: Path,
    made: Callable[..., Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(cell: Cell) -> CellIdentity:
        if cell.system == "rgcn":
            raise UnknownIdentityError("it needs the package x: pip install x")
        return identity_of(cell)

    lacking, whole = made("tiny", "rgcn"), made()
    monkeypatch.setattr("mner.training.arrival.identity_of", absent)
    objection = objections(settings, world)
    told = "its key cannot be checked here: it needs the package x: pip install x"
    assert [objection(lacking), objection(whole)] == [told, None]


def test_a_cell_that_its_profile_does_not_have_is_named(
    settings: Config, world: Path, made: Callable[..., Record]
) -> None:
    objection = objections(settings, world)
    assert objection(replace(made(), dataset="other")) == "no profile tiny has other x bert-crf here"
    assert objection(replace(made(), profile="gone")) == "no profile gone has toy x bert-crf here"


@pytest.mark.parametrize(("differing", "more"), [(3, ""), (5, " and 2 more")])
def test_the_first_differences_are_named_and_the_others_counted(
    settings: Config, world: Path, made: Callable[..., Record], differing: int, more: str
) -> None:
    record = made()
    changed = {name: f"another {name}" for name in sorted(record.recipe)[:differing]}
    told = objections(settings, world)(replace(record, recipe={**record.recipe, **changed}, key="other"))
    assert told == f"made from another {', '.join(f'recipe {name}' for name in sorted(changed)[:3])}{more}"
