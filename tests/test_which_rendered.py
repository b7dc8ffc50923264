"""What ``mner which`` prints: the closest copies in numbers, and every difference at its word."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mner.data import which as which_module
from mner.data.sources import SourceFile
from mner.data.which import render, which


def blocks(*sentences: tuple[str, str]) -> str:
    """A file of (image, words) in which every word is outside of entities."""
    return "".join(
        f"IMGID:{image}\n" + "".join(f"{word}\tO\n" for word in words.split()) + "\n" for image, words in sentences
    )


def source(folder: Path, copy: str, text: str, split: str = "dev") -> SourceFile:
    path = folder / copy / split
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    content, role = path.read_bytes(), "retrieval" if copy == "rgcn" else "sentences"
    digest = hashlib.sha256(content).hexdigest()
    return SourceFile(f"{copy}/{split}", len(content), digest, "", role, copy, "twitter2015", split)


def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mine: str, **copies: str) -> str:
    """What is printed of a file, held against these copies, which lie in a mirror."""
    mirror, path = tmp_path / "mirror", tmp_path / "mine.txt"
    monkeypatch.setattr(which_module, "SOURCES", tuple(source(mirror, *one) for one in copies.items()))
    path.write_text(mine, encoding="utf-8")
    return render(which(path, cache=tmp_path / "cache", mirrors=(mirror,)))


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


COPY = blocks(*((str(number), f"word{number} two three four") for number in range(10)))


def test_copies_are_listed_closest_first_with_what_they_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_tag = COPY.replace("word3\tO", "word3\tB-PER")
    one_word = one_tag.replace("word5\t", "other\t")
    few = blocks(("0", "word0 two three four"), *((f"x{n}", f"strange{n}") for n in range(5)))
    text = shown(tmp_path, monkeypatch, COPY, agban=one_word, umgf=one_tag, umt=few)
    found = rows(text)
    head = next(place for place, row in enumerate(found) if row[:2] == ["copy", "sentences"])
    assert found[head + 1 : head + 4] == [
        ["umgf", "twitter2015", "dev", "10", "10", "9", "10", "100.0%", "10"],
        ["agban", "twitter2015", "dev", "10", "9", "8", "9", "90.0%", "10"],
        ["umt", "twitter2015", "dev", "6", "1", "1", "1", "16.7%", "1"],
    ]
    assert "no known copy; closest: umgf twitter2015 dev" in text
    assert (
        "against umgf twitter2015 dev: 9 sentences agree, 1 differ, 0 only in the file, 0 only in the copy" in text
    )
    assert "order" not in text


def test_copies_that_share_next_to_nothing_are_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [(f"x{number}", f"else{number}") for number in range(9)]
    tenth, less = (blocks(("0", "word0 two three four"), *others[:count]) for count in (8, 9))
    many = COPY + blocks(("10", "word10 two three four"))
    assert "umgf twitter2015" in shown(tmp_path, monkeypatch, many, umt=COPY, umgf=tenth), "a ninth is listed"
    many += blocks(*((f"y{number}", f"more{number}") for number in range(9)))
    less += blocks(("z", "one more"))
    assert "umgf twitter2015" not in shown(tmp_path, monkeypatch, many, umt=COPY, umgf=less)


def test_a_copy_with_the_same_bytes_comes_before_one_with_the_same_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(tmp_path, monkeypatch, COPY, umt=COPY + "\n", umgf=COPY)
    assert "exactly: umgf twitter2015 dev, umt twitter2015 dev (words and tags of every sentence)" in text
    assert "byte for byte: umgf twitter2015 dev\n" in text
    assert "against" not in text


def test_records_with_lists_are_a_copy_too_and_side_data_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, ten = " ".join(["0.5"] * 10), " ".join(["1.jpg"] * 10)
    records = "".join(
        f"word{n} two three four\nO O O O\n{n}.jpg\n{scores}\n{ten}\n{scores}\n{ten}\n" for n in range(10)
    )
    text = shown(tmp_path, monkeypatch, COPY, blip2="1.jpg :a dog\n", rgcn=records)
    assert "exactly: rgcn twitter2015 dev" in text
    assert "blip2" not in text
    assert "10 sentences, R-GCN records\n" in shown(tmp_path, monkeypatch, records, umt=COPY)


def test_a_difference_is_shown_at_its_words_on_either_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = COPY.replace("IMGID:2\n", "IMGID:77\n").replace(
        "two\tO\nthree\tO\nfour\tO\n\nIMGID:5", "a\tO\n\nIMGID:5"
    )
    mine = mine.replace("word7\tO\ntwo\tO\n", "word7\tO\n").replace("word8\tO\n", "word8\tI-LOC\n")
    found = rows(shown(tmp_path, monkeypatch, mine, umt=COPY))
    head = found.index(["sentence", "image", "word", "text", "file", "copy"])
    assert found[head + 1 : head + 5] == [
        ["3", "77", "-", "image", "id", "77", "2"],
        ["5", "4", "2", "other", "words", "'a'", "'two'", "'three'", "'four'"],
        ["8", "7", "2", "other", "words", "(absent)", "'two'"],
        ["9", "8", "1", "'word8'", "I-LOC", "O"],
    ]


def test_many_sentences_of_one_side_are_told_as_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = blocks(*((str(n), f"word{n}") for n in range(100)))
    added = blocks(*((f"x{n}", f"new{n}") for n in range(31)))
    text = shown(tmp_path, monkeypatch, copy + added, umt=copy)
    assert "only in the file: sentences 101-131\n" in text
    scattered = blocks(*((str(n), f"word{n}" if n % 2 else f"new{n}") for n in range(100)))
    text = shown(tmp_path, monkeypatch, scattered, umt=blocks(*((f"c{n}", f"word{n}") for n in range(100))))
    ranges = ", ".join(str(n) for n in range(1, 60, 2))
    assert f"only in the file: sentences {ranges}, ...\n" in text
    assert f"only in the copy: sentences {ranges}, ...\n" in text
    assert "new0" not in text


def test_a_long_list_of_differences_is_cut_and_says_how_much_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = blocks(*((str(n), f"word{n}") for n in range(90)))
    text = shown(tmp_path, monkeypatch, copy.replace("\tO", "\tB-PER"), umt=copy)
    assert "... and 30 more lines\n" in text
    assert len([line for line in text.splitlines() if "B-PER" in line]) == 60
    text = shown(tmp_path, monkeypatch, copy.replace("\tO", "\tB-PER", 60), umt=copy)
    assert "more lines" not in text
