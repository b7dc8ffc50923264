"""Workers as Ray actors, on one machine or on many that see the project folder under the same path."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mner.sweeping.progress import Event, Kind, Setting, Share
from mner.sweeping.run_plan import Job
from mner.sweeping.workers.local import START_TRIES, WorkersError

LOCAL = "local"
START_SECONDS = 300.0
KNOCK_SECONDS = 10.0
NEWS_AT_ONCE = 1000


class RayWorkers:
    """One actor a share. ``gpu_share`` is the part of a GPU each asks for; ``address``: ``local``, or a cluster's.

    Raises:
        WorkersError: Ray is not installed, the cluster is too small, or a machine of it does not see the folder.
    """

    def __init__(self, setting: Setting, shares: Sequence[Share], gpu_share: float, address: str) -> None:
        self.count = len(shares)
        self._setting, self._shares, self._gpu_share = setting, shares, gpu_share
        if address == LOCAL:
            _demand_token()
        self._ray = _import_ray()
        self._cpus = _connect(self._ray, address, shares)
        self._token = setting.root / ".locks" / "sweep" / f"{secrets.token_hex(8)}.token"
        self._token.parent.mkdir(parents=True, exist_ok=True)
        self._token.touch()
        self._news = _queue()
        self._jobs: dict[Any, tuple[int, Job]] = {}
        # Actors of each worker, one after the other, that have not answered; and what the last one was asked.
        self._starts = [0] * self.count
        self._greetings: list[Any] = [None] * self.count
        self._actors = [self._start(number) for number in range(self.count)]
        try:
            for greeting in self._greetings:
                self._check(greeting)
        except BaseException:
            self.close()
            raise

    def give(self, worker: int, job: Job, seconds_left: float | None) -> None:
        self._jobs[self._actors[worker].train_run.remote(job, seconds_left)] = worker, job

    def events(self, timeout: float) -> list[tuple[int, Event]]:
        if not self._jobs:
            time.sleep(timeout)
        ready, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=timeout) if self._jobs else ([], [])
        news = self._news.get_nowait_batch(min(self._news.qsize(), NEWS_AT_ONCE))
        for reference in ready:
            worker, job = self._jobs.pop(reference)
            news.append((worker, self._outcome(reference, worker, job)))
        return news

    def close(self) -> None:
        self._token.unlink(missing_ok=True)
        self._ray.shutdown()

    def _outcome(self, reference: Any, worker: int, job: Job) -> Event:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            if self._has_answered(worker):
                self._starts[worker] = 0
            if self._starts[worker] >= START_TRIES:
                raise WorkersError(f"workers on Ray die before they train anything: {error}") from error
            self._actors[worker] = self._start(worker)
            return Event(Kind.DIED, job, str(error), exhausted="out of memory" in str(error).lower())
        except self._ray.exceptions.RayTaskError as error:
            raise WorkersError(str(error.cause)) from error

    def _start(self, worker: int) -> Any:
        # Started elsewhere, a worker must find the very code and packages that this process has.
        environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}}
        remote = self._ray.remote(num_cpus=self._cpus, num_gpus=self._gpu_share, runtime_env=environment)(_Remote)
        actor = remote.remote(self._setting, self._shares[worker], self._token, worker, self._news)
        self._starts[worker] += 1
        self._greetings[worker] = actor.complaint.remote()
        return actor

    def _has_answered(self, worker: int) -> bool:
        """Whether the worker's last actor came as far as answering; its answer outlives it."""
        try:
            self._ray.get(self._greetings[worker], timeout=0)
        except self._ray.exceptions.RayError:
            return False
        return True

    def _check(self, greeting: Any) -> None:
        try:
            complaint = self._ray.get(greeting, timeout=START_SECONDS)
        except self._ray.exceptions.GetTimeoutError as error:
            raise WorkersError(
                f"no worker within {START_SECONDS:.0f} s: the cluster has no room for {self.count} workers with "
                f"{self._cpus:g} CPUs and {self._gpu_share:g} GPUs each; see `ray status`"
            ) from error
        except self._ray.exceptions.RayError as error:
            raise WorkersError(f"a worker on Ray does not start: {error}") from error
        if complaint:
            raise WorkersError(complaint)


class _Remote:
    """The actor: the same worker as everywhere, once it has seen that it stands in the same folder."""

    def __init__(self, setting: Setting, share: Share, token: Path, number: int, news: Any) -> None:
        self._complaint = ""
        if not token.is_file():
            self._complaint = (
                f"{os.uname().nodename} does not see {setting.root}: share the folder with every machine of the "
                "cluster under the same path, or sweep on that machine and use `mner pack` and `mner unpack`"
            )
            return
        from mner.sweeping.workers.worker import Worker

        self._worker = Worker(setting, share, lambda event: news.put((number, event)))

    def complaint(self) -> str:
        return self._complaint

    def train_run(self, job: Job, seconds_left: float | None) -> Event:
        if self._complaint:  # one that replaces another may stand on another machine
            raise WorkersError(self._complaint)
        return self._worker.train_run(job, seconds_left)


def _demand_token() -> None:
    """Let a Ray of our own answer only who knows a secret of this process; it listens on more than loopback.

    Ray reads both when it is imported. Its own processes inherit them, and a token that is set already stays.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] == "token" and not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a benchmark reports to nobody
    try:
        import ray
    except ModuleNotFoundError as error:
        raise WorkersError("Ray is not installed: pip install -e '.[cluster]', or sweep without --ray") from error
    return ray


def _connect(ray: Any, address: str, shares: Sequence[Share]) -> float:
    """Start or join; returns the CPUs each worker asks for.

    A Ray of our own is told how many workers it may start: the share of a processor is settled by threads, not by
    Ray's count of CPUs, which would otherwise refuse more workers than cores.
    """
    quiet = {"log_to_driver": False, "configure_logging": False}
    if address == LOCAL:
        os.environ.setdefault("RAY_worker_niceness", "0")  # by default, whatever else runs goes before its workers
        cpus = sum(share.threads for share in shares)
        ray.init(address=LOCAL, num_cpus=cpus, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    else:
        try:
            _knock(address)
            ray.init(address=address, **quiet)
        except OSError as error:
            raise WorkersError(f"no Ray cluster at {address}: {error}") from error
    return float(shares[0].threads)


def _knock(address: str) -> None:
    """Ray ends the whole process when nobody answers at HOST:PORT; raises OSError instead."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


def _queue() -> Any:
    from ray.util.queue import Queue

    return Queue()
