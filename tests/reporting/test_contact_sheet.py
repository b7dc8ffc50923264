"""A contact sheet shows every finding at its place, lists what was masked, and lets no found text act."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.elements import Elements
from support.messages import names
from support.profile_settings import write_profile
from support.tiny_extractor import TinyGrid

from mner.base.files import write_json_atomically
from mner.features.extraction import extract
from mner.features.found import Caption, Detection, Found, Lines, Objects, Tag, Tags, TextLine
from mner.features.found_files import RegionShape, read_kinds
from mner.features.pictures import Pictures, pictures_of_folder
from mner.features.store import FeatureError
from mner.reporting.contact_sheet import ContactSheetError, evenly, read_captions, render_sheet

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "reports" / "templates"


HOSTILE = '"><script>alert(1)</script><img src=x onerror="alert(2)">&amp;</style>{{ 7 * 7 }}'
OBJECTS = Objects(
    (Detection("dog", 0.912, (0.25, 0.5, 0.75, 1.0)), Detection("red car", 0.4, (0.0, 0.0, 0.1, 0.2)))
)


class Planted(TinyGrid):
    """Finds in every picture what it was told to."""

    def __init__(self, kind: str, one: Found) -> None:
        super().__init__(kind=kind)
        self.provenance = {"model": f"planted {kind}"}
        self.one = one

    def extract(self, prepared):
        return [self.one for _ in prepared]


@pytest.fixture
def pictures(tmp_path) -> Pictures:
    """Two drawn pictures, one of them larger than a thumbnail, and two that are masked."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (1200, 800), (200, 30, 30)).save(folder / "large.png")
    noise = np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "small.jpg")
    (folder / "text.jpg").write_text("no <b>picture</b>")
    (folder / "torn.jpg").write_bytes((folder / "small.jpg").read_bytes()[:700])
    return pictures_of_folder(folder)


def plant(pictures: Pictures, folder: Path, *extractors: TinyGrid) -> Path:
    for extractor in extractors:
        work = folder / ".work" / extractor.kind
        extract(pictures, extractor, folder, work, batch_size=2, device=torch.device("cpu"))
    return folder


def sheet(pictures: Pictures, folder: Path, captions: dict | None = None, *, name: str = "drawn", count: int = 9):
    return render_sheet(name, pictures, read_kinds(folder, pictures), captions or {}, TEMPLATES, count=count)


def test_boxes_lie_at_their_fractions_of_the_thumbnail(pictures, tmp_path):
    page = Elements(sheet(pictures, plant(pictures, tmp_path / "out", Planted("objects", OBJECTS))))
    drawings = page.all("svg")
    assert [svg["viewbox"] for svg in drawings] == ["0 0 640 427", "0 0 40 60"]  # 1200 x 800 is shrunk
    dogs = [rect for rect in page.all("rect", "object") if rect["class"] == "object c0"]
    sizes = [tuple(map(int, svg["viewbox"].split()[2:])) for svg in drawings]
    for rect, (width, height) in zip(dogs, sizes, strict=True):
        x, y, w, h = (float(rect[key]) for key in ("x", "y", "width", "height"))
        assert (x / width, y / height) == pytest.approx((0.25, 0.5), abs=0.002)
        assert ((x + w) / width, (y + h) / height) == pytest.approx((0.75, 1.0), abs=0.002)
    assert "1 dog 0.91" in page.words()
    assert "2 red car 0.40" in page.words()


def test_thumbnails_are_the_pictures_small_and_embedded(pictures, tmp_path):
    page = Elements(sheet(pictures, plant(pictures, tmp_path / "out", TinyGrid())))
    kind, data = page.all("image")[0]["href"].split(",", 1)
    assert kind == "data:image/jpeg;base64"
    thumbnail = Image.open(io.BytesIO(base64.b64decode(data)))
    assert thumbnail.size == (640, 427)
    assert np.asarray(thumbnail).reshape(-1, 3).mean(axis=0) == pytest.approx((200, 30, 30), abs=4)


def test_every_kind_is_shown_with_what_made_it(pictures, tmp_path):
    lines = Lines(tuple(TextLine(f"line {number}", 0.5, (0, 0, 1, 0.1)) for number in range(30)))
    folder = plant(
        pictures,
        tmp_path / "out",
        TinyGrid(),
        TinyGrid(kind="crops"),
        Planted("objects", OBJECTS),
        Planted("ocr", lines),
        Planted("tags", Tags((Tag("volcano", 0.75), Tag("alp", 0.001)))),
        Planted("captions", Caption("a dog")),
    )
    page = Elements(sheet(pictures, folder, {"published": {"small": "a cat", "elsewhere": "a cow"}}))
    words = page.words()
    for shown in (
        "one convolution",
        "planted objects",
        "60 lines",
        "24 more lines",
        "line 29",
        "volcano 0.75",
        "alp <0.01",
        "a dog extracted",
        "a cat published",
        "grid 16 × 8 · crops 16 × 8",
        "1,200 × 800 px",
        "2 pictures, 2 masked",
    ):
        assert shown in words, shown
    assert "a cow" not in words
    assert len(page.all("rect", "crop")) == 2 * 16
    assert len(page.all("rect", "writing")) == 2 * 30


def test_masked_pictures_are_listed_with_their_finding_and_not_drawn(pictures, tmp_path):
    folder = plant(pictures, tmp_path / "out", TinyGrid(), Planted("objects", OBJECTS))
    page = sheet(pictures, folder)
    words = Elements(page).words()
    assert re.search(r"wrong format text text\.jpg: the content is none of [A-Z, ]+ grid, objects", words)
    assert re.search(r"torn torn\.jpg: .*? \(.*?\) grid, objects", words)
    assert len(Elements(page).all("article")) == 2


def test_many_masked_pictures_are_folded_but_all_there(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (30, 30)).save(folder / "whole.png")
    for number in range(20):
        (folder / f"torn{number:02d}.jpg").write_text("x")
    pictures = pictures_of_folder(folder)
    page = Elements(sheet(pictures, plant(pictures, tmp_path / "out", TinyGrid())))
    assert "14 more pictures" in page.words()
    assert len(page.all("div", "finding")) == 20 + len(page.all("div", "findings"))


def test_found_text_cannot_act(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = '"><svg onload=alert(3)>'
    Image.new("RGB", (30, 30)).save(folder / f"{image}.png")
    (folder / "<b>torn.jpg").write_text("x")
    pictures = pictures_of_folder(folder)
    found = plant(
        pictures,
        tmp_path / "out",
        Planted("objects", Objects((Detection(HOSTILE, 0.5, (0, 0, 1, 1)),))),
        Planted("ocr", Lines((TextLine(f"{HOSTILE}\x00\x1b[31m\u202eright", 0.5, (0, 0, 1, 1)),))),
        Planted("tags", Tags((Tag(HOSTILE, 0.5),))),
        Planted("captions", Caption(HOSTILE)),
    )
    captions = json.loads('{"a": "\\ud800 lone"}')["a"] + HOSTILE
    text = sheet(pictures, found, {HOSTILE: {image: captions}}, name=HOSTILE)
    text.encode("utf-8")  # nothing half a character
    page = Elements(text)
    names = {name for name, _ in page.found}
    assert names.isdisjoint({"script", "img", "iframe", "object", "link", "b onload"})
    assert len(page.all("svg")) == 1
    assert not [key for _, attributes in page.found for key in attributes if key.startswith("on")]
    assert page.words().count("<script>alert(1)</script>") >= 6
    assert "49" not in page.words()  # nothing found is a template
    assert "\x00" not in text
    assert "\x1b" not in text
    policy = page.all("meta")[1]
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_the_page_needs_nothing_from_elsewhere_and_is_the_same_every_time(pictures, tmp_path):
    folder = plant(pictures, tmp_path / "out", TinyGrid(), Planted("objects", OBJECTS))
    page = sheet(pictures, folder)
    assert page == sheet(pictures, folder)
    places = [v for _, a in Elements(page).found for k, v in a.items() if k in ("href", "src")]
    assert all(place.startswith("data:image/jpeg;base64,") for place in places)
    assert "http" not in re.sub(r"base64,[^\"]*", "", page).replace("http-equiv", "")
    assert "url(" not in page


def test_a_large_folder_is_sampled_evenly(pictures, tmp_path):
    assert evenly("abcdefghij", 5) == list("acegi")
    assert evenly("abc", 9) == list("abc")
    assert evenly("", 9) == []
    page = Elements(sheet(pictures, plant(pictures, tmp_path / "out", TinyGrid()), count=1))
    assert "1 of 2 pictures, 2 masked" in page.words()
    assert len(page.all("article")) == 1
    with pytest.raises(ContactSheetError, match="ask for at least 1"):
        evenly("abc", 0)


def test_findings_of_other_pictures_are_refused(pictures, tmp_path):
    folder = plant(pictures, tmp_path / "out", Planted("objects", OBJECTS), TinyGrid())
    Image.new("RGB", (40, 60)).save(pictures.folder / "small.jpg")
    with pytest.raises(FeatureError, match=r"made from other pictures .* extract the kind grid again"):
        read_kinds(folder, pictures_of_folder(pictures.folder))


def test_kinds_are_read_whole_or_refused(pictures, tmp_path):
    with pytest.raises(FeatureError, match=r"no result of an extractor; make one with `mner extract .* KIND --to"):
        read_kinds(tmp_path, pictures)
    folder = plant(pictures, tmp_path / "out", TinyGrid(kind="crops"), Planted("objects", OBJECTS))
    crops, objects = read_kinds(folder, pictures)
    assert (crops.kind, objects.kind) == ("crops", "objects")
    assert crops.found["small"] == RegionShape(16, 8, crops.found["small"].boxes)
    assert crops.found["small"].boxes[5] == (0.25, 0.25, 0.5, 0.5)
    assert objects.found == {"large": OBJECTS, "small": OBJECTS}
    assert {image: one.kind for image, one in objects.refused.items()} == {
        "text": "wrong format",
        "torn": "damaged",
    }
    path = folder / "objects.json"
    whole = json.loads(path.read_text())
    tags = {"provenance": {**whole["provenance"], "kind": "tags"}, "found": {"small": {"tags": []}}}
    nameless = {**whole, "provenance": {"kind": "objects"}}
    for content, message in (
        (tags, r"objects\.json holds the kind 'tags'; extract the kind objects again"),
        (nameless, r"not what an extraction wrote \('pictures_sha256'\)"),
    ):
        write_json_atomically(path, content)
        with pytest.raises(FeatureError, match=message):
            read_kinds(folder, pictures)
    write_json_atomically(path, {**whole, "found": {"large": whole["found"]["large"]}})
    with pytest.raises(FeatureError, match=names("1")):
        read_kinds(folder, pictures)
    (folder / "objects.findings.json").unlink()
    write_json_atomically(path, whole)
    with pytest.raises(FeatureError, match=r"no list of masked pictures .* extract the kind objects again"):
        read_kinds(folder, pictures)
    (folder / "objects.json").unlink()
    store = folder / "crops.safetensors"
    store.write_bytes(store.read_bytes()[:-5])
    with pytest.raises(
        FeatureError, match=r"crops\.safetensors: not what an extraction wrote .* extract again"
    ) as error:
        read_kinds(folder, pictures)
    assert "dvc repro" not in str(error.value), "the pipeline has not made it"


def test_captions_of_ones_own_are_texts_by_id(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text('{"a": "a dog"}')
    assert read_captions(path) == {"a": "a dog"}
    for content, message in (
        ("[1]", "one JSON object"),
        ('{"a": 3}', "caption of 'a' is not a text"),
        ("{", "no JSON"),
    ):
        path.write_text(content)
        with pytest.raises(ContactSheetError, match=message):
            read_captions(path)
    with pytest.raises(ContactSheetError, match=names("gone.json")):
        read_captions(tmp_path / "gone.json")


def test_the_command_writes_the_page_beside_the_results(pictures, tmp_path, monkeypatch, capsys):
    from mner.cli.main import main

    folder = plant(pictures, tmp_path / "out", Planted("objects", OBJECTS))
    write_profile(tmp_path)
    shutil.copytree(TEMPLATES, tmp_path / "reports" / "templates")
    monkeypatch.chdir(tmp_path)
    to = tmp_path / "sheet.html"
    assert main(["sheet", str(pictures.folder), "--found", str(folder), "--to", str(to)]) == 0
    assert "objects; 2 pictures masked" in capsys.readouterr().out
    assert len(Elements(to.read_text(encoding="utf-8")).all("article")) == 2
    assert main(["sheet", str(pictures.folder), "--found", str(tmp_path), "--to", str(to)]) == 2
    assert "no result of an extractor" in capsys.readouterr().err
