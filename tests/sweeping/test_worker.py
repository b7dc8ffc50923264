"""A worker between the sweep and its runs: what it tells, when it stops, what it keeps. Training is pretended."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mner.sweeping.progress import Event, Kind, Setting, Share
from mner.sweeping.run_plan import Job
from mner.sweeping.workers import worker
from mner.sweeping.workers.worker import Worker
from mner.training.run_locks import BusyError

A, B = Job("toy", "a", 1, "key"), Job("toy", "b", 1, "key")


class Noted:
    """A tracker that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple] = []

    @contextmanager
    def cell(self, dataset: str, system: str) -> Iterator[Noted]:
        self.told.append(("cell", dataset, system))
        yield self
        self.told.append(("cell ends",))

    def seed(self, seed: int, key: str, **told: Any) -> Noted:
        self.told.append(("seed", seed, key, told))
        return self

    def epoch(self, metrics: dict[str, float], step: int) -> None:
        self.told.append(("epoch", step))

    def finish(self, record: object, folder: Path) -> None:
        self.told.append(("finish", record, folder))

    def log(self, record: object, folder: Path) -> None:
        self.told.append(("log", record, folder))


class Stage:
    """What trainers do here, what they did, and the clock."""

    def __init__(self) -> None:
        self.now, self.tracker = 100.0, Noted()
        self.made: list[tuple[str, bool]] = []
        self.waits: list[bool] = []
        self.last: Callable[[], object] = lambda: None
        self.run: Callable[[Any], object] = lambda tracked: "a record"


class Trainer:
    """Pretends to train; notes whether the one before it was let go of by then."""

    def __init__(self, stage: Stage, cell: Any) -> None:
        self.cell, self._stage = cell, stage
        self.identity = SimpleNamespace(key=lambda seed: "key")
        stage.made.append((cell.system, stage.last() is None))
        stage.last = weakref.ref(self)

    def train(self, seed: int, tracked: Any, *, wait: bool) -> object:
        self._stage.waits.append(wait)
        return self._stage.run(tracked)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.chdir(Path.cwd())  # a worker goes to its root; this brings us back
    monkeypatch.setattr(worker, "Trainer", lambda cell, *rest: Trainer(made, cell))
    monkeypatch.setattr(worker, "summary", lambda record: f"{record}, told")
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(worker, "NoTracker", lambda: made.tracker)
    return made


def begin(root: Path, tell: Callable[[Event], object] = lambda event: None, share: Share | None = None) -> Worker:
    return Worker(Setting(SimpleNamespace(), root, "a test", tracked=False), share or Share(1, "cpu"), tell)


def epochs(stage: Stage, *seconds: float) -> Callable[[Any], object]:
    """A run whose epochs take so long."""

    def run(tracked: Any) -> object:
        observer = tracked.seed(1, "key", options={})
        for step, one in enumerate(seconds):
            stage.now += one
            observer.epoch({"dev_f1": 10.0 * step}, step)
        observer.finish("a record", Path("folder"))
        return "a record"

    return run


def test_the_tracker_and_the_sweep_are_told_of_every_epoch(stage: Stage, tmp_path: Path) -> None:
    heard: list[Event] = []
    stage.run = epochs(stage, 1, 1)
    outcome = begin(tmp_path, heard.append).train_run(A, None)
    assert outcome == Event(Kind.FINISHED, A, "a record, told")
    assert heard == [Event(Kind.EPOCH, A, "dev F1 0.00", 1), Event(Kind.EPOCH, A, "dev F1 10.00", 2)]
    assert stage.tracker.told == [
        ("cell", "toy", "a"),
        ("seed", 1, "key", {"options": {}}),
        ("epoch", 0),
        ("epoch", 1),
        ("finish", "a record", Path("folder")),
        ("cell ends",),
    ]
    assert stage.waits == [False], "a worker never waits for another's run"
    assert Path.cwd() == tmp_path


def test_the_record_of_a_skipped_run_reaches_the_tracker(stage: Stage, tmp_path: Path) -> None:
    stage.run = lambda tracked: tracked.log("skipped", Path("folder"))
    assert begin(tmp_path).train_run(A, None).kind is Kind.PRESENT
    assert ("log", "skipped", Path("folder")) in stage.tracker.told


@pytest.mark.parametrize(
    ("seconds", "left", "told"),
    [((3, 3, 3), 9.0, 3), ((3, 3, 3), 8.9, 2), ((3, 3, 3), 1.0, 1), ((1, 4, 1, 1), 8.9, 2), ((4, 1, 1), 9.0, 3)],
)
def test_a_run_stops_where_an_epoch_like_the_last_would_end_too_late(
    stage: Stage, tmp_path: Path, seconds: tuple[float, ...], left: float, told: int
) -> None:
    heard: list[Event] = []
    stage.run = epochs(stage, *seconds)
    outcome = begin(tmp_path, heard.append).train_run(A, left)
    assert len(heard) == told
    assert outcome.kind is (Kind.FINISHED if told == len(seconds) and left > sum(seconds) else Kind.STOPPED)


def test_a_worker_nobody_listens_to_stops_after_its_epoch(stage: Stage, tmp_path: Path) -> None:
    def gone(event: Event) -> None:
        raise BrokenPipeError

    stage.run = epochs(stage, 1, 1, 1)
    assert begin(tmp_path, gone).train_run(A, None) == Event(Kind.STOPPED, A)
    assert [what for what, *_ in stage.tracker.told].count("epoch") == 1


def test_a_cell_is_read_once_and_the_last_one_let_go_of_before_the_next(stage: Stage, tmp_path: Path) -> None:
    one = begin(tmp_path)
    for job in (A, Job("toy", "a", 2, "key"), B, A):
        assert one.train_run(job, None).kind is Kind.FINISHED
    assert stage.made == [("a", True), ("b", True), ("a", True)]


def test_a_cell_whose_run_raised_is_read_anew(stage: Stage, tmp_path: Path) -> None:
    def fail(tracked: Any) -> object:
        raise ValueError("no such luck")

    one = begin(tmp_path)
    stage.run = fail
    outcome = one.train_run(A, None)
    assert outcome.kind is Kind.POISONED
    assert outcome.text.startswith("Traceback")
    assert outcome.text.endswith("ValueError: no such luck\n")
    stage.run = lambda tracked: None
    assert one.train_run(A, None) == Event(Kind.PRESENT, A)
    assert len(stage.made) == 2


def test_a_run_that_another_process_trains_is_busy_and_one_with_another_key_has_changed(
    stage: Stage, tmp_path: Path
) -> None:
    def busy(tracked: Any) -> object:
        raise BusyError(Path("1.lock"), 7)

    stage.run = busy
    one = begin(tmp_path)
    assert one.train_run(A, None) == Event(Kind.BUSY, A, "process 7 holds 1.lock")
    other = Job("toy", "a", 1, "0123456789abcdef")
    assert one.train_run(other, None) == Event(Kind.CHANGED, other, "its key was 0123456789ab and is key now")
    assert stage.waits == [False], "a run that is another by now is not trained"


def test_a_worker_trains_deterministically(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(worker, "make_deterministic", lambda: made.append("deterministic"))
    begin(tmp_path)
    assert made == ["deterministic"]


def test_a_worker_takes_its_part_of_the_gpus_memory_and_no_more(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[float, str]] = []

    def take(fraction: float, device: torch.device) -> None:
        taken.append((fraction, str(device)))

    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", take)
    begin(tmp_path, share=Share(1, "cpu"))
    begin(tmp_path, share=Share(1, "cuda:1", 0.25))
    assert taken == [(0.25, "cuda:1")]
