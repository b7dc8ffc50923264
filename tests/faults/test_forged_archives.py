"""Archives from outside cost bounded memory and leave nothing; downloads end in bounded time."""

from __future__ import annotations

import gzip
import io
import json
import signal
import socketserver
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mner.data.archives import ArchiveError, safe_extract
from mner.data.download import Retry, SourceError, fetch
from mner.data.sources import SOURCES
from mner.tracking import run_archive as runs_archive
from mner.tracking.run_archive import MANIFEST, STAGING, PackError, unpack

pytestmark = pytest.mark.fault("detected")

SIZE = 1 << 30


def _header(kind: bytes, name: str = "x") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, SIZE
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_tar_header_of_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path, kind: bytes, first: bool) -> None:
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        if not first:
            small = tarfile.TarInfo("small")
            small.size = 5
            out.write(small.tobuf() + b"small".ljust(512, b"\0"))
        out.write(_header(kind))
        out.write(bytes(1 << 16))  # were the header read, the archive would be cut short
    with pytest.raises(ArchiveError) as raised:
        safe_extract(path, tmp_path / "out")
    assert f"{SIZE:,}" in str(raised.value)
    assert not (tmp_path / "out").exists()


def _archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", [MANIFEST, "runs/p/d/s/1/record.json"])
def test_deep_json_is_refused_in_one_line_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    files = {"runs/p/d/s/1/record.json": b"{}"} | {name: deep}
    if name != MANIFEST:
        manifest = {n: {"size": len(c), "sha256": _sha256(c)} for n, c in files.items()}
        files[MANIFEST] = json.dumps({"format": 1, "files": manifest}).encode()
    with pytest.raises(PackError) as raised:
        unpack(_archive(tmp_path / "a.tar.gz", files), tmp_path, lambda record: None)
    assert len(str(raised.value).splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"a.tar.gz", ".locks"}


def _sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_a_json_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "record.json").open("wb") as handle:
        handle.truncate(runs_archive.JSON_LIMIT + 1)
    with pytest.raises(ValueError, match=r"record\.json"):
        runs_archive._bounded_json(tmp_path / "record.json")


def test_what_a_killed_unpack_left_goes_with_the_next(tmp_path: Path) -> None:
    (tmp_path / f"{STAGING}dead").mkdir()
    (tmp_path / f"{STAGING}dead" / "half").write_text("x")
    with pytest.raises(PackError):
        unpack(_archive(tmp_path / "a.tar.gz", {"a": b"x"}), tmp_path, lambda record: None)
    assert not list(tmp_path.glob(f"{STAGING}*"))


def test_a_terminated_unpack_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import argparse, time; from pathlib import Path\n"
        "from mner.cli.verbs import unpack as command; from mner.tracking import run_archive as archive\n"
        "def slow(source, staging, **how):\n"
        "    (staging / 'half').write_text('x'); print('here', flush=True); time.sleep(60)\n"
        "archive.safe_extract = slow\n"
        "command.settings = lambda: None\n"
        "import mner.training.arrival as arrival; arrival.objections = lambda *a: None\n"
        "command.run(argparse.Namespace(archive=Path('a.tar.gz')))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert {path.name for path in tmp_path.iterdir()} <= {".locks"}


class _Trickle(socketserver.BaseRequestHandler):
    """Answers well, and then sends a byte now and then for ever."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                self.request.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            return


@pytest.fixture
def trickle() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Trickle) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    "retry",
    [
        Retry(attempts=2, timeout=5.0, pause=0.0, grace=0.3),
        Retry(attempts=9, timeout=5.0, pause=0.0, least_rate=0.0, deadline=0.5),
    ],
)
def test_a_download_that_trickles_is_given_up(tmp_path: Path, trickle: str, retry: Retry) -> None:
    began = time.monotonic()
    with pytest.raises(SourceError):
        fetch(SOURCES[0], cache=tmp_path, base=trickle, retry=retry, progress=False)
    assert time.monotonic() - began < 20
