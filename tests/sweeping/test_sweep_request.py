"""What a sweep asks of its workers and of the schedule: which runs, in what time, at what expected cost."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mner.config import Config, composed, settings_of
from mner.sweeping import sweep_session as sweeping
from mner.sweeping.run_costs import Cost
from mner.sweeping.run_plan import Failure, Job, PlannedCell
from mner.sweeping.scheduler import Summary
from mner.sweeping.sweep_session import Resources, sweep
from mner.tracking import mlflow_tracker as mlflow


def _with_toy() -> Config:
    """The settings of a profile with a data set ``toy`` of one's own in three files."""
    raw = composed("quick")
    raw["datasets"] = {"toy": {split: f"toy/{split}.txt" for split in ("train", "dev", "test")}}
    return settings_of(raw, Path("params.yaml"))


CONFIG = _with_toy()
SYSTEM, OTHER = "bert-crf", "rgcn"
EPOCHS = CONFIG.recipe_of(SYSTEM).epochs
MISSING, FAILED = (Job("toy", SYSTEM, seed, f"key {seed}") for seed in (1, 2))
PLAN = [
    PlannedCell(
        "toy",
        SYSTEM,
        2,
        (MISSING,),
        ((FAILED, Failure.of("key 2", "", 1)),),
        Cost(60.0 * EPOCHS, 1.0, None, ()),
        None,
    ),
    PlannedCell("toy", OTHER, 1, (), (), Cost(99.0, 1.0, None, ()), None),
]
ONE = Resources(workers=1, threads=1, gpus=0, ray=None)


class Scheduled:
    """What the schedule and the workers were made with."""

    def __init__(self) -> None:
        self.made: list[tuple] = []
        self.settings: list[Any] = []

    def schedule(self, *arguments: Any) -> SimpleNamespace:
        self.made.append(arguments)
        return SimpleNamespace(run=lambda: Summary(1, 0, 0, 0))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Scheduled:
    found = Scheduled()

    def workers(setting: Any, resources: Resources) -> nullcontext:
        found.settings.append(setting)
        return nullcontext(SimpleNamespace(count=resources.workers))

    monkeypatch.setattr(sweeping, "Schedule", found.schedule)
    monkeypatch.setattr(sweeping, "_workers", workers)
    return found


def swept(**how: Any) -> list[str]:
    lines: list[str] = []
    sweep(CONFIG, Path(), PLAN, ONE, command="a test", say=lines.append, **how)
    return lines


def test_what_failed_is_tried_when_that_is_asked_for(asked: Scheduled) -> None:
    swept()
    swept(again=True)
    assert [made[0] for made in asked.made] == [[MISSING], [MISSING, FAILED]]


def test_minutes_become_seconds_and_the_cost_of_a_run_that_of_an_epoch(asked: Scheduled) -> None:
    swept()
    swept(minutes=1.5)
    swept(minutes=0)
    assert [made[-1] for made in asked.made] == [None, 90.0, 0.0]
    assert [made[-2] for made in asked.made] == [{("toy", SYSTEM): 60.0}] * 3


def test_runs_lie_where_the_profile_has_them_and_workers_stand_at_the_root(asked: Scheduled) -> None:
    swept()
    ((*_, folder_of, _, _),) = asked.made
    assert folder_of(MISSING) == Path("runs") / CONFIG.active.name / "toy" / SYSTEM / "1"
    (setting,) = asked.settings
    assert (setting.root, setting.command) == (Path.cwd(), "a test")


@pytest.mark.parametrize("installed", [True, False])
def test_that_nothing_is_tracked_is_said_once(
    asked: Scheduled, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(mlflow, "is_installed", lambda: installed)
    assert swept() == ([] if installed else [mlflow.NOT_INSTALLED])
    assert asked.settings[0].tracked is installed


def test_workers_end_whatever_ended_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []

    def made(*asked: Any) -> SimpleNamespace:
        return SimpleNamespace(close=lambda: ends.append("closed"))

    monkeypatch.setattr(sweeping, "LocalWorkers", made)
    monkeypatch.setitem(sys.modules, "mner.sweeping.workers.on_ray", SimpleNamespace(RayWorkers=made))
    for resources in (ONE, replace(ONE, ray="local")):
        with pytest.raises(KeyboardInterrupt), sweeping._workers(SimpleNamespace(), resources):
            raise KeyboardInterrupt
    assert ends == ["closed"] * 2
