"""What ``mner which`` prints: the closest copies in numbers, and every difference at its word."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from mner.data import dataset_versions as which_module
from mner.data.dataset_versions import Report, which
from mner.data.sources import SourceFile
from mner.data.version_report import render, to_json


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


def leaking(test: str, rest: int) -> str:
    """A training file that holds sentences of a test split among invented ones."""
    return test + blocks(*((f"z{number}", f"invented{number} words") for number in range(rest)))


def report_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mine: str, **splits: str) -> Report:
    """The report of a file held against a test and a train split of one version."""
    mirror, path = tmp_path / "mirror", tmp_path / "mine.txt"
    made = tuple(source(mirror, "umt", text, split) for split, text in splits.items())
    monkeypatch.setattr(which_module, "SOURCES", made)
    path.write_text(mine, encoding="utf-8")
    return which(path, cache=tmp_path / "cache", mirrors=(mirror,))


TRAIN = blocks(*((f"t{number}", f"training{number} two three") for number in range(30)))


def test_test_sentences_in_training_data_are_warned_of_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seven = "\n\n".join(COPY.split("\n\n")[:7]) + "\n\n"
    report = report_on(tmp_path, monkeypatch, leaking(TRAIN + seven, 200), train=TRAIN, test=COPY)
    (leak,) = report.leaks
    assert (leak.source.split, leak.words, leak.sentences, leak.images) == ("test", 7, 10, 7)
    assert render(report).startswith("WARNING")
    first = to_json(report)["warnings"][0]
    assert (first["split"], first["share_of_split"]) == ("test", 0.7)
    listed = [match.source.split for match in report.matches if match.listed(report.sentences)]
    assert set(listed) == {"train", "test"}, "a split is listed by its own share too"


def test_a_lower_cased_or_reworded_leak_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upper = COPY.replace("word", "Word")
    report = report_on(tmp_path, monkeypatch, leaking(COPY, 100), test=upper, train=TRAIN)
    assert [(leak.words, leak.plain) for leak in report.leaks] == [(0, 10)]
    reworded = COPY.replace("word", "token")
    report = report_on(tmp_path, monkeypatch, leaking(reworded, 100), test=upper, train=TRAIN)
    assert [(leak.shared, leak.images) for leak in report.leaks] == [(0, 10)]


def test_a_test_split_itself_is_no_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mine in (COPY, "\n\n".join(COPY.split("\n\n")[:5]) + "\n", COPY.replace("word", "token")):
        assert report_on(tmp_path, monkeypatch, mine, train=TRAIN, test=COPY).leaks == ()


@pytest.mark.parametrize(
    ("dress", "exact"),
    [
        (lambda text: text.replace("\t", " "), True),
        (lambda text: text.replace("\tB-", "\tS-"), True),
        (lambda text: text.replace("IMGID:", "imgid: ").replace("\n", "\r\n"), True),
        (
            lambda text: "".join(f"{line}.png\n" if "IMGID" in line else f"{line}\n" for line in text.split("\n")),
            True,
        ),
        (lambda text: text.upper().replace("IMGID:", "IMGID:"), False),
        (lambda text: text.replace("word", "token"), False),
    ],
    ids=["blanks", "iobes", "ids spelled otherwise", "png", "upper case", "other words"],
)
def test_a_version_is_recognised_in_other_clothes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dress: Callable[[str], str], exact: bool
) -> None:
    text = COPY.replace("word2\tO", "word2\tB-PER")
    report = report_on(tmp_path, monkeypatch, dress(text), test=text, train=TRAIN)
    assert report.matches[0].source.split == "test"
    assert report.comparison is not None
    assert bool(report.exact) == exact
    assert report.matches[0].images == 10


def test_no_escape_sequence_of_a_file_reaches_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = COPY.replace("IMGID:3", "IMGID:3\x1b[2J").replace("word4", "word4\x1b]0;x\x07")
    text = render(report_on(tmp_path, monkeypatch, mine, test=COPY))
    assert "\x1b" not in text
    assert "\x07" not in text
