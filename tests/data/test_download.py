"""Files come whole from the cache, a mirror or the network, or an error says what was seen and the ways out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.file_server import CONTENT, SOURCE, Server, get
from support.messages import names

from mner.data.download import SourceError, locate
from mner.data.reachability import reachable
from mner.data.sources import SOURCES, SourceFile, files_of, select


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def put(folder: Path, content: bytes) -> Path:
    path = folder / SOURCE.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_every_source_has_an_address_a_size_and_a_hash() -> None:
    assert len({(source.path, source.dataset) for source in SOURCES}) == len(SOURCES)
    for source in SOURCES:
        assert source.bytes > 0
        assert len(bytes.fromhex(source.sha256)) == 32
        assert source.address().startswith("https://raw.githubusercontent.com/")
    assert {source.split for source in files_of("twitter2017") if source.copy == "rgcn"} == {
        "train",
        "dev",
        "test",
    }
    assert [source.role for source in select(dataset="twitter2015", copy="ocsga")] == ["objects"]
    with pytest.raises(ValueError, match="twitter2016"):
        files_of("twitter2016")


def test_cache_comes_before_mirror_before_network(tmp_path: Path, server: Server) -> None:
    cache, mirror = tmp_path / "cache", tmp_path / "mirror"
    mirrored = put(mirror, CONTENT)
    assert get(cache, server.base, mirrors=(tmp_path / "none", mirror)) == mirrored
    cached = put(cache, CONTENT)
    assert get(cache, server.base, mirrors=(mirror,)) == cached
    assert server.ranges == []


def test_download_fills_the_cache_and_leaves_no_partial_file(tmp_path: Path, server: Server) -> None:
    path = get(tmp_path, server.base)
    assert path.read_bytes() == CONTENT
    assert not list(tmp_path.rglob("*.part"))
    get(tmp_path, server.base)
    assert len(server.ranges) == 1


def test_truncated_download_resumes_where_it_stopped(tmp_path: Path, server: Server) -> None:
    server.cuts = [1000, 10]
    assert get(tmp_path, server.base).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(CONTENT) - 1000}-", f"bytes={len(CONTENT) - 10}-"]


def test_server_without_ranges_is_read_from_the_start(tmp_path: Path, server: Server) -> None:
    server.cuts, server.resumes = [1000], False
    assert get(tmp_path, server.base).read_bytes() == CONTENT


def test_unfinished_download_of_an_earlier_process_is_used(tmp_path: Path, server: Server) -> None:
    put(tmp_path, b"").unlink()
    part = tmp_path / f"{SOURCE.path}.part"
    part.write_bytes(CONTENT[:5000])
    assert get(tmp_path, server.base).read_bytes() == CONTENT
    assert server.ranges == ["bytes=5000-"]


@pytest.mark.parametrize("left", [CONTENT[::-1], CONTENT + b"x"])
def test_an_unfinished_download_that_has_its_size_already_is_not_resumed(
    tmp_path: Path, server: Server, left: bytes
) -> None:
    put(tmp_path, b"").unlink()
    (tmp_path / f"{SOURCE.path}.part").write_bytes(left)
    assert get(tmp_path, server.base).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_file_is_located_in_cache_or_mirror_by_its_bytes(tmp_path: Path) -> None:
    cache, mirrors = tmp_path / "cache", (tmp_path / "wrong", tmp_path / "right")
    put(mirrors[0], CONTENT[::-1])
    assert locate(SOURCE, cache=cache, mirrors=mirrors) is None
    right = put(mirrors[1], CONTENT)
    assert locate(SOURCE, cache=cache, mirrors=mirrors) == right
    assert locate(SOURCE, cache=cache) is None
    assert locate(SOURCE, cache=cache, mirrors=(tmp_path / "none",)) is None
    cached = put(cache, CONTENT)
    assert locate(SOURCE, cache=cache, mirrors=mirrors) == cached


def test_a_machine_kept_from_the_network_does_not_count_on_it(tmp_path: Path, server: Server) -> None:
    assert reachable([SOURCE], cache=tmp_path, base=server.base).ok
    offline = reachable([SOURCE], cache=tmp_path, base=server.base, network=False)
    assert (offline.ok, offline.where) == (False, {SOURCE.path: "nowhere"})


def test_places_are_told_in_one_order_with_their_counts(tmp_path: Path) -> None:
    cache, mirror = tmp_path / "cache", tmp_path / "mirror"
    put(cache, CONTENT)
    others = [replace(SOURCE, path=f"{SOURCE.path}.{name}") for name in ("one", "two")]
    for other in others:
        put(mirror, CONTENT).rename(mirror / other.path)
    answer = reachable([*others, SOURCE], cache=cache, mirrors=(mirror,), network=False)
    assert answer.why == f"all 3 files can be had: 1 from cache, 2 from mirror {mirror}"


def test_damaged_unfinished_download_starts_again_with_a_note(tmp_path: Path, server: Server) -> None:
    put(tmp_path, b"").unlink()
    (tmp_path / f"{SOURCE.path}.part").write_bytes(b"?" * 5000)
    notes: list[str] = []
    assert get(tmp_path, server.base, note=notes.append).read_bytes() == CONTENT
    assert server.ranges == ["bytes=5000-", None]
    assert len(notes) == 1
    assert "damaged" in notes[0]


def test_busy_server_is_asked_again_but_a_missing_file_is_not(tmp_path: Path, server: Server) -> None:
    server.statuses = [503, 429]
    assert get(tmp_path / "a", server.base).read_bytes() == CONTENT
    server.statuses = [404, 404]
    with pytest.raises(SourceError, match=names(404)):
        get(tmp_path / "b", server.base)
    assert len(server.ranges) == 4


def test_wrong_bytes_from_the_network_are_refused_and_not_kept(tmp_path: Path, server: Server) -> None:
    server.content = CONTENT[::-1]
    with pytest.raises(SourceError, match=names(SOURCE.sha256, hashlib.sha256(server.content).hexdigest())):
        get(tmp_path, server.base)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]


def test_endless_answer_is_cut_off(tmp_path: Path, server: Server) -> None:
    server.content = CONTENT + b"x" * 10_000_000
    with pytest.raises(SourceError, match=names(SOURCE.sha256)):
        get(tmp_path, server.base)


def test_refused_connection_names_the_ways_out(tmp_path: Path, server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(SourceError) as caught:
        get(tmp_path, server.base)
    message = str(caught.value)
    for part in (SOURCE.path, f"{SOURCE.bytes:,} bytes", "refused", "MNER_MIRROR", str(tmp_path / SOURCE.path)):
        assert part in message


def test_offline_machine_says_so_without_asking_the_network(tmp_path: Path, server: Server) -> None:
    with pytest.raises(SourceError, match=names(SOURCE.path)):
        get(tmp_path, server.base, network=False)
    assert server.ranges == []


def test_damaged_cache_entry_is_replaced_with_a_note(tmp_path: Path, server: Server) -> None:
    notes: list[str] = []
    put(tmp_path, CONTENT[:-1] + b"?")
    assert locate(SOURCE, cache=tmp_path) is None
    assert get(tmp_path, server.base, note=notes.append).read_bytes() == CONTENT
    assert ["damaged" in note for note in notes] == [True]


def test_wrong_mirror_copy_is_an_error_even_if_the_network_could_help(tmp_path: Path, server: Server) -> None:
    put(tmp_path / "mirror", b"other")
    with pytest.raises(SourceError, match=names(5)):
        get(tmp_path / "cache", server.base, mirrors=(tmp_path / "mirror",))
    answer = reachable([SOURCE], cache=tmp_path / "cache", mirrors=(tmp_path / "mirror",), base=server.base)
    assert not answer.ok
    assert "other bytes" in answer.why


def test_reachable_names_the_place_and_downloads_nothing(tmp_path: Path, server: Server) -> None:
    cache, mirror = tmp_path / "cache", tmp_path / "mirror"
    missing = SourceFile("other/repository/1/x", 1, "0" * 64, "none", "sentences", "umt")
    answer = reachable([SOURCE], cache=cache, base=server.base)
    assert answer.ok
    assert answer.where == {SOURCE.path: "network"}
    answer = reachable([SOURCE, missing], cache=cache, base=server.base)
    assert not answer.ok
    assert answer.why == (
        f"1 of 2 files cannot be had: neither cached nor mirrored, and {server.base}/other/repository/1 cannot be "
        "reached (answer 404)"
    )
    put(mirror, CONTENT)
    answer = reachable([SOURCE], cache=cache, mirrors=(mirror,), network=False)
    assert answer.why == f"all 1 files can be had: 1 from mirror {mirror}"
    answer = reachable([missing], cache=cache, network=False)
    assert answer.why.endswith("the network is not allowed")
    assert server.ranges == []


def test_public_files_in_the_mirror_are_those_of_the_table(mirror: Path, tmp_path: Path) -> None:
    answer = reachable(SOURCES, cache=tmp_path, mirrors=(mirror,), network=False)
    assert answer.ok, answer.why
    assert len(answer.where) == 51
