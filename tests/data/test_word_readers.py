"""Readers of pictures in words: what they give, and errors that name file and line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from mner.data.corpus import SPLITS, CorpusError, Sentence
from mner.data.side_data import read_side
from mner.data.word_readers import (
    Known,
    knowledge_by_image,
    read_descriptions,
    read_knowledge,
    read_owl,
    read_strength,
)


def written(folder: Path, text: str) -> Path:
    path = folder / "file.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_descriptions_captions_and_scores_are_by_image(tmp_path: Path) -> None:
    line = json.dumps({"image_name": "a_1.jpg", "description": "It shows\n\na dog."})
    assert read_descriptions(written(tmp_path, line + "\n")) == {"a_1": "It shows a dog."}
    text = "imgid:a###One. \n\nTwo.\nimgid:O_2###Three\n"
    assert read_owl(written(tmp_path, text)) == {"a": "One. Two.", "O_2": "Three"}
    assert read_strength(written(tmp_path, "a.jpg\t0.25\nb.jpg\t3e-05\n")) == {"a": 0.25, "b": 3e-05}


@pytest.mark.parametrize(
    ("read", "text", "line"),
    [
        (read_descriptions, '{"image_name": "a.jpg"}', 1),
        (read_descriptions, '{"image_name": "a.jpg", "description": 3}', 1),
        (read_descriptions, '{"image_name": "a.jpg", "description": ""}\nno json', 2),
        (read_descriptions, '{"image_name": "a.jpg", "description": ""}\n' * 2, 2),
        (read_owl, "text first\n", 1),
        (read_owl, "imgid:a###x\nimgid:b without a mark\n", 2),
        (read_owl, "imgid:a###x\nimgid:a###y\n", 2),
        (read_strength, "a.jpg 0.5\n", 1),
        (read_strength, "a.jpg\t0.5\nb.jpg\t1.5\n", 2),
        (read_strength, "a.jpg\tnan\n", 1),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, read, text: str, line: int) -> None:
    path = written(tmp_path, text)
    with pytest.raises(CorpusError) as caught:
        read(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def archive(folder: Path, **members: str) -> Path:
    path = folder / "2017.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in members.items():
            opened.writestr(f"{name}.txt", text)
    return path


TWEET = "in\tO\r\nOslo\tB-LOC\r\n<EOS>\tX\r\nOslo\tX\r\nis\tX\r\n\r\n"


def test_knowledge_stands_behind_the_tweets_words(tmp_path: Path) -> None:
    known = read_knowledge(archive(tmp_path, train=TWEET * 2, valid=TWEET.rstrip(), test=TWEET))
    one = Known(("in", "Oslo"), "Oslo is")
    assert known == {"train": (one, one), "dev": (one,), "test": (one,)}


@pytest.mark.parametrize("broken", ["in\tO\n\n", "<EOS>\tX\nOslo\tX\n\n", "in O\n"])
def test_a_tweet_without_words_or_knowledge_is_named(tmp_path: Path, broken: str) -> None:
    path = archive(tmp_path, train=TWEET, valid=broken, test=TWEET)
    with pytest.raises(CorpusError) as caught:
        read_knowledge(path)
    assert str(caught.value).startswith(f"{path}/valid.txt:")


def test_no_archive_and_a_missing_member_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        read_knowledge(written(tmp_path, "no archive"))
    with pytest.raises(CorpusError):
        read_knowledge(archive(tmp_path, train=TWEET, valid=TWEET))


def test_knowledge_goes_to_the_tweets_of_its_words_in_order() -> None:
    def sentence(index: int, image: str, *words: str) -> Sentence:
        return Sentence(index, image, words, ("O",) * len(words))

    splits = {
        "train": (sentence(0, "a", "x"), sentence(1, "b", "y", "\u00a0"), sentence(2, "c", "x")),
        "dev": (),
        "test": (sentence(0, "d", "x"),),
    }
    known: dict[str, tuple[Known, ...]] = dict.fromkeys(SPLITS, ())
    known["train"] = (Known(("x",), "1"), Known(("x",), "2"), Known(("y",), "3"))
    assert knowledge_by_image(splits, known, "f") == {"a": "1", "c": "2", "b": "3"}
    with pytest.raises(CorpusError):
        knowledge_by_image(splits, {**known, "dev": (Known(("x",), "1"),)}, "f")


def test_words_are_read_from_files_of_their_own(tmp_path: Path) -> None:
    files = {
        "images": {"invalid": ["b"]},
        "captions": {"blip2": {"a": "a dog"}},
        "objects": {},
        "retrieval": {"k": 10, **{split: [] for split in SPLITS}},
        "descriptions": {"a": "a long text", "b": "Invalid image."},
        "knowledge": {"a": "known", "b": "known too"},
    }
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    side = read_side(tmp_path, captions="descriptions", objects=None, words=("descriptions", "knowledge"))
    both = side.image_text("a")
    assert (both.captions, both.descriptions, both.knowledge) == (("a long text",), "a long text", "known")
    assert (side.image_text("b").descriptions, side.image_text("b").knowledge) == ("", "known too")
    plain = read_side(tmp_path, captions="blip2", objects=None).image_text("a")
    assert (plain.captions, plain.descriptions, plain.knowledge) == (("a dog",), "", "")
    with pytest.raises(CorpusError):
        read_side(tmp_path, captions="blip2", objects=None, words=("faces",))


def test_public_pictures_in_words_are_what_is_documented(mirror: Path) -> None:
    from mner.data.sources import select, words_of

    (source,) = select(copy="descriptions")
    found = read_descriptions(mirror / source.path)
    assert len(found) == 4819
    assert words_of("twitter2017") == {"descriptions", "owl", "faces", "knowledge"}
    assert words_of("twitter2015") == {"owl", "knowledge"}  # faces: training pictures alone
