"""A run with weights tags new sentences as it tagged its own, from the run and from a saved folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from support import tiny

import mner
from mner.cli import main as cli
from mner.data.corpus import read_corpus, read_tags
from mner.tagger.picture_words import PredictError
from mner.tagger.pretrained_folder import RECIPE, PretrainedError, load


@pytest.fixture
def run(world: Path) -> Path:
    tiny.change_parameters(world, lambda raw: raw["recipe"].update(keep_weights=True))
    tiny.train(world, "bert-crf")
    return world / "runs" / "tiny" / tiny.DATASET / "bert-crf" / "1"


def test_it_tags_as_the_run_did_from_the_run_and_from_a_saved_folder(
    run: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = [
        one.words for one in read_corpus(world / "data" / tiny.DATASET / "corpus", tiny.DATASET).split("test")
    ]
    expected = [tuple(tags) for tags in read_tags(run / "test.own.jsonl")]
    tagger = mner.load(run)
    assert [one.tags for one in tagger.predict_all(sentences)] == expected

    tagger.save_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert [one.tags for one in again.predict_all(sentences)] == expected

    lines = "\n".join(json.dumps({"words": list(words)}) for words in sentences)
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert cli.main(["predict", str(tmp_path / "saved")]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [tuple(row["tags"]) for row in printed] == expected
    for row in printed:
        for span in row["spans"]:
            assert span["text"] == " ".join(row["words"][span["start"] : span["end"]])


def test_what_cannot_be_loaded_or_tagged_is_said(run: Path, tmp_path: Path) -> None:
    tagger = load(run)
    for words in ([], [()]):
        with pytest.raises(PredictError):
            tagger.predict_all(words)
    with pytest.raises(PredictError):
        tagger.predict(["a"], image=tmp_path / "absent.jpg")
    tagger.save_pretrained(tmp_path / "saved")
    row = json.loads((tmp_path / "saved" / RECIPE).read_text())
    for change in (
        {"format": 9},
        {"versions": {"system": 99, "protocol": 1}},
        {"encoder_sha256": "0"},
        {"labels": ["O"]},
    ):
        (tmp_path / "saved" / RECIPE).write_text(json.dumps({**row, **change}))
        with pytest.raises(PretrainedError):
            load(tmp_path / "saved")
    (run / "weights.safetensors").unlink()
    with pytest.raises(PretrainedError):
        load(run)
    with pytest.raises(PretrainedError):
        load(tmp_path)
