"""A sweep gives the bytes of the serial runs, whatever dies, fails, or happens beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from support import tiny
from support.messages import names

from mner import config
from mner.config.strict import ConfigError
from mner.sweeping import sweep_session as sweeping
from mner.sweeping.progress import Event, Setting
from mner.sweeping.run_plan import Job, plan_of, render
from mner.sweeping.scheduler import Summary, SweepError
from mner.sweeping.sweep_session import Resources, sweep
from mner.sweeping.workers.local import interrupts_held
from mner.sweeping.workers.worker import Worker
from mner.training.runs import FAILURE

SYSTEMS = ("bert-crf", "ita")
SEEDS = (1, 2)
DEVICE = "cpu: nothing, 1 thread"
TWO = Resources(workers=2, threads=1, gpus=0, ray=None)


@pytest.fixture(autouse=True, scope="module")
def _without_mlflow():
    """Tracking has tests of its own, and a worker needs seconds to import MLflow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mlflow", None)
        yield


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A world nobody trains in; everybody gets a copy."""
    root = tmp_path_factory.mktemp("original")
    tiny.make_world(root, epochs=2)
    tiny.change_parameters(root, lambda raw: raw["active"].update(systems=list(SYSTEMS), seeds=list(SEEDS)))
    return root


@pytest.fixture
def world(original, tmp_path) -> Path:
    return tiny.copy_of(original, tmp_path / "world")


@pytest.fixture(scope="module")
def serial(original, tmp_path_factory) -> dict[str, bytes]:
    """What the stages make of the world, one after another: every file of every run, records apart."""
    root = tiny.copy_of(original, tmp_path_factory.mktemp("serial") / "world")
    for system in SYSTEMS:
        tiny.train(root, system)
    return results(root)


def results(root: Path) -> dict[str, bytes]:
    files = [path for path in sorted((root / "runs").rglob("*")) if path.suffix in (".jsonl", ".csv")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def swept(root: Path, resources: Resources = TWO, **how) -> tuple[Summary, list[str]]:
    """Sweep a world; returns what became of it and the lines it showed."""
    lines: list[str] = []
    settings = config.load(root / "params.yaml")
    plan = plan_of(settings, root, DEVICE)
    return sweep(settings, root, plan, resources, command="a test", say=lines.append, **how), lines


class Here:
    """Workers in turns in this process, where nothing has to die: the same work without seconds of start."""

    def __init__(self, setting: Setting, resources: Resources) -> None:
        self.count = resources.workers
        self._workers = [Worker(setting, share, self._tell) for share in resources.shares()]
        self._given: list[tuple[int, Job, float | None]] = []
        self._news: list[tuple[int, Event]] = []

    def _tell(self, event: Event) -> None:
        self._news.append((self._given[0][0], event))

    def give(self, worker: int, job: Job, seconds_left: float | None) -> None:
        self._given.append((worker, job, seconds_left))

    def events(self, timeout: float) -> list[tuple[int, Event]]:
        while self._given:
            worker, job, seconds_left = self._given[0]
            outcome = self._workers[worker].train_run(job, seconds_left)
            self._news.append((worker, outcome))
            del self._given[0]
        news, self._news = self._news, []
        return news


@pytest.fixture
def here(monkeypatch):
    """Let sweeps train in this process."""
    monkeypatch.chdir(Path.cwd())  # a worker goes to its root; this brings us back
    monkeypatch.setattr(sweeping, "_workers", lambda *asked: nullcontext(Here(*asked)))


def test_two_workers_make_the_bytes_of_the_serial_runs_and_leave_nothing_to_train(world, serial):
    summary, lines = swept(world)
    assert summary == Summary(trained=4, present=0, failed=0, unfinished=0)
    assert results(world) == serial
    assert lines[-1].startswith("[4/4]")
    for system in SYSTEMS:
        assert tiny.train(world, system) == []
    assert swept(world)[0] == Summary(0, 0, 0, 0)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_run_continues_to_the_same_bytes(world, tmp_path):
    lengthen(world, 12)
    undisturbed = tiny.copy_of(world, tmp_path / "undisturbed")
    tiny.train(undisturbed, "bert-crf")
    lock = world / ".locks" / "tiny" / "toy-bert-crf" / "1.lock"
    checkpoints = world / ".checkpoints" / "tiny" / "toy-bert-crf"

    def kill() -> None:
        wait_for(lambda: list(checkpoints.glob("*.pt")))
        os.kill(int(lock.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    summary, lines = swept(world, Resources(workers=1, threads=1, gpus=0, ray=None))
    killer.join()
    assert summary == Summary(trained=2, present=0, failed=0, unfinished=0)
    assert sum("its process died" in line for line in lines) == 1
    assert results(world) == results(undisturbed)
    # Nothing twice: the killed run went on after its last saved epoch, with one epoch lost at most.
    assert not list(checkpoints.iterdir())


def lengthen(root: Path, epochs: int) -> None:
    """Only bert-crf, and long enough that something can happen to it."""

    def change(raw) -> None:
        raw["recipe"]["epochs"] = epochs
        raw["active"]["systems"] = ["bert-crf"]

    tiny.change_parameters(root, change)


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.005)


def test_a_run_that_raises_is_set_aside_with_its_traceback_and_the_rest_goes_on(world, serial, here):
    def break_ita(raw) -> None:
        raw["systems"]["ita"]["recipe"]["head_learning_rate"] = 1e30

    def mend_ita(raw) -> None:
        del raw["systems"]["ita"]["recipe"]["head_learning_rate"]

    tiny.change_parameters(world, break_ita)
    summary, _ = swept(world)
    assert summary == Summary(trained=2, present=0, failed=2, unfinished=0)
    assert results(world) == {name: content for name, content in serial.items() if "bert-crf" in name}
    note = world / "runs" / "tiny" / "toy" / "ita" / "1" / FAILURE
    assert "Traceback" in note.read_text()

    settings = config.load(world / "params.yaml")
    shown = render(plan_of(settings, world, DEVICE), "tiny")
    assert "failed: toy x ita seed 1 after 1 try: mner.training.loop.TrainingError" in shown
    assert str(note.relative_to(world)) in shown
    assert swept(world)[0] == Summary(0, 0, 0, 0)
    assert swept(world, again=True)[0] == Summary(trained=0, present=0, failed=2, unfinished=0)

    tiny.change_parameters(world, mend_ita)
    assert swept(world)[0] == Summary(trained=2, present=0, failed=0, unfinished=0)
    assert results(world) == serial
    assert not note.exists()


@pytest.mark.slow
def test_two_sweeps_at_once_train_every_run_once(world, serial):
    summaries: list[Summary] = []
    both = [threading.Thread(target=lambda: summaries.append(swept(world)[0])) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sum(summary.trained for summary in summaries) == len(SYSTEMS) * len(SEEDS)
    assert all(summary.failed == summary.unfinished == 0 for summary in summaries)
    assert results(world) == serial


def test_a_time_limit_stops_after_a_saved_epoch_and_the_next_sweep_continues(world, serial, here):
    summary, lines = swept(world, minutes=0.001)
    assert summary == Summary(trained=0, present=0, failed=0, unfinished=4)
    assert sum("time is up, saved after an epoch" in line for line in lines) == 2
    assert len(list((world / ".checkpoints").rglob("*.pt"))) == 2
    assert swept(world)[0] == Summary(trained=4, present=0, failed=0, unfinished=0)
    assert results(world) == serial


def test_inputs_that_change_under_a_sweep_stop_it(world, here):
    settings = config.load(world / "params.yaml")
    plan = plan_of(settings, world, DEVICE)
    side = world / "data" / "toy" / "corpus" / "dev.jsonl"
    side.write_text(side.read_text() + "\n")
    with pytest.raises(SweepError, match=names("toy", 1)):
        sweep(settings, world, plan, TWO, command="a test", say=lambda line: None)
    assert not list((world / "runs").rglob("*.jsonl"))


def test_a_sweep_needs_inputs_workers_and_names_of_the_profile(world):
    settings = config.load(world / "params.yaml")
    with pytest.raises(ConfigError):
        plan_of(settings, world, DEVICE, systems=["rgcn"])
    with pytest.raises(SweepError, match=names(0, 1)):
        Resources(workers=0, threads=1, gpus=0, ray=None)
    (world / "data" / "toy" / "corpus" / "dev.jsonl").unlink()
    with pytest.raises(SweepError, match=names("toy", "`dvc repro data features graphs`")):
        swept(world)


@pytest.mark.parametrize(
    ("workers", "gpus", "places"),
    [
        (1, 1, [("cuda:0", 1.0)]),
        (5, 1, [("cuda:0", 0.2)] * 5),
        (3, 2, [("cuda:0", 0.5), ("cuda:1", 1.0), ("cuda:0", 0.5)]),
        (2, 3, [("cuda:0", 1.0), ("cuda:1", 1.0)]),
    ],
)
def test_workers_share_gpus(workers, gpus, places):
    shares = Resources(workers, 1, gpus, None).shares()
    assert [(one.device, one.memory_fraction) for one in shares] == places
    # Ray deals GPUs out by one part for all, and shows every worker only the GPU it got, as the first.
    resources = Resources(workers, 1, gpus, "local")
    least = min(part for _, part in places)
    assert resources.gpu_share == least
    assert {(one.device, one.memory_fraction) for one in resources.shares()} == {("cuda:0", least)}


def test_workers_never_hear_an_interrupt_from_their_first_import_on():
    program = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    held: list[tuple[str, str]] = []

    def start() -> None:  # in a thread: whoever sweeps need not be the main one
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        with interrupts_held():
            ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        held.append((ended.stdout, str(before == signal.pthread_sigmask(signal.SIG_BLOCK, []))))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert held == [("True\n", "True")]


def test_an_interrupt_that_comes_while_a_worker_starts_is_not_lost():
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            assert heard == []
        assert heard == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
