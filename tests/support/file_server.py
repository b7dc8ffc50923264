"""A local server of one file that breaks in the ways a test asks for."""

from __future__ import annotations

import contextlib
import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mner.data.download import Retry, fetch
from mner.data.sources import SourceFile

CONTENT = bytes(range(256)) * 1000
SOURCE = SourceFile(
    "owner/repository/0123/folder/file.txt",
    len(CONTENT),
    hashlib.sha256(CONTENT).hexdigest(),
    "none",
    "sentences",
    "umt",
    "twitter2015",
    "dev",
)
QUICK = Retry(attempts=3, timeout=5.0, pause=0.0)


class Server(ThreadingHTTPServer):
    """Serves ``content`` at the source's path; ``cut`` bytes of the first answers are left unsent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.resumes = True
        self.ranges: list[str | None] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        found = self.path == f"/{SOURCE.path}"
        self.send_response(200 if found else 404)
        self.end_headers()

    def do_GET(self) -> None:
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        if server.statuses:
            self.send_response(server.statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if server.resumes and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have seen enough
            self.wfile.write(body[: len(body) - server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


def get(cache: Path, base: str, **more: object) -> Path:
    return fetch(SOURCE, cache=cache, base=base, retry=QUICK, progress=False, **more)  # type: ignore[arg-type]
