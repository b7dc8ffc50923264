"""What ``mner sweep`` asks for, and how its exit code tells what became of it; nothing is trained here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import tiny

from mner.cli import main as cli
from mner.cli.verbs import sweep as command
from mner.sweeping.run_plan import PlannedCell
from mner.sweeping.scheduler import Summary

DONE = Summary(2, 0, 0, 0)
CORES, THREADS = 9, 2


@dataclass
class Sweep:
    """A sweep that only remembers what it was asked for and ends as ``summary`` says."""

    summary: Summary = DONE
    plan: list[PlannedCell] = field(default_factory=list)
    planned: tuple[Any, ...] = ()
    asked: dict[str, Any] = field(default_factory=dict)

    def plan_of(self, config: Any, root: Path, device: str, datasets: Any, systems: Any) -> list[PlannedCell]:
        self.planned = device, list(datasets), list(systems)
        return self.plan

    def __call__(self, config: Any, root: Path, plan: Any, resources: Any, **asked: Any) -> Summary:
        self.asked = {"resources": resources, **asked}
        return self.summary


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parameters of one profile, whose runs have two threads each."""
    root = tmp_path_factory.mktemp("sweep")
    tiny.write_parameters(root, tiny.parameters("some_encoder", threads=THREADS))
    return root


@pytest.fixture
def sweep(root: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """That sweep on a machine of nine cores and no GPU."""
    made = Sweep()
    monkeypatch.chdir(root)
    monkeypatch.setattr("mner.sweeping.run_plan.plan_of", made.plan_of)
    monkeypatch.setattr("mner.sweeping.sweep_session.sweep", made)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("mner.base.meters.describe_device", lambda device: device.type)
    monkeypatch.setattr("torch.set_num_threads", lambda threads: None)
    monkeypatch.setattr("os.cpu_count", lambda: CORES)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    return made


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        (DONE, 0),
        (Summary(1, 0, 1, 0), command.FAILED),
        (Summary(1, 0, 0, 1), command.UNFINISHED),
        (Summary(1, 0, 1, 1), command.FAILED),
    ],
)
def test_the_exit_code_tells_failed_from_unfinished(sweep: Sweep, summary: Summary, code: int) -> None:
    sweep.summary = summary
    assert cli.main(["sweep"]) == code


def test_runs_that_cannot_be_trained_here_are_no_success(sweep: Sweep) -> None:
    sweep.plan = [PlannedCell("toy", "rgcn", 1, (), (), None, None, "pip install some-vectors")]
    assert cli.main(["sweep"]) == command.FAILED


def test_an_interrupt_keeps_what_is_finished_and_says_so(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> Summary:
        raise KeyboardInterrupt

    monkeypatch.setattr("mner.sweeping.sweep_session.sweep", interrupted)
    assert cli.main(["sweep"]) == command.INTERRUPTED
    assert capsys.readouterr().out


def test_a_polite_end_from_outside_is_an_interrupt(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Callable[[int, Any], None]] = {}
    monkeypatch.setattr("signal.signal", handlers.__setitem__)
    assert cli.main(["sweep"]) == 0
    with pytest.raises(SystemExit) as ended:
        handlers[command.signal.SIGTERM](command.signal.SIGTERM, None)
    assert ended.value.code == command.INTERRUPTED


def test_planning_takes_its_part_of_the_minutes(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 190.0, 400.0])
    monkeypatch.setattr(command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert cli.main(["sweep", "--minutes", "2"]) == 0
    assert sweep.asked["minutes"] == pytest.approx(0.5)


def test_what_is_typed_is_what_is_asked_for(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["sweep", "toy", "--system", "rgcn", "--system", "ita", "--again"]
    monkeypatch.setattr("sys.argv", ["mner", *typed])
    assert cli.main(typed) == 0
    assert sweep.planned == ("cpu", ["toy"], ["rgcn", "ita"])
    assert (sweep.asked["again"], sweep.asked["minutes"]) == (True, None)
    assert sweep.asked["command"] == "mner sweep toy --system rgcn --system ita --again"
    assert cli.main(["sweep"]) == 0
    assert (sweep.planned, sweep.asked["again"]) == (("cpu", [], []), False)


@pytest.mark.parametrize(
    ("typed", "seen", "cores", "workers", "gpus", "ray"),
    [
        ("sweep", 0, CORES, 4, 0, None),
        ("sweep", 0, 1, 1, 0, None),
        ("sweep --workers 3", 0, CORES, 3, 0, None),
        ("sweep", 2, CORES, 2, 2, None),
        ("sweep --workers 6", 2, CORES, 6, 2, None),
        ("sweep --gpus 0", 2, CORES, 4, 0, None),
        ("sweep --ray", 0, CORES, 4, 0, "local"),
        ("sweep --ray head:6379 --gpus 8", 0, CORES, 8, 8, "head:6379"),
    ],
)
def test_workers_are_as_many_as_gpus_or_as_cores_have_room_for(
    sweep: Sweep,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    seen: int,
    cores: int,
    workers: int,
    gpus: int,
    ray: str,
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: seen)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert cli.main(typed.split()) == 0
    made = sweep.asked["resources"]
    assert (made.workers, made.threads, made.gpus, made.ray) == (workers, THREADS, gpus, ray)


def test_more_gpus_than_this_machine_has_are_refused_for_its_own_ray_too(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sweep", "--ray", "--gpus", "1"]) == 2
    assert "--gpus" in capsys.readouterr().err
    assert sweep.asked == {}
