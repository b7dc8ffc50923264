"""Fetching pictures resumes, retries, gives up in time, and refuses what it cannot ask for."""

from __future__ import annotations

import email.message
import io
import sys
import threading
import types
import urllib.error
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from support.messages import names

from mner.data.download import Retry
from mner.data.image_sources import DRIVE_ID, GITHUB_FOLDERS, Obtained, obtain_images
from mner.data.picture_files import ImageError, scan_images

IMPATIENT = Retry(attempts=3, timeout=5.0, pause=0.0)


def picture(shade: int = 0, form: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).point(lambda value: (value + shade) % 256).save(buffer, form)
    return buffer.getvalue()


class Server:
    """A local server of one data set's pictures that answers from a table and counts what it was asked."""

    def __init__(self, answers: dict[str, list[tuple[int, bytes]]], dataset: str = "twitter2015") -> None:
        self.asked: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                image = self.path.removeprefix(f"/{GITHUB_FOLDERS[dataset]}/").removesuffix(".jpg")
                with lock:
                    outer.at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer.at_once)
                    turn = outer.asked[image]
                    outer.asked[image] += 1
                status, body = answers.get(image, [(404, b"no")])[min(turn, len(answers.get(image, [0])) - 1)]
                declared = len(body)
                if status == -200:
                    status, body = 200, body[: len(body) // 2]
                with lock:
                    outer.at_once -= 1
                self.send_response(status)
                self.send_header("Content-Length", str(declared))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = []

    def start(answers, dataset: str = "twitter2015") -> Server:
        running.append(Server(answers, dataset))
        return running[-1]

    yield start
    for server in running:
        server.http.shutdown()
        server.http.server_close()


def from_github(destination: Path, base: str, wanted, **options):
    options = {"retry": IMPATIENT, **options}
    return obtain_images("twitter2015", destination, method="github", wanted=wanted, base=base, **options)


class TestGithub:
    def test_brings_what_is_lacking_and_only_that(self, serve, tmp_path):
        server = serve({str(number): [(200, picture(number))] for number in range(12)})
        wanted = [str(number) for number in range(12)]
        (tmp_path / "3.jpg").write_bytes(picture(77))
        (tmp_path / "4.png").write_bytes(picture(78, "PNG"))
        first = from_github(tmp_path, server.base, wanted, workers=3)
        assert (first.folder, first.downloaded, first.present, first.failed) == (tmp_path, 10, 2, {})
        assert (tmp_path / "3.jpg").read_bytes() == picture(77)
        assert (tmp_path / "5.jpg").read_bytes() == picture(5)
        assert server.most_at_once <= 3
        again = from_github(tmp_path, server.base, [*wanted, "0"])
        assert (again.downloaded, again.present) == (0, 12)
        assert set(server.asked.values()) == {1}
        assert len(scan_images(tmp_path, wanted, {}).pixels) == 12
        assert not list(tmp_path.glob("*.part"))

    def test_each_data_set_is_asked_for_in_its_own_repository(self, serve, tmp_path):
        server = serve({"17_06_1": [(200, picture(1))]}, "twitter2017")
        wanted = ["17_06_1", "17_06_2"]
        got = obtain_images(
            "twitter2017", tmp_path, method="github", wanted=wanted, base=server.base, retry=IMPATIENT
        )
        assert (got.downloaded, got.present, set(got.failed)) == (1, 0, {"17_06_2"})
        assert (tmp_path / "17_06_1.jpg").read_bytes() == picture(1)
        assert set(server.asked) == set(wanted)

    def test_tries_again_after_busy_answers_and_broken_transfers(self, serve, tmp_path):
        server = serve({"1": [(503, b"busy"), (-200, picture()), (200, picture())]})
        assert from_github(tmp_path, server.base, ["1"]).downloaded == 1
        assert server.asked["1"] == 3
        assert (tmp_path / "1.jpg").read_bytes() == picture()

    def test_pauses_double_unless_the_server_says_how_long_and_a_minute_is_the_most(self, monkeypatch, tmp_path):
        waited, asked = [], iter(("soon", "7", "900", "", None))

        def request(address: str, timeout: float) -> bytes:
            headers, wish = email.message.Message(), next(asked)
            if wish is None:
                return picture()
            headers["Retry-After"] = wish
            raise urllib.error.HTTPError(address, 503, "busy", headers, io.BytesIO())

        monkeypatch.setattr("mner.data.image_sources._request", request)
        monkeypatch.setattr("mner.data.image_sources.time.sleep", waited.append)
        retry = Retry(attempts=5, timeout=1.0, pause=0.5)
        assert from_github(tmp_path, "http://127.0.0.1:9", ["1"], retry=retry).downloaded == 1
        assert waited == [0.5, 7.0, 60.0, 4.0]

    def test_an_answer_that_is_too_large_is_refused_and_not_asked_for_again(self, serve, monkeypatch, tmp_path):
        size = len(picture())
        monkeypatch.setattr("mner.data.image_sources.BYTE_LIMIT", size)
        server = serve({"fits": [(200, picture())], "large": [(200, picture() + b"x")]})
        outcome = from_github(tmp_path, server.base, ["fits", "large"])
        assert (outcome.downloaded, list(outcome.failed)) == (1, ["large"])
        assert f"{size:,}" in outcome.failed["large"]
        assert server.asked["large"] == 1

    def test_absent_and_false_pictures_are_named_and_not_written(self, serve, tmp_path):
        server = serve({"good": [(200, picture())], "page": [(200, b"<html>hello</html>")]})
        outcome = from_github(tmp_path, server.base, ["gone", "page", "good"])
        assert outcome.downloaded == 1
        assert set(outcome.failed) == {"gone", "page"}
        assert "404" in outcome.failed["gone"]
        assert "page.jpg" in outcome.failed["page"]
        assert server.asked == {"gone": 1, "page": 1, "good": 1}
        assert [path.name for path in tmp_path.glob("*.jpg")] == ["good.jpg"]

    def test_gives_up_early_when_nothing_answers(self, serve, tmp_path):
        wanted = [str(number) for number in range(300)]
        server = serve({image: [(500, b"down")] for image in wanted})
        with pytest.raises(ImageError, match=names(4, 500)):
            from_github(tmp_path, server.base, wanted, workers=2)
        assert len(server.asked) < 100

    def test_gives_up_when_there_is_no_server(self, tmp_path):
        with pytest.raises(ImageError, match=r"127\.0\.0\.1:9|refused"):
            from_github(tmp_path, "http://127.0.0.1:9", ["1"])

    @pytest.mark.parametrize("image", ["../evil", "a/b", ".hidden", "", "x\0y"])
    def test_ids_that_are_no_file_names_are_refused(self, image, tmp_path):
        with pytest.raises(ImageError, match=names(repr(image))):
            from_github(tmp_path, "http://127.0.0.1:9", ["1", image])

    @pytest.mark.parametrize(
        ("dataset", "method", "base", "wanted", "message"),
        [
            (
                "controls-positive",
                "github",
                "http://127.0.0.1:9",
                ["1"],
                names("controls-positive"),
            ),
            ("controls-positive", "google-drive", "", [], names("controls-positive")),
            ("twitter2015", "ftp", "", ["1"], names("'ftp'")),
            ("twitter2015", "github", "file:///etc", ["1"], names("file:///etc")),
            ("twitter2015", "github", "http://127.0.0.1:9", [], names("github")),
        ],
    )
    def test_requests_nobody_can_serve_are_refused(self, dataset, method, base, wanted, message, tmp_path):
        with pytest.raises(ImageError, match=message):
            obtain_images(dataset, tmp_path, method=method, base=base, wanted=wanted)


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


class TestGoogleDrive:
    def test_absent_package_is_named_with_its_remedy(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "gdown", None)
        with pytest.raises(ImageError, match=r"pip install -e '.\[images\]'"):
            obtain_images("twitter2017", tmp_path, method="google-drive")

    def test_archive_is_downloaded_once_and_unpacked(self, monkeypatch, tmp_path):
        calls = []

        def download(*, id: str, output: str, resume: bool) -> str:
            calls.append((id, resume))
            files = {"all/fifteen/1.jpg": picture(1), "all/seventeen/17_06_2.jpg": picture(2), "all/readme": b"hi"}
            return str(zip_of(Path(output), files))

        monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=download))
        for _ in range(2):
            outcome = obtain_images("twitter2017", tmp_path, method="google-drive")
        assert calls == [(DRIVE_ID, True)]
        assert outcome.folder == tmp_path / "all"
        assert outcome.downloaded == 2
        assert set(scan_images(outcome.folder, ["1", "17_06_2"], {}).pixels) == {"1", "17_06_2"}

    def test_hidden_files_are_no_pictures_and_an_archive_of_none_is_refused(self, monkeypatch, tmp_path):
        files = {"all/1.jpg": picture(1), "all/._1.jpg": b"of another system", "__MACOSX/all/._1.jpg": b"so too"}

        def download(*, id: str, output: str, resume: bool) -> str:
            return str(zip_of(Path(output), files))

        monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=download))
        outcome = obtain_images("twitter2017", tmp_path / "one", method="google-drive")
        assert outcome == Obtained(tmp_path / "one" / "all", 1, 0, {})
        del files["all/1.jpg"]
        with pytest.raises(ImageError, match=names(f"google-drive-{DRIVE_ID}.archive")):
            obtain_images("twitter2017", tmp_path / "two", method="google-drive")

    @pytest.mark.parametrize("failure", ["raises", "returns nothing"])
    def test_refused_download_says_what_to_do(self, failure, monkeypatch, tmp_path):
        def download(**_: object) -> None:
            if failure == "raises":
                raise RuntimeError("too many users")

        monkeypatch.setitem(sys.modules, "gdown", types.SimpleNamespace(download=download))
        with pytest.raises(ImageError, match=names(DRIVE_ID, tmp_path)):
            obtain_images("twitter2015", tmp_path, method="google-drive")
