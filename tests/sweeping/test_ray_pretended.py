"""Workers on a Ray that is pretended: what is asked of the cluster, what is heard of it, and how it ends."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.messages import names

from mner.sweeping.progress import Event, Kind, Setting, Share
from mner.sweeping.run_plan import Job
from mner.sweeping.workers import on_ray
from mner.sweeping.workers.local import START_TRIES, WorkersError
from mner.sweeping.workers.on_ray import RayWorkers


class RayError(Exception):
    """As Ray's own."""


class RayActorError(RayError):
    """As Ray's own."""


class GetTimeoutError(RayError):
    """As Ray's own."""


class RayTaskError(RayError):
    """As Ray's own; ``cause`` is what the call raised, the text a whole traceback."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"Traceback (most recent call last): ... {cause}")
        self.cause = cause


class News:
    """The queue between machines."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, Event]] = []

    def qsize(self) -> int:
        return len(self.waiting)

    def get_nowait_batch(self, count: int) -> list[tuple[int, Event]]:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


class Ray:
    """What is used of the package; a call's result is what ``outcome`` gives for it when it is asked for."""

    def __init__(self) -> None:
        self.exceptions = SimpleNamespace(
            RayError=RayError,
            RayActorError=RayActorError,
            RayTaskError=RayTaskError,
            GetTimeoutError=GetTimeoutError,
        )
        self.begun: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.actors: list[int] = []
        self.news, self.ended = News(), False
        self.complaint: Callable[[], str] = lambda: ""
        self.outcome: Callable[[Job], Event] = lambda job: Event(Kind.FINISHED, job)

    def init(self, **how: Any) -> None:
        self.begun.append(how)

    def shutdown(self) -> None:
        self.ended = True

    def remote(self, **needs: Any) -> Callable[[type], SimpleNamespace]:
        self.asked.append(needs)
        return lambda kind: SimpleNamespace(remote=self._actor)

    def _actor(self, setting: Setting, share: Share, token: Path, number: int, news: News) -> SimpleNamespace:
        assert token.is_file()
        self.actors.append(number)
        return SimpleNamespace(
            complaint=SimpleNamespace(remote=lambda: "complaint"),
            train_run=SimpleNamespace(remote=lambda job, seconds_left: (len(self.actors), job)),
        )

    def wait(self, references: list, num_returns: int, timeout: float) -> tuple[list, list]:
        return references[:num_returns], references[num_returns:]

    def get(self, reference: Any, timeout: float | None = None) -> Any:
        return self.complaint() if reference == "complaint" else self.outcome(reference[1])


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    made = Ray()
    monkeypatch.setattr(on_ray, "_import_ray", lambda: made)
    monkeypatch.setattr(on_ray, "_queue", lambda: made.news)
    monkeypatch.setenv("RAY_worker_niceness", "0")  # set for good where it is not
    return made


def workers_on(root: Path, address: str = "local", count: int = 2) -> RayWorkers:
    setting = Setting(SimpleNamespace(), root, "a test", tracked=False)
    return RayWorkers(setting, [Share(3, "cuda:0", 0.5)] * count, 0.5, address)


def job(seed: int) -> Job:
    return Job("toy", "a", seed, f"a-{seed}")


def test_every_worker_asks_for_its_threads_and_its_part_of_a_gpu(ray: Ray, tmp_path: Path) -> None:
    workers_on(tmp_path)
    assert ray.actors == [0, 1]
    assert [(needs["num_cpus"], needs["num_gpus"]) for needs in ray.asked] == [(3.0, 0.5)] * 2
    (how,) = ray.begun
    assert (how["address"], how["num_cpus"]) == ("local", 6), "as its workers need, whatever there are"


def test_news_of_a_run_come_before_its_outcome(ray: Ray, tmp_path: Path) -> None:
    workers = workers_on(tmp_path)
    workers.give(1, job(1), None)
    workers.give(0, job(2), None)
    epoch = Event(Kind.EPOCH, job(1), "", 1)
    ray.news.waiting.append((1, epoch))
    assert workers.events(0.0) == [(1, epoch), (1, Event(Kind.FINISHED, job(1)))]
    assert workers.events(0.0) == [(0, Event(Kind.FINISHED, job(2)))]
    assert workers.events(0.0) == []


def dies(job: Job) -> Event:
    raise RayActorError("the actor died")


def test_a_worker_that_answered_before_it_died_is_replaced_however_often(ray: Ray, tmp_path: Path) -> None:
    workers, deaths = workers_on(tmp_path), 4 * START_TRIES
    ray.outcome = dies
    for seed in range(deaths):
        workers.give(1, job(seed), None)
        assert workers.events(0.0) == [(1, Event(Kind.DIED, job(seed), "the actor died"))]
    assert ray.actors == [0, 1, *[1] * deaths]


def test_a_worker_that_dies_before_it_answers_is_replaced_but_not_for_ever(ray: Ray, tmp_path: Path) -> None:
    workers = workers_on(tmp_path)
    ray.outcome = dies

    def never() -> str:
        raise RayActorError("it never came up")

    def told(worker: int) -> Event:
        workers.give(worker, job(worker), None)
        ((_, event),) = workers.events(0.0)
        return event

    assert told(1).kind is Kind.DIED
    ray.complaint = never
    for worker in [1] * (START_TRIES - 1) + [0] * (START_TRIES - 1):
        assert told(worker).kind is Kind.DIED
    with pytest.raises(WorkersError, match="the actor died"):
        told(1)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (GetTimeoutError("late"), names("300 s", 2, 3, "0.5")),
        (RayActorError("no module named mner"), "no module named mner"),
        (None, "elsewhere does not see the folder"),
    ],
)
def test_workers_that_cannot_be_had_are_named_and_leave_nothing_behind(
    ray: Ray, tmp_path: Path, error: Exception | None, told: str
) -> None:
    def complaint() -> str:
        if error is not None:
            raise error
        return "elsewhere does not see the folder"

    ray.complaint = complaint
    with pytest.raises(WorkersError, match=told):
        workers_on(tmp_path)
    assert ray.ended
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_the_end_leaves_no_file_behind(ray: Ray, tmp_path: Path) -> None:
    workers = workers_on(tmp_path)
    assert len(list((tmp_path / ".locks" / "sweep").glob("*.token"))) == 1
    workers.close()
    assert ray.ended
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_machine_that_does_not_see_the_folder_says_so_and_makes_no_worker(tmp_path: Path) -> None:
    setting = Setting(SimpleNamespace(), tmp_path, "a test", tracked=False)
    remote = on_ray._Remote(setting, Share(1, "cpu"), tmp_path / "nowhere.token", 0, News())
    assert str(tmp_path) in remote.complaint()
    with pytest.raises(WorkersError, match=names(tmp_path)):
        remote.train_run(job(1), None)


def test_what_a_worker_cannot_do_is_told_without_a_traceback(ray: Ray, tmp_path: Path) -> None:
    def refuses(job: Job) -> Event:
        raise RayTaskError(WorkersError("elsewhere does not see the folder"))

    workers, ray.outcome = workers_on(tmp_path), refuses
    workers.give(0, job(1), None)
    with pytest.raises(WorkersError, match=r"^elsewhere does not see the folder$"):
        workers.events(0.0)


def test_an_actor_tells_the_news_under_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Telling:
        def __init__(self, setting: Setting, share: Share, tell: Callable[[Event], Any]) -> None:
            self._tell = tell

        def train_run(self, job: Job, seconds_left: float | None) -> Event:
            self._tell(Event(Kind.EPOCH, job, f"{seconds_left}", 1))
            return Event(Kind.FINISHED, job)

    monkeypatch.setattr("mner.sweeping.workers.worker.Worker", Telling)
    (tmp_path / "here.token").touch()
    news: list[tuple[int, Event]] = []
    setting = Setting(SimpleNamespace(), tmp_path, "a test", tracked=False)
    actor = on_ray._Remote(setting, Share(1, "cpu"), tmp_path / "here.token", 4, SimpleNamespace(put=news.append))
    assert actor.complaint() == ""
    assert actor.train_run(job(1), 2.5) == Event(Kind.FINISHED, job(1))
    assert news == [(4, Event(Kind.EPOCH, job(1), "2.5", 1))]


def test_a_cluster_is_knocked_at_before_it_is_joined(ray: Ray, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        workers_on(tmp_path, f"127.0.0.1:{port}")
    assert ray.begun.pop()["address"] == f"127.0.0.1:{port}"
    with pytest.raises(WorkersError, match=names(f"127.0.0.1:{port}", "refused")):
        workers_on(tmp_path, f"127.0.0.1:{port}")
    assert ray.begun == []
    workers_on(tmp_path, "auto")
    assert ray.begun[0]["address"] == "auto"
