"""Downloads in trouble: pauses between tries, silence, broken ranges, and places that were looked at."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.file_server import CONTENT, QUICK, SOURCE, Handler, Server, get
from support.messages import names

from mner.data.download import Retry, SourceError, fetch
from mner.data.reachability import reachable


class Shifted(Handler):
    """Answers a range with the rest of the file from another byte than asked, as often as it is told to."""

    def send_header(self, name: str, value: str) -> None:
        if name == "Content-Range" and self.server.shifts:
            self.server.shifts -= 1
            value = value.replace("bytes ", "bytes 1")
        super().send_header(name, value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        running.RequestHandlerClass, running.shifts = Shifted, 0
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited between tries; nobody waits."""
    waited: list[float] = []
    monkeypatch.setattr("mner.data.download.time.sleep", waited.append)
    return waited


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that takes a request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def part_of(cache: Path, content: bytes) -> Path:
    path = cache / f"{SOURCE.path}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_pause_doubles_after_every_try(tmp_path: Path, server: Any, pauses: list[float]) -> None:
    server.statuses = [503, 502, 408]
    fetch(SOURCE, cache=tmp_path, base=server.base, retry=Retry(4, 5.0, 0.5), progress=False)
    assert pauses == [0.5, 1.0, 2.0]


def test_a_connection_that_is_refused_is_tried_as_often_as_a_busy_server(
    tmp_path: Path, server: Any, pauses: list[float]
) -> None:
    address = server.base
    server.server_close()
    with pytest.raises(SourceError, match=names(SOURCE.path)):
        get(tmp_path, address)
    assert len(pauses) == QUICK.attempts - 1


def test_a_silent_server_is_not_waited_for_longer_than_told(
    tmp_path: Path, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started = time.monotonic()
    with pytest.raises(SourceError, match="timed out"):
        fetch(SOURCE, cache=tmp_path, base=silence, retry=Retry(1, 0.1, 0.0), progress=False)
    answer = reachable([SOURCE], cache=tmp_path, base=silence, timeout=0.1)
    assert (answer.ok, "timed out" in answer.why) == (False, True)
    assert time.monotonic() - started < 3


def test_a_server_that_resumes_elsewhere_is_read_from_the_start(tmp_path: Path, server: Any) -> None:
    part_of(tmp_path, CONTENT[:5000])
    server.shifts = 1
    assert get(tmp_path, server.base).read_bytes() == CONTENT
    assert server.ranges == ["bytes=5000-", None]


def test_a_whole_answer_to_a_range_replaces_what_was_there_at_once(tmp_path: Path, server: Any) -> None:
    part_of(tmp_path, CONTENT[:5000])
    server.resumes = False
    assert get(tmp_path, server.base).read_bytes() == CONTENT
    assert server.ranges == ["bytes=5000-"]


def test_wrong_bytes_after_an_empty_beginning_are_the_servers(tmp_path: Path, server: Any) -> None:
    part = part_of(tmp_path, b"")
    server.content = CONTENT[::-1]
    with pytest.raises(SourceError, match=names(SOURCE.sha256)):
        get(tmp_path, server.base)
    assert server.ranges == [None]
    assert not part.exists()


def test_a_refusal_lists_every_place_that_was_looked_at_and_then_the_ways_out(tmp_path: Path) -> None:
    cache, gone, empty = (tmp_path / name for name in ("cache", "gone", "empty"))
    empty.mkdir()
    with pytest.raises(SourceError) as caught:
        fetch(SOURCE, cache=cache, mirrors=(gone, empty), network=False)
    assert caught.value.path == SOURCE.path
    *places, network = caught.value.seen
    for place, line in zip((cache / SOURCE.path, gone, empty), places, strict=True):
        assert str(place) in line
    assert network.startswith("network")
    assert SOURCE.sha256 in str(caught.value)
