"""Pictures of new sentences: words that are given, words that an extractor makes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from support import tiny
from support.profile_settings import write_profile

from mner.cli import main as cli
from mner.config import load as load_config
from mner.data.controls.planting import plan_controls, write_controls
from mner.data.controls.sentences import Example
from mner.data.side_data import read_side
from mner.features.found import Caption, Detection, Found, Lines, Objects, TextLine
from mner.tagger.picture_words import Maker, Picture, PictureReader, PredictError, UnreadPictureError, makers_of
from mner.tagger.pretrained_folder import load
from mner.training.experiment import Cell
from mner.training.runs import train_cell
from mner.training.trackers import NoTracker

CPU = torch.device("cpu")
BOX = (0.0, 0.0, 1.0, 1.0)


class _Planted:
    """An extractor that finds what it was made with, and remembers the pictures' sizes."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self.sizes: list[tuple[int, int]] = []

    def prepare(self, image: Image.Image) -> tuple[int, int]:
        return image.size

    def extract(self, prepared: list[tuple[int, int]]) -> list[Found]:
        self.sizes += prepared
        return [self._found] * len(prepared)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (30, 20), "red").save(path)
    return path


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> dict[str, _Planted]:
    """Extractors by name, each loaded once."""
    found = {
        "c": _Planted(Caption("a red field")),
        "o": _Planted(Objects((Detection("person", 0.9, BOX), Detection("dog", 0.2, BOX)))),
        "l": _Planted(Lines((TextLine("SALE", 0.8, BOX), TextLine("?", 0.1, BOX)))),
    }
    waiting = dict(found)
    monkeypatch.setattr("mner.tagger.picture_words.load_extractor", lambda name, *_: waiting.pop(name))
    return found


MAKERS = {"captions": Maker("c"), "objects": Maker("o", score=0.5), "ocr": Maker("l", score=0.5)}


def test_what_is_not_said_is_made_by_the_extractors_of_training(
    picture: Path, planted: dict[str, _Planted]
) -> None:
    reader = PictureReader("row", set(MAKERS), MAKERS, CPU)
    words = reader.words_of(Picture(file=picture))
    assert (words.captions, words.objects, words.ocr) == (("a red field",), ("person",), "SALE")
    said = reader.words_of(Picture("mine", (), file=picture))
    assert (said.captions, said.objects, said.ocr) == (("mine",), (), "SALE")
    assert planted["c"].sizes == [(30, 20)]
    assert planted["l"].sizes == [(30, 20)] * 2


def test_a_row_makes_nothing_that_it_does_not_read(picture: Path, planted: dict[str, _Planted]) -> None:
    assert PictureReader("row", {"ocr"}, MAKERS, CPU).words_of(Picture(file=picture)).captions == ()
    assert planted["c"].sizes == []


def test_published_words_are_asked_for_by_name(picture: Path) -> None:
    reader = PictureReader("row", {"captions", "objects", "descriptions"}, {}, CPU)
    with pytest.raises(UnreadPictureError) as refused:
        reader.words_of(Picture("a caption", file=picture))
    assert refused.value.lacking == ("objects", "descriptions")
    words = reader.words_of(Picture("a caption", ("dog",), None, {"descriptions": "long"}, picture))
    assert (words.captions, words.objects, words.descriptions) == (("a caption",), ("dog",), "long")


def test_an_extractor_that_cannot_be_had_is_refused_with_the_inputs(picture: Path) -> None:
    reader = PictureReader("row", {"captions"}, {"captions": Maker("no-such-extractor")}, CPU)
    with pytest.raises(UnreadPictureError) as refused:
        reader.words_of(Picture(file=picture))
    assert refused.value.lacking == ("captions",)


def test_what_is_no_picture_and_what_nobody_reads_is_refused(tmp_path: Path, planted: dict[str, _Planted]) -> None:
    reader = PictureReader("row", {"captions"}, MAKERS, CPU)
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"no picture")
    for wrong in (Picture(file=tmp_path / "absent.png"), Picture(file=torn), Picture(further={"smell": "x"})):
        with pytest.raises(PredictError):
            reader.words_of(wrong)


def test_makers_are_those_of_extracted_inputs(tmp_path: Path) -> None:
    config = tiny.make_world(tmp_path)
    assert makers_of(config, tiny.DATASET, {"captions", "objects"}) == {}
    tiny.change_parameters(tmp_path, lambda raw: raw["data"]["objects"].update({tiny.DATASET: "extracted"}))
    found = makers_of(tiny.cell_of(tmp_path).config, tiny.DATASET, {"captions", "objects"})
    assert set(found) == {"objects"}
    assert found["objects"].score == config.data.minimum_score


def test_a_saved_row_keeps_what_it_reads_and_who_made_it(world: Path, tmp_path: Path, picture: Path) -> None:
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(keep_weights=True))
    tiny.train(world, "ita")
    tagger = load(world / "runs" / "tiny" / tiny.DATASET / "ita" / "1")
    tagger.save_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.recipe == tagger.recipe
    words = ["alice", "visits", "paris", "today"]
    with pytest.raises(UnreadPictureError) as refused:
        again.predict(words, image=picture)
    assert refused.value.lacking == ("captions", "objects")
    given = again.predict(words, "a person in a street", picture, objects=["person"])
    assert given == tagger.predict(words, "a person in a street", objects=["person"])


@pytest.mark.slow  # trains a row of profile controls
def test_the_picture_decides_the_type_of_an_ambiguous_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = "controls-positive"
    config = load_config(write_profile(tmp_path, "controls", lambda raw: _small(raw, dataset)))
    monkeypatch.chdir(tmp_path)
    write_controls(dataset, tmp_path / "data" / dataset, config.controls)
    train_cell(Cell(config, dataset, "ita-all-cva", tmp_path), CPU, "a test", print, NoTracker())
    run = tmp_path / "runs" / "controls" / dataset / "ita-all-cva" / "1"
    side = read_side(tmp_path / "data" / dataset / "side", captions="planted", objects="planted")
    seen = [
        one
        for one in plan_controls(dataset, config.controls)["test"]
        if one.draft.ambiguous is not None and one.shown == one.draft.ambiguous and one.image in side.captions
    ][:60]
    others = [next(two for two in seen if two.shown != one.shown) for one in seen]
    tagger = load(run)

    def types(pictures: list[Example]) -> list[set[str]]:
        """Types that are found in the sentences with these pictures."""
        known = [side.image_text(one.image) for one in pictures]
        given = [Picture(one.captions[0], one.objects) for one in known]
        tagged = tagger.predict_all([one.draft.words for one in seen], given)
        return [{span.type for span in found.spans} for found in tagged]

    own, changed = types(seen), types(others)
    follows = sum(two.shown in found for two, found in zip(others, changed, strict=True))
    anyway = sum(two.shown in found for two, found in zip(others, own, strict=True))
    assert follows > 1.5 * anyway
    assert sum(one.shown in found for one, found in zip(seen, own, strict=True)) > anyway

    one, other = next(
        (one, other)
        for one, other, found, after in zip(seen, others, own, changed, strict=True)
        if one.shown in found - after and other.shown in after - found
    )
    capsys.readouterr()
    printed = []
    for picture in (one, other):
        known = side.image_text(picture.image)
        typed = ["predict", str(run), "--text", " ".join(one.draft.words), "--caption", known.captions[0]]
        assert cli.main([*typed, "--objects", *known.objects]) == 0
        printed.append({span["type"] for span in json.loads(capsys.readouterr().out)["spans"]})
    assert one.shown in printed[0] - printed[1]
    assert other.shown in printed[1] - printed[0]


def _small(raw: dict[str, Any], dataset: str) -> None:
    raw["active"] |= {"datasets": [dataset], "systems": ["ita-all-cva"], "seeds": [1]}
    raw["recipe"] |= {"keep_weights": True, "views": ["own"]}
