"""Users' CoNLL files: every common form reads to the same words and tags; the rest is refused with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mner.data.conll_forms import read_conll_file
from mner.data.user_file import LARGEST, UnreadableFileError, printable

ROWS = (("7001", ("Ida", "sees", "Bergen"), ("B-PER", "O", "B-LOC")), ("7002", ("Fjordtech",), ("B-ORG",)))


def text(separator: str = "\t", image: str = "IMGID:{}", blank: str = "") -> str:
    lines = []
    for one, words, tags in ROWS:
        lines += [image.format(one), *(f"{w}{separator}{t}" for w, t in zip(words, tags, strict=True)), blank]
    return "\n".join(lines) + "\n"


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return [(one.image, one.words, one.columns["tags"]) for one in read_conll_file(path).sentences]


FORMS = {
    "byte order mark": "\ufeff" + text(),
    "CRLF": text().replace("\n", "\r\n"),
    "CR alone": text().replace("\n", "\r"),
    "no final blank line": text().rstrip("\n"),
    "blank lines that hold a blank": text(blank=" "),
    "blank lines that hold a tab": text(blank="\t "),
    "many blank lines": "\n\n" + text(blank="\n\n"),
    "blanks": text(" "),
    "several blanks": text("   "),
    "trailing blank": text().replace("B-PER", "B-PER "),
    "trailing tab": text().replace("B-PER", "B-PER\t"),
    "DOCSTART": "-DOCSTART- -X- -X- O\n\n" + text(),
    "suffix": text(image="IMGID:{}.jpg"),
    "other suffix": text(image="IMGID:{}.PNG"),
    "lower case": text(image="imgid:{}"),
    "blank behind": text(image="IMGID: {}"),
    "tab behind": text(image="IMGID\t{}"),
    "said twice": text(image="IMGID:{0}\nIMGID:{0}"),
    "no blank line between": text().replace("\n\nIMGID", "\nIMGID"),
    "header": "word\ttag\n" + text(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_the_same(tmp_path: Path, form: str) -> None:
    assert rows(write(tmp_path, FORMS[form])) == list(ROWS)


@pytest.mark.parametrize(
    "word", ["\u00a0", "\u200b", "\ufe0f", "a\x00b", "\u2028", "#", "IMGID:5", "IMGID", "[", "{", "New York"]
)
def test_words_are_kept_as_they_stand(tmp_path: Path, word: str) -> None:
    path = write(tmp_path, text().replace("sees", word))
    assert rows(path)[0][1] == ("Ida", word, "Bergen")


def test_ids_may_be_absent_or_repeated_and_it_is_said(tmp_path: Path) -> None:
    repeated = read_conll_file(write(tmp_path, text().replace("7002", "7001")))
    assert [one.image for one in repeated.sentences] == ["7001", "7001"]
    assert len(repeated.findings) == 1
    partly = read_conll_file(write(tmp_path, text().replace("IMGID:7002\n", "")))
    assert [one.image for one in partly.sentences] == ["7001", ""]
    assert len(partly.findings) == 1


@pytest.mark.parametrize("separator", ["\t", " "])
def test_three_columns_are_word_gold_predicted_unless_named(tmp_path: Path, separator: str) -> None:
    content = separator.join(("Ida", "B-PER", "O")) + "\n"
    (one,) = read_conll_file(write(tmp_path, content)).sentences
    assert one.columns == {"gold": ("B-PER",), "predicted": ("O",)}
    (one,) = read_conll_file(write(tmp_path, content), ["word", "predicted", "gold"]).sentences
    assert one.columns == {"predicted": ("B-PER",), "gold": ("O",)}


def test_more_columns_are_read_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "Ida NNP B-NP B-PER\n")
    (one,) = read_conll_file(path, ["word", "pos", "chunk", "tag"]).sentences
    assert one.columns == {"tags": ("B-PER",)}
    with pytest.raises(UnreadableFileError) as refused:
        read_conll_file(path, ["word", "tag"])
    assert refused.value.line == 1


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (b"", None, "empty"),
        (b"\n \n\t\n", None, "blank lines"),
        ("Ida NNP B-NP B-PER\n", 1, "4 columns"),
        (text() + "# note\n", 9, "comment"),
        (text().replace("sees\tO", "sees"), 3, "without a tag"),
        (text().replace("sees\tO", "\tO"), 3, "empty word"),
        (text().replace("sees\tO", "sees\u00a0O"), 3, "no-break"),
        (text() + "IMGID:7003\n\n", 9, "no word"),
        (text().encode("utf-16"), None, "UTF-16"),
        (text().encode("utf-16-le"), None, "UTF-16"),
        (text().replace("Ida", "Idá").encode("latin-1"), 2, "Latin-1"),
        ('{"words": ["Ida"], "tags": ["B-PER"]}\n' * 2, 1, "JSON lines"),
        ("<!DOCTYPE html>\n<html></html>\n", 1, "HTML"),
        ("processed 3 tokens with 2 phrases; found: 2\n", 1, "report"),
        (b"PK\x03\x04 and more", None, "zip"),
        (bytes(4096), None, "binary"),
        ("Ida\nsees\n", 1, "one column"),
    ],
)
def test_what_cannot_be_read_names_form_and_line(
    tmp_path: Path, content: str | bytes, line: int | None, found: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(UnreadableFileError) as refused:
        read_conll_file(path)
    assert (refused.value.path, refused.value.line) == (path, line)
    assert found in refused.value.found
    assert refused.value.expected
    assert "\n" not in str(refused.value)


def test_only_regular_files_of_a_sensible_size_are_opened(tmp_path: Path) -> None:
    pipe, sparse = tmp_path / "pipe", tmp_path / "sparse"
    os.mkfifo(pipe)
    with sparse.open("wb") as handle:
        handle.truncate(LARGEST + 1)
    for path, found in ((pipe, "a FIFO"), (Path("/dev/zero"), "a character device"), (tmp_path, "a folder")):
        with pytest.raises(UnreadableFileError) as refused:
            read_conll_file(path)
        assert refused.value.found == found
    with pytest.raises(UnreadableFileError) as refused:
        read_conll_file(sparse)
    assert "bytes" in refused.value.found


def test_no_escape_sequence_of_a_file_reaches_a_message(tmp_path: Path) -> None:
    path = tmp_path / "odd\x1b[2J.txt"
    path.write_text("Ida\tB-PER\nsees\x1b[31m\n", encoding="utf-8")
    with pytest.raises(UnreadableFileError) as refused:
        read_conll_file(path)
    assert refused.value.line == 2
    assert "\x1b" not in str(refused.value)
    assert printable("a\x1b\u202eb\n") == "a\\x1b\\u202eb\\x0a"
